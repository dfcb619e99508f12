from __future__ import annotations

from pathlib import Path

import pytest

from catalog.errors import SecretError, SecretInlineError, SecretMissingError
from catalog.secrets import SecretRules, check_references, is_reference, is_secret, resolve, resolve_config

VALUE = "hunter2-ünï"


def test_a_variable_is_followed() -> None:
    assert resolve("env:ERP", SecretRules(variables={"ERP": VALUE})) == VALUE


def test_the_servers_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWLOOM_TEST_SECRET", VALUE)
    assert resolve("env:VIEWLOOM_TEST_SECRET") == VALUE


@pytest.mark.parametrize(
    ("written", "expected"), [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("a\r", "a\r"), ("", "")]
)
def test_a_file_loses_one_line_break_at_its_end(tmp_path: Path, written: str, expected: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(written.encode())
    assert resolve(f"file:{path}") == expected


def test_a_missing_secret_is_named_by_its_reference() -> None:
    with pytest.raises(SecretMissingError, match=r"'env:NO_SUCH'.*no such environment variable"):
        resolve("env:NO_SUCH", SecretRules(variables={}))
    with pytest.raises(SecretMissingError, match=r"'file:/no/such'.*No such file"):
        resolve("file:/no/such")
    with pytest.raises(SecretMissingError, match="not a path"):
        resolve("file:a\0b")


@pytest.mark.parametrize("content", [VALUE.encode("utf-16"), b"hunter2" * 20_000])
def test_a_file_that_is_no_secret_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(SecretMissingError) as caught:
        resolve(f"file:{path}")
    assert "hunter" not in repr(caught.value) and caught.value.__cause__ is None


def test_what_the_rules_do_not_allow_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").write_text(VALUE)
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "good").write_text(VALUE)
    rules = SecretRules(("ERP_*",), (tmp_path / "in",), {"ERP_X": VALUE, "PATH": VALUE})
    assert resolve("env:ERP_X", rules) == resolve(f"file:{tmp_path}/in/good", rules) == VALUE
    for reference in ("env:PATH", f"file:{tmp_path}/out", f"file:{tmp_path}/in/../out", f"file:{tmp_path}/in/link"):
        with pytest.raises(SecretMissingError, match="don't allow") as caught:
            resolve(reference, rules)
        assert "VIEWLOOM_SECRET_" in caught.value.hint


@pytest.mark.parametrize("value", [VALUE, "", "env:", "file:", "ENV:X", 5, None, ["env:X"]])
def test_anything_else_is_no_reference(value: object) -> None:
    assert not is_reference(value)
    if isinstance(value, str):
        with pytest.raises(SecretError) as caught:
            resolve(value)
        assert VALUE not in caught.value.message


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"password": VALUE}, "password"),
        ({"password": 5}, "password"),
        ({"auth": {"token": VALUE}}, "auth.token"),
        ({"headers": {"X-Key": VALUE}}, "headers.X-Key"),
        ({"logins": [{"password": "env:A"}, {"password": VALUE}]}, "logins.password"),
        ({"password": {"nested": VALUE}}, "password.nested"),
        ({"password": [VALUE]}, "password"),
    ],
)
def test_an_inline_secret_is_named_wherever_it_stands(config: dict[str, object], named: str) -> None:
    fields = ("password", "auth.token", "headers.*", "logins.password")
    with pytest.raises(SecretInlineError) as caught:
        check_references(config, fields)
    assert caught.value.details == {"field": named}
    assert VALUE not in caught.value.message + caught.value.hint


def test_a_configuration_is_resolved_in_its_secret_fields_only() -> None:
    config = {"user": "env:ERP", "password": "env:ERP", "empty": None, "list": [{"token": "env:ERP"}, 1], "n": 1}
    rules = SecretRules(variables={"ERP": VALUE})
    assert resolve_config(config, ("password", "empty", "list.token"), rules) == {
        "user": "env:ERP",
        "password": VALUE,
        "empty": None,
        "list": [{"token": VALUE}, 1],
        "n": 1,
    }
    assert VALUE not in repr(rules)


def test_a_field_is_secret_by_its_whole_path() -> None:
    assert is_secret(("auth", "token"), ["auth.token"])
    assert not is_secret(("token",), ["auth.token"])
    assert not is_secret(("passwords",), ["password"])

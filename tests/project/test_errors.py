"""Every error that a caller can meet has a code, a status and a place in docs/reference/errors.md."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from catalog.errors import CatalogError
from connectors.sdk.errors import ConnectorError
from engine.errors import EngineError, SourceError
from server.errors import SOURCE_STATUS, STATUS, ServerError, error_fields, status_of
from server.odata.errors import ODataNotImplementedError, ODataRequestError, ODataSyntaxError
from server.operations.errors import OperationError
from server.rest.errors import RestRequestError
from server.settings import SettingError
from tests.project.places import PACKAGES, modules, reference

ODATA = (ODataSyntaxError, ODataNotImplementedError, ODataRequestError)
ROOTS: tuple[type[Exception], ...] = (
    *(CatalogError, ConnectorError, EngineError, ServerError, OperationError, RestRequestError, SettingError),
    *ODATA,
)
# Exceptions that never leave the module that raises them (or the process that they end), and why they are no errors
# of the trees.
INTERNAL = {
    "connectors.sdk.values.BadValueError": "becomes SourceDataError, which knows the place",
    "engine.dialects.operations.InexactError": "keeps a fragment from being pushed; EXPLAIN tells why",
    "engine.encoders.direct_rows._UnlikeError": "sends the answer through DuckDB instead",
    "engine.encoders.plain_rows._UnlikeError": "has DuckDB write these rows instead",
    "engine.engine._JobError": "carries a worker's error event to the place that names it",
    "server.demo.build.MesError": "of the demo's own starter; told by the command line",
    "server.demo.mes.RefusedError": "an HTTP answer of the demo's MES",
    "server.streaming.BrokenAnswerError": "cuts the connection; its cause was told before",
}
ROW = re.compile(r"^\| `([a-z_]+)` \| (\d{3}|–) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def subclasses(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from subclasses(child)


def errors() -> list[type[Exception]]:
    modules()
    found = {kind: None for root in ROOTS for kind in subclasses(root)}
    return [kind for kind in found if kind.__module__.partition(".")[0] in PACKAGES]


def name_of(kind: type[BaseException]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def documented() -> dict[str, str]:
    """Code → status of the page's tables; the first place of a code counts."""
    found: dict[str, str] = {}
    for code, status, _, _ in ROW.findall(reference("errors.md")):
        found.setdefault(code, status)
    return found


def test_every_error_has_a_code_of_its_own() -> None:
    for root in (CatalogError, ConnectorError, EngineError, ServerError, OperationError, RestRequestError):
        seen: dict[str, type[Exception]] = {}
        for kind in subclasses(root):
            if "code" not in vars(kind):
                # A refinement that callers need not tell from its parent.
                assert not kind.__module__.endswith(".errors"), f"{name_of(kind)} has no code of its own"
                continue
            code = str(vars(kind)["code"])
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code), f"{name_of(kind)}: {code!r}"
            assert code not in seen, f"{code!r} is the code of {name_of(kind)} and of {name_of(seen[code])}"
            seen[code] = kind


def test_every_error_is_in_a_tree_or_known_to_be_internal() -> None:
    modules()
    known = set(errors())
    strangers = {
        name_of(kind)
        for kind in subclasses(Exception)
        if kind.__module__.partition(".")[0] in PACKAGES and kind not in known
    }
    assert not strangers - set(INTERNAL), "derive from the root of its package, or say why it never leaves its module"


def test_every_error_has_a_status() -> None:
    without = [name_of(kind) for kind in errors() if not any(parent in STATUS for parent in kind.__mro__)]
    assert not without, "add them to STATUS in server/errors.py"


def test_every_name_in_the_table_of_statuses_is_an_error() -> None:
    assert set(STATUS) <= set(errors())


def test_every_source_status_is_of_a_connector_error() -> None:
    assert set(SOURCE_STATUS) <= {kind.code for kind in subclasses(ConnectorError)}  # type: ignore[attr-defined]


def test_every_error_is_documented_with_its_status() -> None:
    found = documented()
    for kind in errors():
        code = str(kind.code)  # type: ignore[attr-defined]
        assert code in found, f"{name_of(kind)}: add a row for `{code}` to docs/reference/errors.md"
        wanted = next(STATUS[parent] for parent in kind.__mro__ if parent in STATUS)
        if issubclass(kind, ConnectorError):
            wanted = SOURCE_STATUS.get(code, status_of(SourceError("", connection="", source_code=code)))
        assert found[code] == str(wanted), f"`{code}` is answered {wanted}, the document says {found[code]}"


def test_nothing_is_documented_that_does_not_exist() -> None:
    codes = {str(kind.code) for kind in errors()}  # type: ignore[attr-defined]
    assert set(documented()) - codes <= {"client_rate", "connector_bug"}


@pytest.mark.parametrize("package", ["catalog", "connectors.sdk", "engine", "server", "server.operations"])
def test_the_tree_is_drawn_in_the_docstring(package: str) -> None:
    module = next(module for module in modules() if module.__name__ == f"{package}.errors")
    drawn = set(re.findall(r"\b\w+Error\b", module.__doc__ or ""))
    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.__name__:
            assert name in drawn, f"{name} is not in the docstring of {module.__name__}"


def test_an_error_that_is_not_ours_tells_nothing() -> None:
    fields = error_fields(KeyError("a row's value"))
    assert fields["code"] == "internal"
    assert "value" not in str(fields)


def test_a_setting_that_cannot_be_read_is_told_like_any_error() -> None:
    fields = error_fields(SettingError("VIEWLOOM_PORT='x': a number is expected"))
    assert fields["code"] == "setting"
    assert "VIEWLOOM_PORT" in fields["message"]

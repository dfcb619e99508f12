from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import FilesError
from catalog.yaml_file import read_yaml, write_yaml


def test_values_keep_their_types_and_lines() -> None:
    root = read_yaml("a: 1\nb:\n  - x\n  - 1.5\n  - yes\n  - ~\nc: 2026-01-01\nd: '1'\n", "f.yaml")
    assert root.plain() == {"a": 1, "b": ["x", 1.5, True, None], "c": "2026-01-01", "d": "1"}
    assert isinstance(root.value, dict)
    assert root.value["b"].value[1].line == 4


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "---\n", "~"])
def test_an_empty_document_is_null(text: str) -> None:
    assert read_yaml(text, "f.yaml").value is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' stands here twice"),
        ("a: &x 1\nb: *x\n", 1, "anchors"),
        ("a: 1\nb: !!python/object:os.system 1\n", 2, "tag"),
        ("a: !!binary aGk=\n", 1, "tag"),
        ("a: !!map {b: 1}\n", 1, "tag"),
        ("a: !!int x\n", 1, "value of its tag"),
        ("a: 1\nb: .inf\n", 2, "infinity"),
        ("? [a]\n: 1\n", 1, "key must be plain text"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("a: 1\nb: [1\n", 3, "not YAML"),
        ("a: 1\nb: \x07\n", 2, "does not allow"),
        ("[" * 100_000, 1, "nested deeper"),
        ("a: " + "[" * 60 + "]" * 60, 1, "nested deeper"),
    ],
)
def test_what_is_not_supported_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(FilesError) as caught:
        read_yaml(text, "f.yaml")
    assert caught.value.details == {"path": "f.yaml", "line": line}
    assert words in caught.value.message


TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda some: st.lists(some, max_size=3) | st.dictionaries(TEXTS, some, max_size=3))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3))
def test_any_value_survives_its_file(value: dict[str, object]) -> None:
    written = write_yaml(value)
    found = read_yaml(written.encode().decode(), "f.yaml").plain()
    assert repr(found) == repr(value)  # 1, 1.0 and true are told apart


def test_a_value_that_occurs_twice_is_written_twice() -> None:
    shared = ["x"]
    assert write_yaml({"a": shared, "b": shared}) == "a:\n- x\nb:\n- x\n"

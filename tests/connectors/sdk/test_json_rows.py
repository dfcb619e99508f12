"""Rows come out the same however the document is cut into pieces."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest

from connectors.sdk.errors import ConnectorError
from connectors.sdk.json_rows import JsonPage, json_path

DOCUMENT = (
    '\ufeff {"meta": {"next": "u\\u0041", "n": [1, {"a": "]"}]}, "data": {"skip": [[1], 2], "items" : '
    '[ {"id": 123456, "x": -1.50e3, "t": "Łódź \\"}]\\" 😀", "n": null}, {}, '
    '{"id": 0, "b": [true, {"c": []}]} ], "last": 7}, '
    '"cursor": 12345 } \n'
).encode()
WANTED = [
    {"id": 123456, "x": Decimal("-1.50e3"), "t": 'Łódź "}]" 😀', "n": None},
    {},
    {"id": 0, "b": [True, {"c": []}]},
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 16, 64, 1000])
def test_pieces_of_any_size_give_the_same_rows(size: int) -> None:
    pieces = [DOCUMENT[start : start + size] for start in range(0, len(DOCUMENT), size)]
    keep = (json_path("meta.next"), json_path("cursor"), json_path("data.last"), json_path("gone.x"))
    page = JsonPage(pieces, json_path("data.items"), keep)
    assert list(page.rows()) == WANTED
    assert [page.beside(path) for path in keep] == ["uA", 12345, 7, None]


def test_a_document_that_is_cut_anywhere_is_an_error() -> None:
    whole = DOCUMENT.rstrip()
    for length in range(len(whole)):
        with pytest.raises(ConnectorError):
            list(JsonPage([whole[:length]], json_path("data.items")).rows())


def test_a_large_row_in_small_pieces_takes_linear_time() -> None:
    content = json.dumps([{"a": "x" * (4 << 20)}]).encode()
    pieces = (content[start : start + 4096] for start in range(0, len(content), 4096))
    started = time.monotonic()
    assert len(next(JsonPage(pieces, ()).rows())["a"]) == 4 << 20
    assert time.monotonic() - started < 5


def test_paths_are_dotted_or_pointers() -> None:
    assert json_path("") == ()
    assert json_path("a.b") == ("a", "b")
    assert json_path("/a.b/c~1d/e~0f") == ("a.b", "c/d", "e~f")
    for wrong in ("a..b", ".a", "/a//b"):
        with pytest.raises(ValueError, match="path"):
            json_path(wrong)

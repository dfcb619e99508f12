"""Which format a request gets."""

from __future__ import annotations

import pytest

from engine.encoders.encoding import Format
from server.rest.errors import NotAcceptableError
from server.rest.formats import CONTENT_TYPES, choose_format


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Format.JSON),
        ("*/*", Format.JSON),
        ("application/*", Format.JSON),
        ("text/*", Format.CSV),
        ("text/csv", Format.CSV),
        ("TEXT/CSV; charset=utf-8", Format.CSV),
        ("application/x-ndjson", Format.NDJSON),
        ("application/vnd.apache.arrow.stream, application/json;q=0.5", Format.ARROW),
        ("application/json;q=0.5, application/vnd.apache.parquet;q=0.8", Format.PARQUET),
        ("text/csv, application/json", Format.CSV),
        ("*/*, application/json;q=0", Format.NDJSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.JSON),
        ("application/json;q=nonsense, text/csv;q=0.1", Format.CSV),
        ("application/json;q=nan, text/csv;q=0.1", Format.CSV),
    ],
)
def test_the_accept_header_decides(accept: str, expected: Format) -> None:
    assert choose_format(None, accept) is expected


@pytest.mark.parametrize("name", [str(name) for name in Format])
def test_the_parameter_decides_over_the_header(name: str) -> None:
    assert choose_format(name.upper(), "text/html") == name


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*", "*/*;q=0", "application/json;q=0"])
def test_other_forms_are_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptableError) as raised:
        choose_format(None, accept)
    assert "application/json" in raised.value.hint


def test_an_unknown_format_gets_a_suggestion() -> None:
    with pytest.raises(NotAcceptableError) as raised:
        choose_format("parket", "")
    assert raised.value.hint == "did you mean 'parquet'?"


def test_every_format_has_a_content_type() -> None:
    assert set(CONTENT_TYPES) == set(Format)

"""How a REST source splits its rows into pages, and which request comes after a page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from connectors.sdk.connector import ConnectorConfig
from connectors.sdk.json_rows import JsonPage, Path, json_path

Size = Annotated[int, Field(ge=1, le=100_000)]


class _Paging(ConnectorConfig):
    @field_validator("path", "more", check_fields=False)
    @classmethod
    def _is_path(cls, value: str | None) -> str | None:
        if value is not None and not json_path(value):
            raise ValueError("the path of a member is expected, such as paging.next")
        return value


class NextLink(_Paging):
    """The address of the next page stands in the document; null, empty or missing at the end."""

    style: Literal["next_link"]
    path: str = "next"


class LinkHeader(_Paging):
    """The address of the next page stands in a header, `Link: <…>; rel="next"`."""

    style: Literal["link_header"]


class Page(_Paging):
    """Pages are numbered. `last`: an empty page ends the rows, or already a page with fewer than `size` rows.

    `more`: the path of a truth value in the document that says whether another page follows.
    """

    style: Literal["page"]
    parameter: str = "page"
    start: int = 1
    size_parameter: str | None = None
    size: Size | None = None
    last: Literal["empty", "short"] = "empty"
    more: str | None = None


class Offset(_Paging):
    """Pages start at a row number; otherwise as `Page`."""

    style: Literal["offset"]
    parameter: str = "offset"
    start: int = 0
    size_parameter: str | None = "limit"
    size: Size | None = None
    last: Literal["empty", "short"] = "empty"
    more: str | None = None


class Cursor(_Paging):
    """A text in the document is a parameter of the next request; null, empty or missing at the end."""

    style: Literal["cursor"]
    path: str = "next_cursor"
    parameter: str = "cursor"
    size_parameter: str | None = None
    size: Size | None = None


Paging = Annotated[NextLink | LinkHeader | Page | Offset | Cursor, Field(discriminator="style")]


def kept_paths(paging: Paging | None) -> tuple[Path, ...]:
    """What must be kept of each document beside its rows."""
    if isinstance(paging, NextLink | Cursor):
        return (json_path(paging.path),)
    if isinstance(paging, Page | Offset) and paging.more:
        return (json_path(paging.more),)
    return ()


def first_parameters(paging: Paging | None) -> dict[str, str]:
    """The parameters of the first request."""
    found: dict[str, str] = {}
    if isinstance(paging, Page | Offset):
        found[paging.parameter] = str(paging.start)
    if isinstance(paging, Page | Offset | Cursor) and paging.size_parameter and paging.size:
        found[paging.size_parameter] = str(paging.size)
    return found


def next_parameter(paging: Page | Offset | Cursor, number: int, rows: int, page: JsonPage) -> tuple[str, str] | None:
    """The parameter that asks for the page behind one; None if that was the last.

    `number`: how many pages were read; `rows`: how many rows all of them had; `page`: the last one, read to its end.
    """
    if isinstance(paging, Cursor):
        cursor = page.beside(json_path(paging.path))
        return (paging.parameter, str(cursor)) if cursor not in (None, "", False) else None
    if paging.more and page.beside(json_path(paging.more)) is not True:
        return None
    short = paging.last == "short" and paging.size is not None and page.count < paging.size
    if short or (page.count == 0 and not paging.more):
        return None
    return paging.parameter, str(paging.start + (rows if isinstance(paging, Offset) else number))

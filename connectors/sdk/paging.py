"""How a REST source splits its rows into pages, and which request comes after a page."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from connectors.sdk.connector import ConnectorConfig
from connectors.sdk.errors import SourceProtocolError
from connectors.sdk.json_rows import JsonPage, Path, json_path

Size = Annotated[int, Field(ge=1, le=100_000)]


class _Paging(ConnectorConfig):
    @field_validator("path", "more", "total", check_fields=False)
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


class _Counted(_Paging):
    """`last`: an empty page ends the rows, or already a page with fewer than `size` rows. `more`: the path of a truth
    value in the document that says whether another page follows. `total`: the path of the number of all rows, which
    says it too, and shows whether all of them came and whether the source changed meanwhile."""

    size_parameter: str | None = None
    size: Size | None = None
    last: Literal["empty", "short"] = "empty"
    more: str | None = None
    total: str | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.more and self.total:
            raise ValueError("'more' and 'total' both say where the rows end; one of them is expected")
        return self


class Page(_Counted):
    """Pages are numbered."""

    style: Literal["page"]
    parameter: str = "page"
    start: int = 1


class Offset(_Counted):
    """Pages start at a row number."""

    style: Literal["offset"]
    parameter: str = "offset"
    start: int = 0
    size_parameter: str | None = "limit"


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
    if isinstance(paging, Page | Offset):
        return tuple(json_path(path) for path in (paging.more, paging.total) if path)
    return ()


def first_parameters(paging: Paging | None) -> dict[str, str]:
    """The parameters of the first request."""
    found: dict[str, str] = {}
    if isinstance(paging, Page | Offset):
        found[paging.parameter] = str(paging.start)
    if isinstance(paging, Page | Offset | Cursor) and paging.size_parameter and paging.size:
        found[paging.size_parameter] = str(paging.size)
    return found


def total_rows(paging: Paging | None, page: JsonPage) -> int | None:
    """How many rows there are in all, as a page says that was read to its end; None where none is declared."""
    if not isinstance(paging, Page | Offset) or not paging.total:
        return None
    found = page.beside(json_path(paging.total))
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise SourceProtocolError(f"there is no number of rows at {paging.total!r}")
    return found


def next_parameter(paging: Page | Offset | Cursor, number: int, rows: int, page: JsonPage) -> tuple[str, str] | None:
    """The parameter that asks for the page behind one; None if that was the last.

    `number`: how many pages were read; `rows`: how many rows all of them had; `page`: the last one, read to its end.
    Raises SourceProtocolError when there are more or fewer rows than the source says.
    """
    if isinstance(paging, Cursor):
        cursor = page.beside(json_path(paging.path))
        return (paging.parameter, str(cursor)) if cursor not in (None, "", False) else None
    total = total_rows(paging, page)
    if total is not None:
        if rows == total:
            return None
        if rows > total or page.count == 0:
            raise SourceProtocolError(
                f"the source gave {'more' if rows > total else 'fewer'} rows than it says at {paging.total!r}",
                hint="it changed while it was read, or its pages overlap: ask again, or leave 'total' out",
            )
        return later_parameter(paging, number, rows)
    if paging.more and page.beside(json_path(paging.more)) is not True:
        return None
    short = paging.last == "short" and paging.size is not None and page.count < paging.size
    if short or (page.count == 0 and not paging.more):
        return None
    return later_parameter(paging, number, rows)


def later_parameter(paging: Page | Offset, number: int, rows: int) -> tuple[str, str]:
    """The parameter that asks for what is behind so many pages with so many rows."""
    return paging.parameter, str(paging.start + (rows if isinstance(paging, Offset) else number))

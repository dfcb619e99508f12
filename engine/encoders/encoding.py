"""What an answer's bytes look like, as data: a protocol writes one, a worker follows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import cast


class Format(StrEnum):
    """JSON and NDJSON and CSV are text, one piece per row; ARROW is an IPC stream; PARQUET and XLSX are one file."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"
    XLSX = "xlsx"


class NextLink(StrEnum):
    """Where the link to the next page goes: nowhere, behind the rows, or into the head (the page is then held back
    until it is complete)."""

    NONE = "none"
    BODY = "body"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a longer answer. The query asks for one row more than `size` and its last `hidden` columns are the
    values that the next page starts behind; they are not written. A page token is appended to `link`.

    Two neighbours with equal hidden columns are a duplicate key: the answer is broken.
    """

    size: int
    hidden: int
    next_link: NextLink
    link: str = ""
    wanted: int | None = None
    wanted_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Encoding:
    """`names`: of the columns written, in the query's order (the page's hidden columns not among them).

    JSON: `prefix`, rows as objects parted by commas, `suffix`; `single`: the one row's members without its opening
    brace, between prefix and suffix (no row: nothing is written and the head says `empty`). `count_prefix`: where the
    count query's number is written, right behind `prefix`, followed by `after_count`. `next_prefix`, `next_suffix`:
    around the next link, before `suffix`. `strings_for_numbers`: 64-bit integers and decimals as JSON strings
    (IEEE754Compatible). CSV: `header` says whether names are written first; `bare`: of one row and column, the
    value's text or bytes alone, without quotes or line end.
    """

    format: Format
    names: tuple[str, ...]
    prefix: str = ""
    count_prefix: str = ""
    after_count: str = ""
    suffix: str = ""
    single: bool = False
    next_prefix: str = ""
    next_suffix: str = ""
    strings_for_numbers: bool = False
    header: bool = True
    bare: bool = False
    gzip: bool = False
    page: Page | None = None


_NAMES = tuple(field.name for field in fields(Encoding))  # asdict() copies deeply: slow on the way of each request


def encoding_to_json(encoding: Encoding) -> dict[str, object]:
    """JSON form, for a worker."""
    values: dict[str, object] = {name: getattr(encoding, name) for name in _NAMES}
    values["page"] = asdict(encoding.page) if encoding.page else None
    return values


def encoding_from_json(data: dict[str, object]) -> Encoding:
    """Inverse of `encoding_to_json`."""
    page = cast("dict[str, object] | None", data["page"])
    values = dict(data)
    values["format"] = Format(str(data["format"]))
    values["names"] = tuple(cast("list[str]", data["names"]))
    values["page"] = (
        None
        if page is None
        else Page(
            size=cast(int, page["size"]),
            hidden=cast(int, page["hidden"]),
            next_link=NextLink(str(page["next_link"])),
            link=str(page["link"]),
            wanted=cast("int | None", page["wanted"]),
            wanted_prefix=str(page["wanted_prefix"]),
        )
    )
    return Encoding(**values)  # type: ignore[arg-type]

"""What can be said about a table of files in the configuration of a connection."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from connectors.sdk.connector import ConnectorConfig
from connectors.sdk.paths import path_parts
from connectors.sdk.types import arrow_type
from connectors.sdk.values import EPOCHS

Format = Literal["parquet", "csv", "jsonl", "xlsx"]
EXTENSIONS: dict[str, Format] = {
    "parquet": "parquet",
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "xlsx": "xlsx",
    "xlsm": "xlsx",
}
_RANGE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6}):([A-Z]{1,3})([1-9][0-9]{0,6})")


class ColumnOptions(ConnectorConfig):
    """A column's declared type, and how dates and timestamps are written if not as ISO 8601."""

    type: str
    form: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        arrow_type(value)
        return value

    @field_validator("form")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        if value is not None and value not in EPOCHS and "%" not in value:
            raise ValueError(f"a strptime pattern such as %d.%m.%Y is expected, or one of {', '.join(EPOCHS)}")
        return value


class TableOptions(ConnectorConfig):
    """One table: one or several files of one format. docs/reference/connectors/files.md explains each field."""

    path: str
    format: Format | None = None
    columns: dict[str, ColumnOptions] = Field(default_factory=dict)
    rename: dict[str, str] = Field(default_factory=dict)
    bad_value: Literal["fail", "null"] = "fail"
    null_values: tuple[str, ...] = ()
    decimal_comma: bool = False
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str = "utf-8"
    sheet: str | int | None = None
    header_row: Annotated[int, Field(ge=1)] | None = None
    range: str | None = None
    key: tuple[str, ...] = ()

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        path_parts(value)
        return value

    @field_validator("range")
    @classmethod
    def _cells(cls, value: str | None) -> str | None:
        if value is not None:
            cell_range(value)
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str) -> str:
        "".encode(value)
        return value

    def kind(self) -> Format:
        """The declared format, else the one of the path's extension. ValueError if neither says."""
        if self.format is not None:
            return self.format
        extension = self.path.rpartition(".")[2].lower()
        if extension not in EXTENSIONS:
            raise ValueError(f"the format of {self.path!r} can't be told from its name; set 'format'")
        return EXTENSIONS[extension]

    @model_validator(mode="after")
    def _fits(self) -> TableOptions:
        kind = self.kind()
        if kind == "parquet" and self.columns:
            raise ValueError("a Parquet file has its own types; remove 'columns'")
        if kind != "xlsx" and (self.sheet is not None or self.range is not None):
            raise ValueError("'sheet' and 'range' are for Excel files")
        if kind not in ("xlsx", "csv") and self.header_row is not None:
            raise ValueError("'header_row' is for CSV and Excel files")
        return self


def cell_range(text: str) -> tuple[int, int, int, int]:
    """(first column, first row, last column, last row), from 1, of a range such as A4:F200."""
    match = _RANGE.fullmatch(text.upper())
    if not match:
        raise ValueError("a range of cells such as A4:F200 is expected")
    first, last = column_number(match[1]), column_number(match[3])
    if first > last or int(match[2]) > int(match[4]):
        raise ValueError("a range starts at its upper left cell and ends at its lower right one")
    return first, int(match[2]), last, int(match[4])


def column_number(letters: str) -> int:
    """1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """A for 1, AA for 27."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def unique_names(names: list[str]) -> list[str]:
    """The names with a `_2`, `_3` … behind those that came before; blank ones stay blank."""
    seen: set[str] = set()
    result = []
    for name in names:
        candidate, count = name, 1
        while candidate and candidate in seen:
            count += 1
            candidate = f"{name}_{count}"
        seen.add(candidate)
        result.append(candidate)
    return result

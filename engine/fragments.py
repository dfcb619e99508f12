"""A fragment: a subtree of a query that one connection does as one SQL statement, and its JSON form.

Apart from the rules that make it, so that a worker needs no SQL parser. The statement's text holds no value: values
of the query and of the caller are parameters, in the order of its placeholders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import cast

from connectors.sdk.scan import TableName, Value
from connectors.sdk.types import INTEGERS, SIMPLE, decimal_parts
from engine.errors import ParameterValueError
from engine.values import from_json, to_json


@dataclass(frozen=True, slots=True)
class Param:
    """Stands for parameter `index` of type `given`, to be converted to the type `wanted`."""

    index: int
    given: str
    wanted: str


@dataclass(frozen=True, slots=True)
class KeysAt:
    """Where a fragment's statement takes one more condition, below its grouping: at this place of the text, behind so
    many of its parameters. `filtered`: a WHERE stands before it. `columns`: by output column what it is there."""

    place: int
    parameters: int
    filtered: bool
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fragment:
    """`sql`: in the connection's dialect, its output columns named as the scan's. `placeholder`: the dialect's.
    `tables`: that it reads. `lookups`: output columns that take the keys of a join. `rows_read`: about how many rows
    the source goes through, None: unknown. `small`: few rows come back. `values`: how many different ones output
    columns are expected to have, where that is known. `keys_at`: None where keys may only stand around the statement.
    `most_keys`: that its tables take well. `sorts`: output columns by which the source sorts as DuckDB does.
    `many_groups`: it makes so many groups that they are better made by sorting. `one_row`: it groups all rows into
    one, which no GROUP BY tells."""

    sql: str
    parameters: tuple[Value | Param | list[Value] | None, ...]
    placeholder: str
    tables: tuple[TableName, ...]
    lookups: tuple[str, ...] = ()
    rows_read: int | None = None
    small: bool = False
    values: tuple[tuple[str, int], ...] = ()
    keys_at: KeysAt | None = None
    most_keys: int = 10_000
    sorts: tuple[str, ...] = ()
    many_groups: bool = False
    one_row: bool = False

    def bound(self, values: Sequence[Value | None]) -> Fragment:
        """With the caller's values in place of `Param`s. Raises ParameterValueError."""
        if not any(isinstance(item, Param) for item in self.parameters):
            return self
        found = [typed(values[p.index], p.given) if isinstance(p, Param) else p for p in self.parameters]
        return replace(self, parameters=tuple(found))

    def restricted(self, column: str, values: Sequence[Value], array: str | None = None) -> Fragment:
        """Only the rows whose `column` is one of the values: the keys of a join. `array`: they are one parameter, an
        array of that type of the source.

        They go into the statement, below its grouping, where they certainly reach its tables. Not below a LIMIT: it
        would cut other rows.
        """
        marks = ", ".join([self.placeholder] * len(values))
        condition = f"= ANY({self.placeholder}::{array}[])" if array else f"IN ({marks})"
        more: tuple[Value | list[Value], ...] = (list(values),) if array else tuple(values)
        at = self.keys_at
        if at is not None and column in at.columns and " LIMIT " not in self.sql[at.place :]:
            text = f"{' AND' if at.filtered else ' WHERE'} {at.columns[column]} {condition}"
            sql = self.sql[: at.place] + text + self.sql[at.place :]
            parameters = (*self.parameters[: at.parameters], *more, *self.parameters[at.parameters :])
            moved = KeysAt(at.place + len(text), at.parameters + len(more), True, at.columns)
            return replace(self, sql=sql, parameters=parameters, keys_at=moved)
        sql = f"SELECT * FROM ({self.sql}) AS f WHERE {column} {condition}"  # noqa: S608 - rendered, values apart
        return replace(self, sql=sql, parameters=(*self.parameters, *more), keys_at=None)


# Types of PostgreSQL in which keys are sent as one array. Texts are not: beside an array of text a character(n) would
# lose its padding.
ARRAYS = {
    **{"SMALLINT": "smallint", "INTEGER": "integer", "BIGINT": "bigint", "UUID": "uuid", "DATE": "date"},
    **{"TIMESTAMP": "timestamp", "TIMESTAMP WITH TIME ZONE": "timestamptz"},
}


def fitting(values: Sequence[Value], sql_type: str) -> tuple[Value, ...]:
    """The keys that a column of that type can hold; others match nothing there."""
    if sql_type not in INTEGERS:
        return tuple(values)
    bits, signed = SIMPLE[sql_type].bit_width, not sql_type.startswith("U")
    most = 2 ** (bits - signed) - 1
    least = -most - 1 if signed else 0
    return tuple(value for value in values if not isinstance(value, int) or least <= value <= most)


def typed(value: Value | None, sql_type: str) -> Value | None:
    """A parameter's value as DuckDB's CAST to its own type gives it: decimals get the type's digits.

    Raises ParameterValueError for a value that the type can't hold.
    """
    parts = decimal_parts(sql_type)
    if isinstance(value, str) and "\x00" in value:
        raise ParameterValueError("a text may not hold the character NUL")
    if parts is None or not isinstance(value, int | Decimal):
        return value
    number = Decimal(value)
    if number.is_finite() and (not number or number.adjusted() < 38):
        number = number.quantize(Decimal(1).scaleb(-parts[1]), ROUND_HALF_UP)
        if not number or number.adjusted() < parts[0] - parts[1]:
            return number
    raise ParameterValueError(f"a value doesn't fit its type {sql_type}", hint="give it a wider DECIMAL type")


def fragment_to_json(fragment: Fragment | None) -> dict[str, object] | None:
    """JSON form of a bound or unbound fragment; arrays of keys are put in by a worker, behind it."""
    if fragment is None:
        return None
    at = fragment.keys_at
    return {
        "sql": fragment.sql,
        "parameters": [
            {"param": [p.index, p.given, p.wanted]} if isinstance(p, Param) else to_json(cast("Value | None", p))
            for p in fragment.parameters
        ],
        "placeholder": fragment.placeholder,
        "tables": [list(table.parts) for table in fragment.tables],
        "lookups": list(fragment.lookups),
        "rows_read": fragment.rows_read,
        "small": fragment.small,
        "values": [list(pair) for pair in fragment.values],
        "sorts": list(fragment.sorts),
        "most_keys": fragment.most_keys,
        "many_groups": fragment.many_groups,
        "one_row": fragment.one_row,
        "keys_at": None if at is None else [at.place, at.parameters, at.filtered, dict(at.columns)],
    }


def fragment_from_json(data: dict[str, object] | None) -> Fragment | None:
    """Inverse of `fragment_to_json`."""
    if data is None:
        return None
    at = cast("tuple[int, int, bool, dict[str, str]] | None", data["keys_at"])
    return Fragment(
        sql=str(data["sql"]),
        parameters=tuple(
            Param(*cast("tuple[int, str, str]", item["param"])) if "param" in item else from_json(item)
            for item in cast("list[dict[str, object]]", data["parameters"])
        ),
        placeholder=str(data["placeholder"]),
        tables=tuple(TableName(tuple(parts)) for parts in cast("list[list[str]]", data["tables"])),
        lookups=tuple(cast("list[str]", data["lookups"])),
        rows_read=cast("int | None", data["rows_read"]),
        small=bool(data["small"]),
        sorts=tuple(cast("list[str]", data["sorts"])),
        values=tuple((name, number) for name, number in cast("list[tuple[str, int]]", data["values"])),
        keys_at=None if at is None else KeysAt(*at),
        most_keys=cast(int, data["most_keys"]),
        many_groups=bool(data["many_groups"]),
        one_row=bool(data["one_row"]),
    )

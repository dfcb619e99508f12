"""A ScanRequest as one SELECT in a source's dialect: identifiers quoted, every value a bound parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from connectors.sdk.capabilities import Column, Table
from connectors.sdk.scan import AllOf, Comparison, Op, Predicate, ScanRequest, SortKey, TableName, Value
from connectors.sdk.types import SIMPLE, family
from connectors.sdk.zones import on_naive

SYMBOL = {Op.EQ: "=", Op.NE: "<>", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
_FALSE, _TRUE = "1 = 0", "1 = 1"


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A column as the engine sees it, and its type in the source's own words."""

    column: Column
    native: str
    naive: bool = False  # a naive timestamp at the source, whatever the engine sees


ANY = SqlColumn(Column("", "VARCHAR"), "")  # of a value that is compared with no one column


@dataclass(frozen=True, slots=True)
class SqlTable:
    """A described table with what rendering needs besides."""

    table: Table
    columns: Mapping[str, SqlColumn]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a source writes things.

    `quote`: an identifier. `read`: how a column is selected, so that its values arrive in an agreed form.
    `compared`: the column's side of a comparison with that operator, or of ORDER BY (None). `bound`: a parameter's
    placeholder for a value of that column. `adapt`: the value that the driver binds there. `nulls`: an ORDER BY term.
    `infinities`, `nan`: whether a float column and a parameter can hold them. `nul`: the same for U+0000 in text.
    `special`: a comparison's own form with its parameters, where the usual one won't do (None: it will).
    `many`: IN of several values of that column as a condition with one parameter for all (None: it is not the same).
    """

    quote: Callable[[str], str]
    read: Callable[[str, SqlColumn], str]
    compared: Callable[[str, SqlColumn, Op | None], str]
    bound: Callable[[SqlColumn], str]
    adapt: Callable[[Value, SqlColumn], object]
    nulls: Callable[[str, SortKey], str]
    infinities: bool = True
    nan: bool = True
    nul: bool = True
    special: Callable[[str, SqlColumn, Comparison], tuple[str, Sequence[object]] | None] | None = None
    many: Callable[[str, SqlColumn], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text with placeholders, and their values. Of a scan also its two parts: what is selected, and the rest."""

    sql: str
    parameters: tuple[object, ...]
    items: tuple[str, ...] = ()
    rest: str = ""


def qualified(dialect: Dialect, name: TableName) -> str:
    """A table's name as it stands in a statement, each part quoted."""
    return ".".join(dialect.quote(part) for part in name.parts)


def select_statement(
    dialect: Dialect, table: SqlTable, request: ScanRequest, time_zone: ZoneInfo | None
) -> Statement:
    """The SELECT of a checked request; of no columns it counts the rows."""
    parameters: list[object] = []
    names = [name for name, _ in request.columns]
    items = [dialect.read(dialect.quote(name), table.columns[name]) for name in names]
    inner = ["FROM", qualified(dialect, request.table)]
    terms = [_render(dialect, table, term, time_zone, parameters) for term in request.predicates]
    for condition in request.conditions:
        terms.append(condition.sql)
        parameters += [None if value is None else dialect.adapt(value, ANY) for value in condition.parameters]
    if terms:
        inner += ["WHERE", " AND ".join(terms)]
    if request.order_by:
        keys = [
            dialect.nulls(dialect.compared(dialect.quote(key.column), table.columns[key.column], None), key)
            for key in request.order_by
        ]
        inner += ["ORDER BY", ", ".join(keys)]
    if request.order is not None:
        inner += ["ORDER BY", request.order.sql]
        parameters += [None if value is None else dialect.adapt(value, ANY) for value in request.order.parameters]
    if request.limit is not None:
        inner += ["LIMIT", str(int(request.limit))]
    rest = " ".join(inner)
    sql = f"SELECT {', '.join(items) or '1'} {rest}"
    if not names:
        sql = f"SELECT count(*) FROM ({sql}) AS counted"  # noqa: S608 - rendered above, values are parameters
    return Statement(sql, tuple(parameters), tuple(items), rest)


def _render(
    dialect: Dialect, table: SqlTable, predicate: Predicate, zone: ZoneInfo | None, parameters: list[object]
) -> str:
    if isinstance(predicate, Comparison):
        column = table.columns[predicate.column]
        if column.naive and zone is not None:
            predicate = on_naive(predicate, zone)
        if isinstance(predicate, Comparison):
            return _comparison(dialect, column, predicate, parameters)
        table = SqlTable(table.table, {**table.columns, predicate_column(predicate): column})
        zone = None
    terms = [_render(dialect, table, term, zone, parameters) for term in predicate.terms]
    if isinstance(predicate, AllOf):
        return "(" + (" AND ".join(terms) or _TRUE) + ")"
    return "(" + (" OR ".join(terms) or _FALSE) + ")"


def predicate_column(predicate: Predicate) -> str:
    """The column of a predicate's first comparison."""
    while not isinstance(predicate, Comparison):
        predicate = predicate.terms[0]
    return predicate.column


def _comparison(dialect: Dialect, column: SqlColumn, comparison: Comparison, parameters: list[object]) -> str:
    op = comparison.op
    plain = dialect.quote(comparison.column)
    if op in (Op.IS_NULL, Op.IS_NOT_NULL):
        return f"{plain} IS {'NOT ' if op is Op.IS_NOT_NULL else ''}NULL"
    special = dialect.special(plain, column, comparison) if dialect.special else None
    if special is not None:
        parameters.extend(special[1])
        return special[0]
    left = dialect.compared(plain, column, op)
    values = [fold(dialect, column, op, value) for value in comparison.values]
    if op is Op.IN:
        kept = [value for value in values if not isinstance(value, Folded)]
        if not kept:
            return _FALSE
        adapted = [dialect.adapt(value, column) for value in kept]
        together = dialect.many(left, column) if dialect.many and len(kept) > 1 else None
        if together is not None:
            parameters.append(adapted)
            return together
        parameters.extend(adapted)
        return f"{left} IN ({', '.join([dialect.bound(column)] * len(kept))})"
    value = values[0]
    if isinstance(value, Folded):
        if value.op is None:
            return f"{plain} IS NOT NULL" if value.holds else _FALSE
        op, value = value.op, value.value
    if op in SYMBOL:
        parameters.append(dialect.adapt(value, column))
        return f"{left} {SYMBOL[op]} {dialect.bound(column)}"
    parameters.append(dialect.adapt(like_pattern(op, str(value)), column))
    return f"{left} LIKE {dialect.bound(column)} ESCAPE '!'"


def like_pattern(op: Op, text: str) -> str:
    """The pattern, with the escape `!`, of what starts with, ends with or contains a text."""
    text = text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return {Op.STARTS_WITH: f"{text}%", Op.ENDS_WITH: f"%{text}", Op.CONTAINS: f"%{text}%"}[op]


def behind(prefix: str) -> str | None:
    """The first text, in the order of code points, behind all that start with a prefix; None when there is none."""
    head = prefix.rstrip("\U0010ffff")
    if not head:
        return None
    last = ord(head[-1]) + 1
    return head[:-1] + chr(0xE000 if last == 0xD800 else last)


@dataclass(frozen=True, slots=True)
class Folded:
    """A comparison with a constant that the source can't take: decided here (`holds`, for all that isn't NULL),
    or said with another operator and constant."""

    holds: bool = False
    op: Op | None = None
    value: Value = ""


def fold(dialect: Dialect, column: SqlColumn, op: Op, value: Value) -> Value | Folded:
    """The constant, or what a comparison with it comes down to where the source can't hold such a value."""
    kind = family(column.column.sql_type)
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)) and kind == "float":
        able = dialect.nan if math.isnan(value) else dialect.infinities
        return value if able else _beyond(op, below=value < 0)  # NaN is the greatest of all
    if kind == "integer" and isinstance(value, int):
        low, high = _integer_range(column.column.sql_type)
        return value if low <= value <= high else _beyond(op, below=value < 0)
    if kind == "float" and isinstance(value, int):
        return float(value)  # as DuckDB does
    if kind == "text":
        text = str(value)
        first = next((n for n, sign in enumerate(text) if _unwritable(dialect, sign)), None)
        if first is None:
            return value
        if op in (Op.LT, Op.LE, Op.GT, Op.GE) and text[first] == "\0":  # 'a\0b' lies right behind 'a'
            return Folded(op=Op.LE if op in (Op.LT, Op.LE) else Op.GT, value=text[:first])
        if op in (Op.LT, Op.LE, Op.GT, Op.GE):
            raise ValueError("a lone surrogate has no place in the order of texts")
        return Folded(holds=op is Op.NE)
    return value


def _unwritable(dialect: Dialect, sign: str) -> bool:
    return (sign == "\0" and not dialect.nul) or "\ud800" <= sign <= "\udfff"


def _beyond(op: Op, *, below: bool) -> Folded:
    """A constant that lies below or above all that the column can hold."""
    return Folded(holds=op is Op.NE or op in ((Op.GT, Op.GE) if below else (Op.LT, Op.LE)))


def _integer_range(sql_type: str) -> tuple[int, int]:
    bits = SIMPLE[sql_type].bit_width
    return (0, 2**bits - 1) if sql_type.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

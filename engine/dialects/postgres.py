"""PostgreSQL. Proven by tests/engine/dialects on the live database.

Not here: upper and lower (they follow the database's locale: under "C" an ä stays as it is), division (DuckDB's is a
float), concat() (it skips NULLs; || is here), and what fails for one value: the least integer's sign can't be turned
in its own type, an infinite date has no year, NaN is no whole number.
"""

from __future__ import annotations

from connectors.sdk import Column, Op, Support
from engine.dialects.entries import (
    AVERAGES,
    COUNTS,
    EQUAL,
    LOGIC,
    MOMENTS,
    NUMBERS,
    SUMS,
    Entries,
    arithmetic,
    compared,
    extremes,
    mixed_numbers,
    of_numbers,
    parts,
)
from engine.dialects.table import CONDITION, OPAQUE, ROUGH, SAME, DialectTable, Operation

_TYPES = {
    **{"integer": "bigint", "decimal": "numeric", "text": "text", "date": "date", "timestamp": "timestamp"},
    **{"timestamptz": "timestamptz", "uuid": "uuid", "boolean": "boolean", "float": "float8"},
}
_PARTS = {
    unit: f"CASE WHEN isfinite({{0}}) THEN CAST(EXTRACT({unit} FROM {{0}}) AS bigint) END"
    for unit in ("year", "quarter", "month", "day", "week", "dow", "isodow", "doy")
}
_CLOCK = {
    unit: f"CASE WHEN isfinite({{0}}) THEN CAST(floor(EXTRACT({unit} FROM {{0}})) AS bigint) END"
    for unit in ("hour", "minute", "second")
}
_NUMBER = "NULLIF({0}, 'NaN')"
_UNITS = ("year", "quarter", "month", "week", "day")
_SHIFTS = {
    **{unit: f"make_interval({unit}s => CAST({{1}} AS int))" for unit in ("year", "month", "week", "day", "hour")},
    "quarter": "make_interval(months => 3 * CAST({1} AS int))",
    "minute": "make_interval(mins => CAST({1} AS int))",
    "second": "make_interval(secs => CAST({1} AS int))",
}


def _quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""').replace("%", "%%") + '"'


def _read(column: Column) -> str | None:
    """Which of its types a text comes from is not told: of character(n) the padding must stay."""
    if column.sql_type == "VARCHAR":
        return "{0}" if column.binary_text else None
    return "CAST({0} AS float8)" if column.sql_type == "DOUBLE" else "{0}"  # a numeric may be read as DOUBLE


def _text(column: Column) -> str:
    if column.binary_text:
        return "text" if column.operators.get(Op.EQ) is Support.EXACT else OPAQUE
    return ROUGH if column.operators.get(Op.EQ) is Support.INEXACT else OPAQUE


_TEXTS: Entries = {
    ("like", ("text", "text")): Operation("({0} LIKE {1} ESCAPE '!')"),
    ("like_plain", ("text", "text")): Operation("({0} LIKE {1} ESCAPE '')"),
    ("starts_with", ("text", "text")): Operation("starts_with({0}, {1})"),
    ("ends_with", ("text", "text")): Operation("(right({0}, length({1})) = {1})"),
    ("contains", ("text", "text")): Operation("(strpos({0}, {1}) > 0)"),
    ("length", ("text",)): Operation("CAST(char_length({0}) AS bigint)", result="integer", sql_type="BIGINT"),
    ("left", ("text", "integer")): Operation("left({0}, CAST({1} AS int))", result="", sql_type=SAME),
    ("right", ("text", "integer")): Operation("right({0}, CAST({1} AS int))", result="", sql_type=SAME),
    ("substring", ("text", "integer", "integer")): Operation(
        "substr({0}, CAST({1} AS int), CAST({2} AS int))", result="", sql_type=SAME
    ),
    ("substring_from", ("text", "integer")): Operation("substr({0}, CAST({1} AS int))", result="", sql_type=SAME),
    ("concat", ("text", "text")): Operation('(({0} || {1}) COLLATE "C")', result="", sql_type="VARCHAR"),
    # A character(n), whose padding counts here and not there, a citext, a non-deterministic collation.
    ("eq", (ROUGH, "text")): Operation('(rtrim(CAST({0} AS text)) COLLATE "C" = rtrim({1}))', exact=False),
    ("eq", ("text", ROUGH)): Operation('(rtrim(CAST({1} AS text)) COLLATE "C" = rtrim({0}))', exact=False),
}
_NUMBERS: Entries = {
    **of_numbers("abs", "abs(CAST({0} AS numeric))"),
    ("sign", ("integer",)): Operation("CAST(sign({0}) AS int)", result="integer", sql_type="TINYINT"),
    ("sign", ("decimal",)): Operation(f"CAST(sign({_NUMBER}) AS int)", result="integer", sql_type="TINYINT"),
    ("mod", ("integer", "integer")): Operation("mod({0}, {1})", result=""),
    ("round", ("decimal", "integer")): Operation("round({0}, CAST({1} AS int))", result=""),
    ("floor", ("decimal",)): Operation("floor({0})", result=""),
    ("ceil", ("decimal",)): Operation("ceil({0})", result=""),
    **{
        ("to_decimal", (kind,)): Operation("CAST({0} AS numeric({digits},{scale}))", result="decimal")
        for kind in NUMBERS
    },
    ("to_integer", ("decimal",)): Operation(f"CAST(round({_NUMBER}) AS bigint)", result="integer"),
    ("to_text", ("integer",)): Operation("CAST({0} AS text)", result="text"),
}
_DATES: Entries = {
    **parts(_PARTS, MOMENTS),
    **parts(_CLOCK, ("timestamp", "timestamptz")),
    **{
        (f"trunc_{unit}", (kind,)): Operation(
            f"date_trunc('{unit}', {{0}})",
            result=kind,
            sql_type="TIMESTAMP" if kind == "timestamp" else "TIMESTAMP WITH TIME ZONE",
        )
        for unit in (*_UNITS, "hour", "minute", "second")
        for kind in ("timestamp", "timestamptz")
    },
    **{
        (f"trunc_{unit}", ("date",)): Operation(
            f"date_trunc('{unit}', CAST({{0}} AS timestamp))", result="timestamp", sql_type="TIMESTAMP"
        )
        for unit in _UNITS
    },
    # They may lead out of the years 1 to 9999, which no output can hold.
    **{
        (f"shift_{unit}", (kind, "integer")): Operation(f"({{0}} + {text})", result="timestamp")
        for unit, text in _SHIFTS.items()
        for kind in ("date", "timestamp")
    },
    ("shift_days", ("date", "integer")): Operation("({0} + CAST({1} AS int))", result="date"),
    ("to_timestamp", ("date",)): Operation("CAST({0} AS timestamp)", result="timestamp"),
    **{("to_date", (kind,)): Operation("CAST({0} AS date)", result="date") for kind in ("timestamp", "timestamptz")},
}
POSTGRES = DialectTable(
    name="postgres",
    placeholder="%s",
    quote=_quote,
    columns=frozenset({*NUMBERS, *MOMENTS, "float", "text", ROUGH, "uuid", "boolean"}),
    keys=frozenset({*NUMBERS, *MOMENTS, "text", "uuid", "boolean", CONDITION}),
    bound=lambda kind: f"CAST(%s AS {_TYPES[kind]})",
    operations={
        **LOGIC,
        **compared(*NUMBERS, *MOMENTS, "text", "float"),
        **compared("uuid", "boolean", only=EQUAL),
        **mixed_numbers(),
        # As numeric: no overflow where DuckDB's type would hold the result.
        **arithmetic("(CAST({0} AS numeric) %s CAST({1} AS numeric))", "(- CAST({0} AS numeric))"),
        ("condition", ("boolean",)): Operation("{0}"),
        # What a view calls `late`, asked for as `late = $1`.
        **{
            (op, (CONDITION, "boolean")): Operation(f"({{0}} {sign} {{1}})")
            for op, sign in (("eq", "="), ("ne", "<>"))
        },
        **_TEXTS,
        **_NUMBERS,
        **_DATES,
    },
    aggregates={
        **COUNTS,
        **extremes(*NUMBERS, *MOMENTS, "text", "float"),
        **SUMS,
        **AVERAGES,
    },
    collated=lambda sql, kind: f'{sql} COLLATE "C"' if kind == "text" else sql,
    read=_read,
    true="TRUE",
    whole="CAST({0} AS bigint)",
    text=_text,
    semi_joins="any",
    groups_first=True,
    most_groups=50_000,  # `work_mem` is 4 MB by default: beyond it groups are spilled or sorted
)

"""SQL Server (2019 and later). Not proven: there is no server to prove it on, so no rule uses it.

`=` of texts pads with blanks and follows the column's collation, mostly one that ignores case: a superset. LIKE is
not here (`[` is a wildcard, `_` may be half an astral sign), nor what can fail: DATEADD past the year 9999. There
is no boolean value: a bit is compared with 1. Decimals have 38 digits, and the result of a multiplication one more.
DATEPART of a datetimeoffset is of its own offset (learn.microsoft.com, "DATEPART"), so it is taken to UTC first; ABS
of the least int, and ROUND of 9.99 as decimal(3,2), overflow ("ABS", "ROUND"), so both are of a wider decimal.
"""

from __future__ import annotations

from engine.dialects.entries import (
    COUNTS,
    EQUAL,
    LOGIC,
    MOMENTS,
    NUMBERS,
    ROUGHLY_EQUAL,
    Entries,
    arithmetic,
    averages,
    compared,
    extremes,
    mixed_numbers,
    of_numbers,
    parts,
    sums,
)
from engine.dialects.table import ROUGH, Aggregate, DialectTable, Operation, Part, text_is_rough

_TYPES = {
    **{"integer": "bigint", "decimal": "decimal(38,{scale})", "text": "nvarchar(max)", "date": "date"},
    **{"timestamp": "datetime2(6)", "timestamptz": "datetimeoffset(6)", "boolean": "bit", "float": "float"},
}
_PARTS = {
    **{unit: f"DATEPART({unit}, {{0}})" for unit in ("year", "quarter", "month", "day")},
    **{"week": "DATEPART(iso_week, {0})", "doy": "DATEPART(dayofyear, {0})"},
}
_CLOCK = {unit: f"DATEPART({unit}, {{0}})" for unit in ("hour", "minute", "second")}
_DECIMAL = "CAST({0} AS decimal({d0},{s0}))"
_UTC = "SWITCHOFFSET({0}, '+00:00')"
_MONTH = "CAST(DATEFROMPARTS(YEAR({0}), MONTH({0}), 1) AS datetime2(6))"
_YEAR = "CAST(DATEFROMPARTS(YEAR({0}), 1, 1) AS datetime2(6))"
_DAY = "CAST(CAST({0} AS date) AS datetime2(6))"
_ENTRIES: Entries = {
    **ROUGHLY_EQUAL,
    ("condition", ("boolean",)): Operation("({0} = 1)"),
    **of_numbers("abs", f"ABS({_DECIMAL})"),
    **{
        ("sign", (kind,)): Operation("CAST(SIGN({0}) AS int)", result="integer", sql_type="TINYINT")
        for kind in NUMBERS
    },
    ("round", ("decimal", "integer")): Operation("ROUND(CAST({0} AS decimal(38,{s0})), {1})", result=""),
    ("mod", ("integer", "integer")): Operation("({0} % {1})", result=""),
    ("floor", ("decimal",)): Operation("FLOOR({0})", result=""),
    ("ceil", ("decimal",)): Operation("CEILING({0})", result=""),
    **{
        (f"trunc_{unit}", (kind,)): Operation(text, result="timestamp", sql_type="TIMESTAMP")
        for unit, text in (("year", _YEAR), ("month", _MONTH), ("day", _DAY))
        for kind in ("date", "timestamp")
    },
    ("to_timestamp", ("date",)): Operation("CAST({0} AS datetime2(6))", result="timestamp"),
    ("to_date", ("timestamp",)): Operation("CAST({0} AS date)", result="date"),
}


def _quote(identifier: str) -> str:
    return "[" + identifier.replace("]", "]]") + "]"


def _order(term: str, descending: bool, nulls_first: bool) -> str:
    first, other = (0, 1) if nulls_first else (1, 0)
    return f"CASE WHEN {term} IS NULL THEN {first} ELSE {other} END, {term} {'DESC' if descending else 'ASC'}"


TSQL = DialectTable(
    name="tsql",
    placeholder="?",
    quote=_quote,
    columns=frozenset({*NUMBERS, *MOMENTS, "float", "boolean", "text", ROUGH}),
    keys=frozenset({*NUMBERS, *MOMENTS, "boolean"}),
    bound=lambda kind: "?" if kind == "decimal" else f"CAST(? AS {_TYPES[kind]})",
    operations={
        **LOGIC,
        **compared(*NUMBERS, *MOMENTS, "float"),
        **compared("boolean", only=EQUAL),
        **mixed_numbers(),
        **arithmetic(f"({_DECIMAL} %s CAST({{1}} AS decimal({{d1}},{{s1}})))", f"(- {_DECIMAL})"),
        **parts(_PARTS, ("date", "timestamp")),
        **parts(_CLOCK, ("timestamp",)),
        **parts({unit: text.format(_UTC) for unit, text in (_PARTS | _CLOCK).items()}, ("timestamptz",)),
        **_ENTRIES,
    },
    aggregates={
        **COUNTS,
        ("count", "*"): Aggregate((Part("COUNT_BIG(*)", "BIGINT"),)),
        ("count", "any"): Aggregate((Part("COUNT_BIG({0})", "BIGINT"),)),
        ("count_distinct", "key"): Aggregate((Part("COUNT_BIG(DISTINCT {0})", "BIGINT"),)),
        **extremes(*NUMBERS, *MOMENTS),
        **sums("CAST({0} AS decimal(38,0))"),
        **averages("CAST({0} AS decimal(38,0))", "COUNT_BIG({0})"),
    },
    collated=lambda sql, kind: sql,
    read=lambda column: "{0}",
    most_digits=37,
    most_scale=37,
    float_parameters=False,
    text=text_is_rough,
    first_rows=lambda sql, rows: f"SELECT TOP ({rows}){sql.removeprefix('SELECT')}",
    order=_order,
    proven=False,
)

"""Db2 for Linux, UNIX and Windows (11.5). Not proven: no rule uses it.

`=` of texts pads with blanks: a superset. LIKE is not here (what `_` matches depends on the database's code
units), nor what can fail: dates past the year 9999. Decimals have 31 digits. A parameter needs its type.
"""

from __future__ import annotations

from engine.dialects.entries import (
    COUNTS,
    LOGIC,
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
from engine.dialects.table import ROUGH, DialectTable, Operation, text_is_rough

_MOMENTS = ("date", "timestamp")
_TYPES = {"integer": "BIGINT", "text": "VARCHAR(32672)", "date": "DATE", "timestamp": "TIMESTAMP(6)"}
_PARTS = {
    **{"year": "YEAR({0})", "quarter": "QUARTER({0})", "month": "MONTH({0})", "day": "DAY({0})"},
    **{"week": "WEEK_ISO({0})", "dow": "(DAYOFWEEK({0}) - 1)", "isodow": "DAYOFWEEK_ISO({0})"},
    "doy": "DAYOFYEAR({0})",
}
_CLOCK = {"hour": "HOUR({0})", "minute": "MINUTE({0})", "second": "SECOND({0})"}
_DECIMAL = "CAST({0} AS DECIMAL({d0},{s0}))"  # the least INTEGER has no ABS in its own type
_ENTRIES: Entries = {
    **ROUGHLY_EQUAL,
    **of_numbers("abs", f"ABS({_DECIMAL})"),
    **{("sign", (kind,)): Operation("INTEGER(SIGN({0}))", result="integer", sql_type="TINYINT") for kind in NUMBERS},
    ("mod", ("integer", "integer")): Operation("MOD({0}, {1})", result=""),
    ("floor", ("decimal",)): Operation("FLOOR({0})", result=""),
    ("ceil", ("decimal",)): Operation("CEILING({0})", result=""),
    **{
        (f"trunc_{unit}", (kind,)): Operation(
            f"DATE_TRUNC('{unit.upper()}', CAST({{0}} AS TIMESTAMP(6)))", result="timestamp", sql_type="TIMESTAMP"
        )
        for unit in ("year", "quarter", "month", "day")
        for kind in _MOMENTS
    },
    ("to_timestamp", ("date",)): Operation("CAST({0} AS TIMESTAMP(6))", result="timestamp"),
    ("to_date", ("timestamp",)): Operation("CAST({0} AS DATE)", result="date"),
}


DB2 = DialectTable(
    name="db2",
    placeholder="?",
    quote=lambda identifier: '"' + identifier.replace('"', '""') + '"',
    columns=frozenset({*NUMBERS, *_MOMENTS, "text", ROUGH}),
    keys=frozenset({*NUMBERS, *_MOMENTS}),
    bound=lambda kind: "CAST(? AS DECFLOAT(34))" if kind == "decimal" else f"CAST(? AS {_TYPES[kind]})",
    operations={
        **LOGIC,
        **compared(*NUMBERS, *_MOMENTS),
        **mixed_numbers(),
        **arithmetic(f"({_DECIMAL} %s CAST({{1}} AS DECIMAL({{d1}},{{s1}})))", f"(- {_DECIMAL})"),
        **parts(_PARTS, _MOMENTS),
        **parts(_CLOCK, ("timestamp",)),
        **_ENTRIES,
    },
    aggregates={
        **COUNTS,
        **extremes(*NUMBERS, *_MOMENTS),
        **sums("CAST({0} AS DECIMAL(31,0))"),
        **averages("CAST({0} AS DECIMAL(31,0))", "COUNT({0})"),
    },
    collated=lambda sql, kind: sql,
    read=lambda column: "{0}",
    most_digits=31,
    most_scale=31,
    float_parameters=False,
    text=text_is_rough,
    first_rows=lambda sql, rows: f"{sql} FETCH FIRST {rows} ROWS ONLY",
    proven=False,
)

"""MySQL and MariaDB. Proven by tests/engine/dialects on a live MariaDB.

A sort at the source looks at the first 1,024 bytes of a text only, and it may sort to group: longer texts are no
keys. Texts under a collation that ignores case, accents or blanks at the end are compared as their bytes in UTF-8.

LIKE with an index loses rows (0038): it is asked for without, beside the range of the texts that start alike.

Not here: what follows a locale (upper, lower), dates plus intervals (NULL beyond the year 9999), division, and a
text made of several columns, which may have no collation.
"""

from __future__ import annotations

from connectors.sdk import Column, Op, Support
from engine.dialects.entries import (
    AVERAGES,
    COUNTS,
    LOGIC,
    MOMENTS,
    NUMBERS,
    SUMS,
    Entries,
    arithmetic,
    compared,
    extremes,
    mixed,
    mixed_numbers,
    of_numbers,
    parts,
)
from engine.dialects.table import COLLATED, LEGACY, LONG, OPAQUE, ROUGH, SAME, TEXTS, DialectTable, Operation

_BYTES = "CAST(CONVERT({%d} USING utf8mb4) AS BINARY)"
_SIGNS = "CONVERT({0} USING utf8mb4) COLLATE utf8mb4_bin"  # LIKE compares sign by sign, and never pads
_DECIMAL = "CAST({0} AS DECIMAL(65,{s0}))"
_PLAIN_PATTERN = "REPLACE({1}, '!', '!!')"
_TYPES = {
    "date": "CAST(%s AS DATE)",
    **dict.fromkeys(("timestamp", "timestamptz"), "CAST(%s AS DATETIME(6))"),  # COALESCE with a bare one is a text
    "float": "(%s + 0e0)",
}
_PARTS = {
    **{"year": "YEAR({0})", "quarter": "QUARTER({0})", "month": "MONTH({0})", "day": "DAYOFMONTH({0})"},
    **{
        "week": "WEEK({0}, 3)",
        "dow": "(DAYOFWEEK({0}) - 1)",
        "isodow": "(WEEKDAY({0}) + 1)",
        "doy": "DAYOFYEAR({0})",
    },
}
_CLOCK = {"hour": "HOUR({0})", "minute": "MINUTE({0})", "second": "SECOND({0})"}
_TRUNC = {"year": "%%Y-01-01", "month": "%%Y-%%m-01", "day": "%%Y-%%m-%%d"}
_TRUNC_CLOCK = {
    "hour": "%%Y-%%m-%%d %%H:00:00",
    "minute": "%%Y-%%m-%%d %%H:%%i:00",
    "second": "%%Y-%%m-%%d %%H:%%i:%%s",
}
_STAMPS = {"timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE"}


def _quote(identifier: str) -> str:
    return "`" + identifier.replace("`", "``").replace("%", "%%") + "`"


def _read(column: Column) -> str | None:
    """Zero dates that are NULL, naive timestamps and texts of unknown origin are the connector's."""
    if column.sql_type == "VARCHAR" and Op.EQ not in column.operators:
        return None
    exact = column.operators.get(Op.EQ) is Support.EXACT
    if column.sql_type in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE") and not exact:
        return None
    # BIT comes as bytes, TINYINT(1) as any number, FLOAT with six digits.
    return {"UBIGINT": "CAST({0} AS UNSIGNED)", "BOOLEAN": "({0} <> 0)", "FLOAT": "({0} * 1e0)"}.get(
        column.sql_type, "{0}"
    )


def _text(column: Column) -> str:
    """Of a collation that compares bytes, else ROUGH.

    A constant that a column's character set doesn't have is an error to MySQL, so all but utf8mb4 is converted.
    """
    if column.operators.get(Op.EQ) is None:
        return OPAQUE
    if not column.collation.startswith("utf8mb4_"):
        return LEGACY
    if column.binary_text and column.operators.get(Op.LT) is Support.EXACT:
        return "text" if column.orders else LONG
    return ROUGH


def _order(term: str, descending: bool, nulls_first: bool) -> str:
    return f"{term} IS NULL {'DESC' if nulls_first else 'ASC'}, {term} {'DESC' if descending else 'ASC'}"


def _trunc(kind: str, form: str) -> Operation:
    stamp = "timestamptz" if kind == "timestamptz" else "timestamp"
    text = f"CAST(DATE_FORMAT({{0}}, '{form}') AS DATETIME(6))"
    return Operation(text, result=stamp, sql_type=_STAMPS[stamp])


_BYTEWISE: Entries = {}
for _kind in ("text", LONG):
    _BYTEWISE |= {
        ("like", (_kind, "text")): Operation("(CONCAT({0}) LIKE {1} ESCAPE '!')"),
        ("like_plain", (_kind, "text")): Operation(f"(CONCAT({{0}}) LIKE {_PLAIN_PATTERN} ESCAPE '!')"),
        ("between", (_kind, "text", "text")): Operation("({0} >= {1} AND {0} < {2})"),
        ("starts_with", (_kind, "text")): Operation("(LEFT({0}, CHAR_LENGTH({1})) = {1})"),
        ("ends_with", (_kind, "text")): Operation("(RIGHT({0}, CHAR_LENGTH({1})) = {1})"),
        ("contains", (_kind, "text")): Operation("(LOCATE({1}, {0}) > 0)"),
    }
_CUT: Entries = {}
for _kind in ("text", LONG, ROUGH, LEGACY):
    _CUT |= {
        ("length", (_kind,)): Operation("CHAR_LENGTH({0})", result="integer", sql_type="BIGINT"),
        ("left", (_kind, "integer")): Operation("LEFT({0}, {1})", result="", sql_type=SAME),
        ("right", (_kind, "integer")): Operation("RIGHT({0}, {1})", result="", sql_type=SAME),
        ("substring", (_kind, "integer", "integer")): Operation("SUBSTRING({0}, {1}, {2})", result="", sql_type=SAME),
        ("substring_from", (_kind, "integer")): Operation("SUBSTRING({0}, {1})", result="", sql_type=SAME),
    }
_ROUGH: Entries = {}
for _kind in COLLATED:
    _SAME_BYTES = f"{_BYTES % 0} = {_BYTES % 1}"
    # The plain comparison is weaker, and an index helps with it.
    _EQUAL = f"({{0}} = {{1}} AND {_SAME_BYTES})" if _kind == ROUGH else f"({_SAME_BYTES})"
    _AMONG = ((("{0}", "{1}"),) if _kind == ROUGH else ()) + ((_BYTES % 0, _BYTES % 1),)
    _ROUGH |= {
        ("eq", (_kind, "text")): Operation(_EQUAL, among=_AMONG),
        ("eq", ("text", _kind)): Operation(_EQUAL),
        **{("ne", pair): Operation(f"(NOT ({_SAME_BYTES}))") for pair in ((_kind, "text"), ("text", _kind))},
        ("like", (_kind, "text")): Operation(f"({_SIGNS} LIKE {{1}} ESCAPE '!')"),
        ("like_plain", (_kind, "text")): Operation(f"({_SIGNS} LIKE {_PLAIN_PATTERN} ESCAPE '!')"),
        ("starts_with", (_kind, "text")): Operation(f"(LEFT({_BYTES % 0}, LENGTH({{1}})) = {_BYTES % 1})"),
        ("ends_with", (_kind, "text")): Operation(f"(RIGHT({_BYTES % 0}, LENGTH({{1}})) = {_BYTES % 1})"),
        ("contains", (_kind, "text")): Operation(f"(LOCATE({_BYTES % 1}, {_BYTES % 0}) > 0)"),
    }
_NUMBERS: Entries = {
    **of_numbers("abs", f"ABS({_DECIMAL})"),
    **{("sign", (kind,)): Operation("SIGN({0})", result="integer", sql_type="TINYINT") for kind in NUMBERS},
    # As a decimal: under u = -1 the server computes with -1 in place of the unsigned column u, and gives an error.
    ("mod", ("integer", "integer")): Operation("CAST(MOD(CAST({0} AS DECIMAL(65,0)), {1}) AS SIGNED)", result=""),
    ("round", ("decimal", "integer")): Operation("ROUND({0}, {1})", result=""),
    ("floor", ("decimal",)): Operation("FLOOR({0})", result=""),
    ("ceil", ("decimal",)): Operation("CEILING({0})", result=""),
    **{
        ("to_decimal", (kind,)): Operation("CAST({0} AS DECIMAL({digits},{scale}))", result="decimal")
        for kind in NUMBERS
    },
    ("to_integer", ("decimal",)): Operation("CAST(ROUND({0}) AS SIGNED)", result="integer"),
    ("to_text", ("integer",)): Operation("CAST({0} AS CHAR)", result=LEGACY),
}
_DATES: Entries = {
    **parts(_PARTS, MOMENTS),
    **parts(_CLOCK, ("timestamp", "timestamptz")),
    **{(f"trunc_{unit}", (kind,)): _trunc(kind, form) for unit, form in _TRUNC.items() for kind in MOMENTS},
    **{
        (f"trunc_{unit}", (kind,)): _trunc(kind, form)
        for unit, form in _TRUNC_CLOCK.items()
        for kind in ("timestamp", "timestamptz")
    },
    ("to_timestamp", ("date",)): Operation("CAST({0} AS DATETIME(6))", result="timestamp"),
    # CAST AS DATE rounds half a second up in MySQL.
    **{
        ("to_date", (kind,)): Operation("CAST(DATE_FORMAT({0}, '%%Y-%%m-%%d') AS DATE)", result="date")
        for kind in ("timestamp", "timestamptz")
    },
}
MYSQL = DialectTable(
    name="mysql",
    placeholder="%s",
    quote=_quote,
    columns=frozenset({*NUMBERS, *MOMENTS, "float", *TEXTS}),
    keys=frozenset({*NUMBERS, *MOMENTS, "text"}),
    # A bare constant takes the column's side of a comparison, its collation included.
    bound=lambda kind: _TYPES.get(kind, "%s"),
    operations={
        **LOGIC,
        **compared(*NUMBERS, *MOMENTS, "float", "text", LONG),
        **mixed("text", LONG),
        **mixed_numbers(),
        # As decimals: unsigned columns refuse to go below zero, and BIGINT overflows in between.
        **arithmetic(f"({_DECIMAL} %s CAST({{1}} AS DECIMAL(65,{{s1}})))", f"(- {_DECIMAL})"),
        **_BYTEWISE,
        **_CUT,
        **_ROUGH,
        **_NUMBERS,
        **_DATES,
    },
    aggregates={
        **COUNTS,
        **extremes(*NUMBERS, *MOMENTS, "float", "text"),
        **SUMS,
        **AVERAGES,
    },
    collated=lambda sql, kind: sql,
    read=_read,
    most_digits=65,
    most_scale=30,
    text=_text,
    float_parameters=False,
    one_text=True,
    order=_order,
    semi_joins="equal",
    semi_joins_by_in=True,
)

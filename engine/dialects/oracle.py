"""Oracle (19c). Not proven: there is no server to prove it on, so no rule uses it.

`''` is NULL there: no constant is an empty text, no parameter may turn out to be one, and functions that could give
one (SUBSTR) are not here. DATE carries a time: it is read as a TIMESTAMP, and there is no family of dates. There are
no booleans. Texts are compared byte by byte where the session says NLS_COMP = BINARY. Parameters are bound by
position, each occurrence of `:v` one. Before a table's alias there is no AS.
"""

from __future__ import annotations

from engine.dialects.entries import (
    AVERAGES,
    COUNTS,
    LOGIC,
    NUMBERS,
    SUMS,
    Entries,
    arithmetic,
    compared,
    extremes,
    mixed_numbers,
    parts,
)
from engine.dialects.table import SAME, DialectTable, Operation

_STAMPS = ("timestamp", "timestamptz")
_TYPES = {"timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE"}
_PARTS = {
    **{unit: f"EXTRACT({unit.upper()} FROM {{0}})" for unit in ("year", "month", "day")},
    "quarter": "TO_NUMBER(TO_CHAR({0}, 'Q'))",
    "week": "TO_NUMBER(TO_CHAR({0}, 'IW'))",
    "doy": "TO_NUMBER(TO_CHAR({0}, 'DDD'))",
    "hour": "TO_NUMBER(TO_CHAR({0}, 'HH24'))",
    "minute": "TO_NUMBER(TO_CHAR({0}, 'MI'))",
    "second": "TO_NUMBER(TO_CHAR({0}, 'SS'))",
}
_TRUNC = {"year": "YYYY", "quarter": "Q", "month": "MM", "week": "IW", "day": "DD", "hour": "HH24", "minute": "MI"}
_ENTRIES: Entries = {
    ("like", ("text", "text")): Operation("({0} LIKE {1} ESCAPE '!')"),
    ("length", ("text",)): Operation("LENGTH({0})", result="integer", sql_type="BIGINT"),
    **{("abs", (kind,)): Operation("ABS({0})", result="", sql_type=SAME) for kind in NUMBERS},
    **{("sign", (kind,)): Operation("SIGN({0})", result="integer", sql_type="TINYINT") for kind in NUMBERS},
    ("mod", ("integer", "integer")): Operation("MOD({0}, {1})", result=""),
    ("round", ("decimal", "integer")): Operation("ROUND({0}, {1})", result=""),
    ("floor", ("decimal",)): Operation("FLOOR({0})", result=""),
    ("ceil", ("decimal",)): Operation("CEIL({0})", result=""),
    **{("to_decimal", (k,)): Operation("CAST({0} AS NUMBER({digits},{scale}))", result="decimal") for k in NUMBERS},
    ("to_integer", ("decimal",)): Operation("ROUND({0})", result="integer"),
    **{
        (f"trunc_{unit}", ("timestamp",)): Operation(
            f"CAST(TRUNC({{0}}, '{form}') AS TIMESTAMP)", result="timestamp", sql_type="TIMESTAMP"
        )
        for unit, form in _TRUNC.items()
    },
}


ORACLE = DialectTable(
    name="oracle",
    placeholder=":v",
    quote=lambda identifier: '"' + identifier.replace('"', '""') + '"',
    columns=frozenset({*NUMBERS, *_STAMPS, "text"}),
    keys=frozenset({*NUMBERS, *_STAMPS, "text"}),
    bound=lambda kind: f"CAST(:v AS {_TYPES[kind]})" if kind in _TYPES else ":v",
    operations={
        **LOGIC,
        **compared(*NUMBERS, *_STAMPS, "text"),
        **mixed_numbers(),
        **arithmetic(),
        **parts(_PARTS, ("timestamp",)),
        **_ENTRIES,
    },
    aggregates={**COUNTS, **extremes(*NUMBERS, *_STAMPS, "text"), **SUMS, **AVERAGES},
    collated=lambda sql, kind: sql,
    read=lambda column: None if column.sql_type == "VARCHAR" and not column.binary_text else "{0}",
    most_digits=38,
    float_parameters=False,
    empty_text=False,
    first_rows=lambda sql, rows: f"{sql} FETCH FIRST {rows} ROWS ONLY",
    proven=False,
)

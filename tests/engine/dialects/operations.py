"""For each operation of the tables: SQL texts that use it, over columns and constants that are awkward for it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dialects.entries import COMPARED
from engine.dialects.table import CONDITION, LONG, ROUGH, TEXTS

COLUMNS = {
    "integer": ("n", "big", "small"), "decimal": ("money", "exact"), "date": ("day",), "timestamp": ("moment",),
    "timestamptz": ('"seen"',), "text": ("txt", "code"), "uuid": ("u",), "boolean": ("flag",), "float": ("x",),
    CONDITION: ("(small > 0)", "(n IS NULL)", "(day = DATE '2024-02-29')"),
}  # fmt: skip
OWN = {
    "my": {"text": ("code",), LONG: ("txt",), ROUGH: ("note",)},
    "lite": {"decimal": (), "timestamptz": (), "uuid": (), "text": ("txt", "code", "note")},
    "pg": {},
}  # fmt: skip
CONSTANTS = {
    "integer": ("2", "-2147483648", "9223372036854775807"),
    "decimal": ("2.50", "0.005", "-9999999999.99"),
    "date": ("DATE '2024-02-29'", "'0001-01-01'", "DATE '9999-12-31'", "DATE '2024-01-31' + INTERVAL '1' MONTH"),
    "timestamp": ("TIMESTAMP '2024-03-31 02:30:00'", "'2024-10-27 01:30:00.000001'", "DATE '2024-03-31'"),
    "timestamptz": ("TIMESTAMPTZ '2024-03-31 02:30:00+00'", "TIMESTAMPTZ '2024-10-27 03:30:00.000001+02'"),
    "text": ("'a'", "'A '", "''", "'Ä'", "'100%'", "'O''Neil'", "'\\'", "'東京'", "'😀b'"),
    "uuid": ("'11110000-0000-0000-0000-000000000001'",),
    "boolean": ("TRUE", "FALSE"),
    "float": ("2.5", "0", "-0.5", "1"),
}  # fmt: skip
SIGNS = {**COMPARED, "add": "+", "sub": "-", "mul": "*", "and": "AND", "or": "OR"}
PATTERNS = (
    "", "%", "%%", "_", "__", "a", "a%", "%b", "%b%", "a%c", "a_c", "_b%", "%a%b%", "Ä", "ä%", "100%", "%!%", "\\",
    "\\%", "%\\", "!", "a!%", "%{0}%", "%東_", "😀_", "a\nb", "%x", "%y", "A_", "a ", "% ", "O'%",
)  # fmt: skip
PARTS = ("", "a", "A", "b", "ä", "%", "_", "\\", "!", "京", "😀", "x", " ", "\n")
FORMS = {
    "not": "(NOT {0})", "neg": "(-{0})", CONDITION: "({0})", "abs": "abs({0})", "sign": "sign({0})",
    "floor": "floor({0})", "ceil": "ceil({0})", "length": "length({0})", "concat": "({0} || {1})",
    "to_integer": "cast({0} AS BIGINT)", "to_text": "cast({0} AS VARCHAR)", "to_timestamp": "cast({0} AS TIMESTAMP)",
    "to_date": "cast({0} AS DATE)",
}  # fmt: skip
NAMES = {"dow": "dayofweek", "doy": "dayofyear"}
NUMBERED = {
    "mod": ("({0} % 3)", "({0} % (-7))"),
    "round": ("round({0}, 0)", "round({0}, 1)", "round({0})"),
    "left": ("left({0}, 0)", "left({0}, 1)", "left({0}, 3)"),
    "right": ("right({0}, 0)", "right({0}, 1)", "right({0}, 1101)"),
    "substring": ("substring({0}, 1, 2)", "substring({0} FROM 2 FOR 1)", "substr({0}, 5, 0)", "substr({0}, 9999, 1)"),
    "substring_from": ("substr({0}, 1)", "substring({0}, 2)", "substr({0}, 1101)"),
    "to_decimal": ("cast({0} AS DECIMAL(38,3))", "cast({0} AS DECIMAL(25,1))", "cast({0} AS DECIMAL(38,10))"),
}
COUNTS = ("0", "1", "-1", "13", "-400")
EARLIEST, LATEST = "day > DATE '1200-01-01'", "day < DATE '9000-01-01'"


def columns_of(name: str, kind: str) -> tuple[str, ...]:
    """The columns of a family that a source has."""
    return OWN[name].get(kind, COLUMNS.get(kind, ()))


def texts(name: str, operation: str, families: tuple[str, ...]) -> Iterator[str]:
    """The operation over columns of the families, and over a column and each constant, both ways round."""
    columns = [columns_of(name, kind) for kind in families]
    first = columns[0]
    if operation in NUMBERED:
        yield from (form.replace("{0}", column) for form in NUMBERED[operation] for column in first)
    elif operation in ("like", "pieces", "between"):  # of a pattern with a fixed beginning there is a range too
        for column in first:
            yield from (f"({column} LIKE {quoted(pattern)})" for pattern in PATTERNS)
            yield f"({column} NOT LIKE 'a%')"
            yield f"({column} LIKE '%!%%' ESCAPE '!')"
            yield f"({column} LIKE 'a^_c' ESCAPE '^')"
    elif operation in ("starts_with", "ends_with", "contains"):
        for column in first:
            yield from (f"{operation}({column}, {quoted(part)})" for part in PARTS)
            yield from (f"{operation}({column}, {other})" for other in columns_of(name, "text") if name == "pg")
    elif operation.startswith("part_"):
        unit = operation.removeprefix("part_")
        yield from (f"extract({unit} FROM {column})" for column in first)
        yield from (f"{NAMES.get(unit, unit)}({column})" for column in first)
        yield from (f"date_part('{unit}', {column})" for column in first)
    elif operation.startswith("trunc_"):
        yield from (f"date_trunc('{operation.removeprefix('trunc_')}', {column})" for column in first)
    elif operation == "shift_days":
        yield from (f"({column} {sign} {count})" for column in first for sign in "+-" for count in (0, 1, 400))
    elif operation.startswith("shift_"):
        unit = operation.removeprefix("shift_")
        yield from (f"({column} + INTERVAL '{count}' {unit})" for column in first for count in COUNTS)
        yield from (f"({column} - INTERVAL '7' {unit})" for column in first)
    elif operation in FORMS and len(families) == 1:
        found = [FORMS[operation].replace("{0}", column) for column in first]
        yield from (text for text in found if (operation, text) != ("neg", "(-big)"))
    else:
        form = FORMS.get(operation, f"({{0}} {SIGNS.get(operation)} {{1}})")
        for one in first if ROUGH not in families else ():
            yield from (form.replace("{0}", one).replace("{1}", other) for other in columns[1])
        for one in first:
            yield from (form.replace("{0}", one).replace("{1}", c) for c in CONSTANTS.get(families[1], ()))
        for other in columns[1]:
            yield from (form.replace("{0}", c).replace("{1}", other) for c in CONSTANTS.get(families[0], ()))


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def conditions(text: str, kind: str) -> list[str]:
    """Conditions over a value of a family, as which DuckDB and the source tell the value."""
    if kind in TEXTS:
        found = [
            f"{text} = {quoted(part)}" for part in ("", "a", "A", "a ", "ä", "b", "東京", "\\", "😀b", "7", "-1")
        ]
        return [*found, f"{text} <> 'a'", f"{text} IN ('a', 'x', '😀', '')", f"{text} LIKE '%a%'"]
    if kind in ("date", "timestamp"):
        days = ("0001-01-01", "1899-12-31", "2024-01-01", "2024-02-29", "2024-03-31", "2023-02-28", "2024-04-01")
        return [f"{text} {sign} DATE '{day}'" for day in days for sign in ("=", "<", ">")]
    if kind == "timestamptz":
        moments = ("2024-03-01 00:00:00", "2024-03-31 01:00:00", "2024-10-27 01:30:00")
        return [f"{text} {sign} TIMESTAMPTZ '{moment}+00'" for moment in moments for sign in ("=", "<")]
    return []

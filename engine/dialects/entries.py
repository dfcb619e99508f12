"""Entries that several dialects' tables have in common."""

from __future__ import annotations

from collections.abc import Iterable

from engine.dialects.table import CONDITION, ROUGH, SAME, Aggregate, Operation, Part

NUMBERS = ("integer", "decimal")
MOMENTS = ("date", "timestamp", "timestamptz")
COMPARED = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
EQUAL = ("eq", "ne")
IS_EQUAL = "({0} = {1})"  # such an equality may be asked for by IN

Entries = dict[tuple[str, tuple[str, ...]], Operation]

# A source's own equality of texts, where it takes some different ones for equal.
ROUGHLY_EQUAL: Entries = {
    ("eq", pair): Operation(IS_EQUAL, exact=False) for pair in ((ROUGH, "text"), ("text", ROUGH))
}


def compared(*families: str, only: Iterable[str] = tuple(COMPARED)) -> Entries:
    """Comparisons of values of one family."""
    return {(op, (kind, kind)): Operation(f"({{0}} {COMPARED[op]} {{1}})") for kind in families for op in only}


def mixed(one: str, other: str, only: Iterable[str] = tuple(COMPARED)) -> Entries:
    """Comparisons of values of two families, both ways round."""
    pairs = ((one, other), (other, one))
    return {(op, pair): Operation(f"({{0}} {COMPARED[op]} {{1}})") for pair in pairs for op in only}


def mixed_numbers() -> Entries:
    """Comparisons of integers with decimals."""
    return mixed(*NUMBERS)


def arithmetic(text: str = "({0} %s {1})", negated: str = "(- {0})") -> Entries:
    """+ - * of integers and decimals. Results that DuckDB's type can't hold are its errors."""
    signs = {"add": "+", "sub": "-", "mul": "*"}
    found: Entries = of_numbers("neg", negated)
    for name, sign in signs.items():
        found |= {(name, (a, b)): Operation(text % sign, result="") for a in NUMBERS for b in NUMBERS}
    return found


def of_numbers(name: str, text: str) -> Entries:
    """An operation on a number whose result may be one more than an integer's type holds: that is no output."""
    return {
        (name, ("integer",)): Operation(text, result=""),
        (name, ("decimal",)): Operation(text, result="", sql_type=SAME),
    }


def parts(texts: dict[str, str], families: Iterable[str]) -> Entries:
    """Parts of dates and timestamps as whole numbers: year, month, …"""
    return {
        (f"part_{unit}", (kind,)): Operation(text, result="integer", sql_type="BIGINT")
        for unit, text in texts.items()
        for kind in families
    }


LOGIC: Entries = {
    ("and", (CONDITION, CONDITION)): Operation("({0} AND {1})"),
    ("or", (CONDITION, CONDITION)): Operation("({0} OR {1})"),
    ("not", (CONDITION,)): Operation("(NOT {0})"),
}
COUNTS: dict[tuple[str, str], Aggregate] = {
    ("count", "*"): Aggregate((Part("COUNT(*)", "BIGINT"),)),
    ("count", "any"): Aggregate((Part("COUNT({0})", "BIGINT"),)),
    ("count_distinct", "key"): Aggregate((Part("COUNT(DISTINCT {0})", "BIGINT"),)),
}


def extremes(*families: str) -> dict[tuple[str, str], Aggregate]:
    """MIN and MAX: values of the operand's own type."""
    return {
        (name, kind): Aggregate((Part(f"{name.upper()}({{0}})", ""),)) for name in ("min", "max") for kind in families
    }


WHOLE_SUM = "CAST({0} AS HUGEINT)"


def sums(whole: str = "{0}") -> dict[tuple[str, str], Aggregate]:
    """SUM; `whole`: an integer in a type that the sum does not leave."""
    return {
        ("sum", "integer"): Aggregate((Part(f"SUM({whole})", "DECIMAL(38,0)"),), WHOLE_SUM),
        ("sum", "decimal"): Aggregate((Part("SUM({0})", "DECIMAL(38,{scale})"),)),
    }


def averages(whole: str = "{0}", count: str = "COUNT({0})") -> dict[tuple[str, str], Aggregate]:
    """AVG as DuckDB makes its own where a SUM stands beside it; where none does, the last bit may be another."""
    counted = Part(count, "BIGINT")
    return {
        ("avg", "integer"): Aggregate(
            (Part(f"SUM({whole})", "DECIMAL(38,0)"), counted), f"{WHOLE_SUM}::DOUBLE / {{1}}"
        ),
        ("avg", "decimal"): Aggregate((Part("SUM({0})", "DECIMAL(38,{scale})"), counted), "{0}::DOUBLE / {1}"),
    }


SUMS, AVERAGES = sums(), averages()

"""The form of a dialect's table: operations by the families of their operands, each with its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.sdk import Column, Op, Support, Table, Value
from connectors.sdk.types import decimal_parts, family
from engine.fragments import Param

CONDITION = "condition"  # the family of comparisons and what AND, OR, NOT make of them
OPAQUE = "opaque"  # of a column of which only NULL can be told


@dataclass(frozen=True, slots=True)
class Term:
    """An expression in the dialect.

    `digits`, `scale`: of decimals, not capped. `is_constant`: the same in every row. `ordered`: < and MIN agree with
    DuckDB. `sql_type`, `readable`: of a plain column; the latter says whether it may be an output as it is.
    `tells_null`: IS NULL and COUNT see the NULLs that DuckDB sees.
    """

    sql: str
    values: tuple[Value | Param | None, ...]
    family: str
    digits: int = 0
    scale: int = 0
    is_constant: bool = False
    ordered: bool = True
    sql_type: str = ""
    readable: bool = True
    tells_null: bool = True


def is_mapped(table: Table, column: Column) -> bool:
    """Whether a naive timestamp of the source is seen as an instant: only the connector can map it."""
    return column.name in table.naive_timestamps and column.sql_type == "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Part:
    """One output column of an aggregate: `text` with `{0}` for its operand; `sql_type`: what it is read as, `{scale}`
    standing for the operand's scale, "" for the operand's own type."""

    text: str
    sql_type: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What a source computes for an aggregate, and how DuckDB makes its own result of it: `combined` is DuckDB SQL
    over `{0}`, `{1}` …, the parts."""

    parts: tuple[Part, ...]
    combined: str = "{0}"


@dataclass(frozen=True, slots=True)
class DialectTable:
    """One dialect.

    `columns`: families that a column's values may have in a comparison. `keys`: families whose equality in GROUP BY,
    DISTINCT and joins is DuckDB's. `bound`: a placeholder under the type of its value. `operations`: text with `{0}`,
    `{1}` for the operands, by (name, their families). `aggregates` by (name, family). `collated`: a text whose order,
    or equality with a text of another column, is asked for. `read`: a column as it has to be selected (text with
    `{0}`), None where that depends on more than a description tells. `most_digits`: of decimals in between.
    `collated_always`: else a column's own collation may make different texts equal. `semi_joins`: which subqueries
    the source joins instead of running them for each row (`rules.semi_joins`).
    """

    name: str
    placeholder: str
    quote: Callable[[str], str]
    columns: frozenset[str]
    keys: frozenset[str]
    bound: Callable[[str], str]
    operations: Mapping[tuple[str, tuple[str, ...]], str]
    aggregates: Mapping[tuple[str, str], Aggregate]
    collated: Callable[[str, str], str]
    read: Callable[[Column], str | None]
    most_digits: int = 1_000
    most_scale: int = 38
    true: str = "1 = 1"
    collated_always: bool = False
    semi_joins: str = "key"

    def column(self, alias: str, table: Table, column: Column) -> Term:
        """A column of a table. OPAQUE where its values or their equality may differ from what DuckDB sees."""
        form = None if is_mapped(table, column) else self.read(column)
        sql = (form or "{0}").format(f"{alias}.{self.quote(column.name)}")
        kind = family(column.sql_type)
        equal = column.operators.get(Op.EQ) is Support.EXACT and (kind != "text" or column.binary_text)
        if kind not in self.columns or not equal or form is None:
            tells_null = column.operators.get(Op.IS_NULL) is Support.EXACT
            return Term(sql, (), OPAQUE, sql_type=column.sql_type, readable=form is not None, tells_null=tells_null)
        digits, scale = decimal_parts(column.sql_type) or (0, 0)
        return Term(
            sql,
            (),
            kind,
            digits,
            scale,
            ordered=column.operators.get(Op.LT) is Support.EXACT,
            sql_type=column.sql_type,
        )


NUMBERS = ("integer", "decimal")
COMPARED = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
EQUAL = ("eq", "ne")


def compared(*families: str, only: tuple[str, ...] = tuple(COMPARED)) -> dict[tuple[str, tuple[str, ...]], str]:
    """Comparisons of values of one family."""
    return {(op, (kind, kind)): f"({{0}} {COMPARED[op]} {{1}})" for kind in families for op in only}


def mixed_numbers() -> dict[tuple[str, tuple[str, ...]], str]:
    """Comparisons of integers with decimals."""
    pairs = (NUMBERS, NUMBERS[::-1])
    return {(op, pair): f"({{0}} {sign} {{1}})" for pair in pairs for op, sign in COMPARED.items()}


def arithmetic(text: str = "({0} %s {1})") -> dict[tuple[str, tuple[str, ...]], str]:
    """+ - * of integers and decimals. Results that DuckDB's type can't hold are its errors."""
    signs = {"add": "+", "sub": "-", "mul": "*"}
    found: dict[tuple[str, tuple[str, ...]], str] = {("neg", (kind,)): "(- {0})" for kind in NUMBERS}
    for name, sign in signs.items():
        found |= {(name, (a, b)): text % sign for a in NUMBERS for b in NUMBERS}
    return found


LOGIC: dict[tuple[str, tuple[str, ...]], str] = {
    ("and", (CONDITION, CONDITION)): "({0} AND {1})",
    ("or", (CONDITION, CONDITION)): "({0} OR {1})",
    ("not", (CONDITION,)): "(NOT {0})",
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
AVERAGES = {
    ("avg", "integer"): Aggregate(
        (Part("SUM({0})", "DECIMAL(38,0)"), Part("COUNT({0})", "BIGINT")), f"{WHOLE_SUM}::DOUBLE / {{1}}"
    ),
    ("avg", "decimal"): Aggregate(
        (Part("SUM({0})", "DECIMAL(38,{scale})"), Part("COUNT({0})", "BIGINT")), "{0}::DOUBLE / {1}"
    ),
}
"""As DuckDB makes its own AVG where a SUM stands beside it; where none does, the last bit may be another."""
SUMS = {
    ("sum", "integer"): Aggregate((Part("SUM({0})", "DECIMAL(38,0)"),), WHOLE_SUM),
    ("sum", "decimal"): Aggregate((Part("SUM({0})", "DECIMAL(38,{scale})"),)),
}

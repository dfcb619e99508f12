"""The form of a dialect's table: operations by the families of their operands, each with its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.sdk import Column, Op, Support, Table, Value
from connectors.sdk.types import decimal_parts, family
from engine.fragments import Param

CONDITION = "condition"  # the family of comparisons and what AND, OR, NOT make of them
OPAQUE = "opaque"  # of a column of which only NULL can be told
LONG = "long text"  # byte for byte text that is too long for the source to sort or group by
ROUGH = "rough text"  # text whose own collation takes some different texts for equal
LEGACY = "converted text"  # the same, in a character set that has to be converted before it is compared
TEXTS = ("text", LONG, ROUGH, LEGACY)
COLLATED = (ROUGH, LEGACY)
# What a source sorts as DuckDB does, texts by their bytes; rough and long ones it sorts otherwise.
SORTED = frozenset({"integer", "decimal", "date", "timestamp", "timestamptz", "text"})
SAME = "="  # of an Operation's `sql_type`: the type of its first operand


@dataclass(frozen=True, slots=True)
class Term:
    """An expression in the dialect.

    `digits`, `scale`: of decimals, not capped. `is_constant`: the same in every row. `ordered`: < and MIN agree with
    DuckDB, and of a text its characters are counted alike. `sql_type`: DuckDB's type of it, "" where it is not told:
    such a term is no output. `readable`: whether a plain column may be an output as it is.
    `tells_null`: IS NULL and COUNT see the NULLs that DuckDB sees. `exact`: else true of more rows (`superset`).
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
    exact: bool = True


def is_sorted_text(term: Term) -> bool:
    """Whether a text is one that a source sorts by all of its bytes: MariaDB looks at the first 1,024."""
    return term.family == "text" and not any(isinstance(value, str | Param) for value in term.values)


def is_mapped(table: Table, column: Column) -> bool:
    """Whether a naive timestamp of the source is seen as an instant: only the connector can map it."""
    return column.name in table.naive_timestamps and column.sql_type == "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Operation:
    """`text` with `{0}`, `{1}` … for the operands, each as often as needed.

    `exact`: DuckDB's answer. Else it is true of every row of which DuckDB's is true, and perhaps of others: a
    superset, for `superset_condition` only. `result`: the result's family, "" that of the first operand; `sql_type`:
    its type in DuckDB, SAME or "" as in `Term`. `among`: for an equality with one of several constants, what is
    to be IN what: the value, and each constant.
    """

    text: str
    exact: bool = True
    result: str = CONDITION
    sql_type: str = ""
    among: tuple[tuple[str, str], ...] = ()


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


Operations = Mapping[tuple[str, tuple[str, ...]], Operation]


def text_as_declared(column: Column) -> str:
    """Text is compared byte for byte, or not at all."""
    return "text" if column.binary_text and column.operators.get(Op.EQ) is Support.EXACT else OPAQUE


def text_is_rough(column: Column) -> str:
    """Text that can be compared at all is compared under a collation of its own."""
    return ROUGH if column.operators.get(Op.EQ) is not None else OPAQUE


def limited(sql: str, rows: int) -> str:
    """A SELECT's first rows, by LIMIT."""
    return f"{sql} LIMIT {rows}"


def with_nulls(term: str, descending: bool, nulls_first: bool) -> str:
    """A term of ORDER BY that says where NULLs stand."""
    return f"{term} {'DESC' if descending else 'ASC'} NULLS {'FIRST' if nulls_first else 'LAST'}"


@dataclass(frozen=True, slots=True)
class DialectTable:
    """One dialect.

    `columns`: families that a column's values may have in a comparison. `keys`: families whose equality in GROUP BY,
    DISTINCT and joins is DuckDB's. `bound`: a placeholder under the type of its value. `operations` by (name, the
    operands' families); what they are called stands in `operations.py`. `aggregates` by (name, family). `collated`: a
    text whose order, or equality with a text of another column, is asked for; or a text made of several. `read`: a
    column as it has to be selected (text with `{0}`), None where that depends on more than a description tells.
    `most_digits`: of decimals in between. `collated_always`: else a column's own collation may make different texts
    equal. `semi_joins`: which subqueries the source joins instead of running them for each row (`rules.semi_joins`).
    `semi_joins_by_in`: IN it joins where it would run EXISTS for each row: in a derived table.
    `text`: the family of a text column. `float_parameters`: whether a float may be any, infinite too. `one_text`: of
    several texts to choose from just one may be a column, else they may have no common collation. `empty_text`: '' is
    a text, not NULL. `first_rows`: of a SELECT so many. `order`: a term of ORDER BY (term, descending, NULLs first).
    `most_groups`: more it makes better by sorting. `groups_first`: it gains where the many side of a LEFT JOIN is
    grouped before it is joined. `whole`: a computed whole number as an output. `proven`: on a live database; no rule
    uses another one.
    """

    name: str
    placeholder: str
    quote: Callable[[str], str]
    columns: frozenset[str]
    keys: frozenset[str]
    bound: Callable[[str], str]
    operations: Operations
    aggregates: Mapping[tuple[str, str], Aggregate]
    collated: Callable[[str, str], str]
    read: Callable[[Column], str | None]
    most_digits: int = 1_000
    most_scale: int = 38
    true: str = "1 = 1"
    collated_always: bool = False
    semi_joins: str = "key"
    semi_joins_by_in: bool = False
    text: Callable[[Column], str] = text_as_declared
    float_parameters: bool = True
    one_text: bool = False
    most_groups: int | None = None
    groups_first: bool = False
    empty_text: bool = True
    first_rows: Callable[[str, int], str] = limited
    order: Callable[[str, bool, bool], str] = with_nulls
    whole: str = "{0}"
    proven: bool = True

    def column(self, alias: str, table: Table, column: Column) -> Term:
        """A column of a table. OPAQUE where its values or their equality may differ from what DuckDB sees."""
        form = None if is_mapped(table, column) else self.read(column)
        sql = (form or "{0}").format(f"{alias}.{self.quote(column.name)}")
        kind = self._family(column)
        if kind not in self.columns or (form is None and kind not in COLLATED):
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
            readable=form is not None,
        )

    def _family(self, column: Column) -> str:
        kind = family(column.sql_type)
        if kind == "text":
            return self.text(column)
        return kind if column.operators.get(Op.EQ) is Support.EXACT and column.sql_type != "FLOAT" else OPAQUE

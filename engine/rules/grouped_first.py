"""The many side of a LEFT JOIN, grouped before it is joined, in one statement: orders of each customer.

`SELECT c.id, count(o.id) FROM c LEFT JOIN o ON o.customer = c.id GROUP BY c.id` joins all orders and groups them by
customer; grouped by `o.customer` first, the join has a row for each customer, and is the answer. PostgreSQL does not
see that by itself.

It is the same when each group is one row of the other tables (their keys are grouped by), when the join's equalities
fix all that the many side is grouped by, and when aggregates are over the many side alone and see NULL in the place
of no row: COUNT is 0 then, COUNT(*) is 1, all others are NULL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from connectors.sdk import Table
from engine.dialects.render import Context, InexactError, condition, render
from engine.dialects.table import DialectTable, Term
from engine.estimates import estimated_rows
from engine.group_estimates import rows_joined_by_keys, values_of
from engine.rules.partial_aggregates import is_strict
from engine.rules.relation import Item, covered, keys_of
from engine.trees import has_any, nodes_of

WORTH_SHARE = 0.5  # of the other tables' rows that are wanted: for few of them an index finds their many rows


@dataclass(slots=True)
class GroupedFirst:
    """`keys`: what `item` is grouped by, columns k0, k1 …; `own`: conditions over it alone; `on`: those of the join,
    over the keys; `parts`: its aggregates, columns a0, a1 …"""

    item: Item
    keys: list[Term]
    own: list[Term]
    on: list[Term]
    parts: list[Term] = field(default_factory=list)

    def check(self, operand: exp.Expr) -> None:
        """An aggregate's operand over the items. InexactError where it is not only of the many side's rows."""
        if {column.table for column in nodes_of(operand, exp.Column)} != {self.item.scan.id}:
            raise InexactError("an aggregate of other tables' rows")
        if not is_strict(operand):
            raise InexactError("an expression that NULLs of an outer join don't make NULL")

    def part(self, made: Term, within: Term) -> Term:
        """What an aggregate over the many side is behind the join. `within`: as it is computed below it."""
        if within not in self.parts:
            self.parts.append(within)
        column = f"{self.item.scan.id}.a{self.parts.index(within)}"
        nothing = "1" if made.sql == "COUNT(*)" else "0" if made.sql.startswith("COUNT(") else None
        return replace(made, sql=f"COALESCE({column}, {nothing})" if nothing else column, values=())


def grouped_first(
    items: Sequence[Item],
    where: Sequence[exp.Expr],
    keys: Sequence[exp.Expr],
    tables: Mapping[str, Table],
    context: Context,
) -> GroupedFirst:
    """The one item that multiplies the rows of the others. InexactError when there is none, or it may not, or need
    not, be grouped first. `keys`: what is grouped by, over the items; `context`: of the statement."""
    item = many_side(items, tables)
    grouped = {(key.table, key.name) for key in keys if isinstance(key, exp.Column)}
    first = items[0].scan
    if not any({(first.id, name) for name in key} <= grouped for key in keys_of(tables[first.id])):
        raise InexactError("a group is more than one row of the others")
    others = [*where, *keys, *(term for other in items if other is not item for term in other.on or ())]
    if any(column.table == item.scan.id for term in others for column in nodes_of(term, exp.Column)):
        raise InexactError("the many side is looked at elsewhere")
    wanted, whole = rows_joined_by_keys(items, tables), tables[first.id].row_estimate
    if wanted is None or whole is None or wanted < WORTH_SHARE * whole or any(has_any(t, exp.Exists) for t in where):
        raise InexactError("few rows of the others are wanted, or nobody knows how many")
    own, fixed = [], dict[str, Term]()
    joined = []
    for term in item.on or ():
        if {column.table for column in nodes_of(term, exp.Column)} <= {item.scan.id}:
            own.append(condition(term, context))
            continue
        column = _fixed(term, item.scan.id)
        found = render(column, context)
        if found.family not in context.dialect.keys:
            raise InexactError("values that the source may not tell apart as DuckDB does")
        fixed[column.name] = found
        joined.append(term)
    if not joined:
        raise InexactError("nothing joins the many side with the others")
    outside = replace(context, column=_Keys(context, item.scan.id, tuple(fixed)).column)
    return GroupedFirst(item, list(fixed.values()), own, [condition(term, outside) for term in joined])


def many_side(items: Sequence[Item], tables: Mapping[str, Table]) -> Item:
    """The item of a LEFT JOIN that is not reached by a key of its own. InexactError when there is none."""
    have: set[str] = set()
    for item in items:
        have.add(item.scan.id)
        if item.on is not None and not covered(tables[item.scan.id], item.scan.id, item.on, have):
            return item
    raise InexactError("no join multiplies rows")


def makes_many(first: GroupedFirst, tables: Mapping[str, Table], dialect: DialectTable, rows: int) -> bool:
    """Whether statistics say that there are more than `rows` rows, and many groups of them."""
    table = tables[first.item.scan.id]
    read = estimated_rows(first.item.scan, table)
    columns = [column for term in first.item.on or () for column in nodes_of(term, exp.Column)]
    own = {column.name for column in columns if column.table == first.item.scan.id}
    known = [values_of(name, table) for name in own]
    most = max((count for count in known if count is not None), default=0)
    return dialect.most_groups is not None and read is not None and read > rows and most > dialect.most_groups


def _fixed(term: exp.Expr, scan: str) -> exp.Column:
    """The column of the many side that an equality fixes by others. InexactError."""
    if isinstance(term, exp.EQ):
        for one, other in ((term.this, term.expression), (term.expression, term.this)):
            if isinstance(one, exp.Column) and one.table == scan:
                owners = {column.table for column in nodes_of(other, exp.Column)}
                if owners and scan not in owners:
                    return one
    raise InexactError("a join of the many side by other than equalities")


@dataclass(frozen=True, slots=True)
class _Keys:
    """Renders columns of the many side as what it is grouped by."""

    context: Context
    scan: str
    names: tuple[str, ...]

    def column(self, node: exp.Column) -> Term:
        found = self.context.column(node)
        return replace(found, sql=f"{self.scan}.k{self.names.index(node.name)}") if node.table == self.scan else found

"""FROM and WHERE of one SELECT as joined scans: views and derived tables that are plain SELECTs are seen through.

Names: in a relation's expressions a column's table is a scan id. The canonical form is: inner items, in an order in
which each added one is reached by an equality on a key of its own, then outer ones, then the conditions. It is sound
because a condition of an inner join may always be tested last, and an outer join's only speaks of what stands before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.dialects.render import InexactError
from engine.predicates import conjuncts
from engine.rules.scopes import computed, is_recursive, referenced_once, scan_of, sources_of
from engine.rules.semi_joins import is_semi_join, semi_join
from engine.scans import Scan
from engine.source_tables import our_names
from engine.trees import copied, has_any, nodes_of

MOST_TABLES = 24  # the time to find an order grows with the cube of them
_NOT_PLAIN = (
    "group", "having", "qualify", "distinct", "windows", "laterals", "pivots", "sample", "limit", "offset", "fetch",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """A scan in a relation. `on`: the terms of its LEFT JOIN, None when it is joined inside."""

    scan: Scan
    on: tuple[exp.Expr, ...] | None = None


@dataclass(slots=True)
class Relation:
    """`outputs`: per alias of the SELECT its columns as expressions; `through`: scopes that were seen through;
    `outer`: of a subquery, what stands around it."""

    items: list[Item] = field(default_factory=list)
    where: list[exp.Expr] = field(default_factory=list)
    outputs: dict[str, Mapping[str, exp.Expr]] = field(default_factory=dict)
    through: list[Scope] = field(default_factory=list)
    outer: Relation | None = None

    def expand(self, node: exp.Expr) -> exp.Expr:
        """A copy of an expression of the SELECT over the scans. InexactError for a column of anything else."""
        holder = exp.Paren(this=copied(node))
        for column in nodes_of(holder, exp.Column):
            inner = self._output(column)
            if inner is None:
                raise InexactError("a column that is made elsewhere")
            plain = isinstance(inner, exp.Column | exp.Literal)
            column.replace(copied(inner) if plain else exp.Paren(this=copied(inner)))
        found: exp.Expr = holder.this
        return found

    def _output(self, column: exp.Column) -> exp.Expr | None:
        if column.table in self.outputs or self.outer is None:
            return self.outputs.get(column.table, {}).get(column.name)
        return self.outer._output(column)


class Reader:
    """Makes relations of the scopes of one tree."""

    def __init__(self, scans: Sequence[Scan], tables: Mapping[str, Table], all_scopes: list[Scope]) -> None:
        self._scans = {scan.id: scan for scan in scans if scan.dialect and scan.fragment is None}
        self._tables = tables
        self._all = all_scopes

    def scan(self, name: str) -> Scan:
        """A scan that fragments can be made of. InexactError."""
        if name not in self._scans:
            raise InexactError("a source that takes no fragments")
        return self._scans[name]

    def nullable(self, column: exp.Column) -> bool:
        """Whether a scan's column may hold NULL, as far as its source says."""
        table = self._tables[column.table]
        return table.columns[our_names(table).index(column.name)].nullable

    def relation(self, scope: Scope, outer: Relation | None = None) -> Relation:
        """The whole FROM and WHERE of a SELECT. InexactError when it is not of plain joins of scans."""
        select = scope.expression
        if any(select.args.get(name) for name in ("laterals", "pivots", "sample")) or not select.args.get("from_"):
            raise InexactError("FROM is not made of plain joins")
        relation = Relation(outer=outer)
        for join in [None, *(select.args.get("joins") or [])]:
            self.add(relation, scope, select.args["from_"].this if join is None else join.this, join)
        where = select.args.get("where")
        for term in conjuncts(where.this if where else None):
            if is_semi_join(term):
                self.add_semi_join(relation, scope, term)
            else:
                relation.where.append(self._condition(relation, term))
        return relation

    def add_semi_join(self, relation: Relation, scope: Scope, term: exp.Expr) -> None:
        """Add an AND-term of a scope's WHERE that is a semi or anti join. InexactError, and nothing is added."""
        condition, used = semi_join(term, scope, relation, self)
        relation.where.append(condition)
        relation.through += used

    def add(self, relation: Relation, scope: Scope, node: exp.Expr, join: exp.Join | None) -> None:
        """Join one more source of a scope to a relation. InexactError, and then the relation is of no use."""
        piece = self.piece(scope, node)
        side = str(join.args.get("side") or "").upper() if join is not None else ""
        kind = str(join.args.get("kind") or "").upper() if join is not None else ""
        if side not in ("", "LEFT") or kind not in ("", "INNER", "CROSS", "OUTER"):
            raise InexactError(f"a {side or kind} join")
        if join is not None and (join.args.get("method") or join.args.get("using")):
            raise InexactError("a join of an unusual kind")
        relation.outputs |= piece.outputs
        relation.through += piece.through
        on = conjuncts(join.args.get("on")) if join is not None else []
        if side == "LEFT":
            if len(piece.items) != 1 or not on:
                raise InexactError("a LEFT JOIN of a join")
            (alias,) = piece.outputs
            kept = {name: e for name, e in piece.outputs[alias].items() if isinstance(e, exp.Column)}
            relation.outputs[alias] = kept
            terms = (*piece.where, *[self._condition(relation, term) for term in on])
            relation.items.append(Item(piece.items[0].scan, terms))
            return
        relation.items += piece.items
        relation.where += [*piece.where, *[self._condition(relation, term) for term in on]]

    def piece(self, scope: Scope, node: exp.Expr) -> Relation:
        """One source of a scope: a scan, or a plain SELECT over scans. InexactError."""
        alias = node.alias_or_name
        source = sources_of(scope).get(alias)
        if source is None or node.args.get("joins") or node.args.get("pivots") or node.args.get("sample"):
            raise InexactError("FROM is not made of plain joins")
        scan_id = scan_of(source)
        if scan_id is not None:
            scan = self._scans.get(scan_id)
            if scan is None or scan.limit is not None:
                raise InexactError("a source that takes no fragments")
            columns: dict[str, exp.Expr] = {
                name: exp.column(exp.to_identifier(name, quoted=True), table=scan_id, copy=False)
                for name in our_names(self._tables[scan_id])
            }
            return Relation([Item(scan)], [], {alias: columns})
        if not isinstance(source, Scope) or not isinstance(source.expression, exp.Select):
            raise InexactError("FROM is not made of plain SELECTs")
        self._check_plain(source)
        inner = self.relation(source)
        names_of: dict[str, exp.Expr] = {}
        select: exp.Select = source.expression
        for projection in select.selects:
            value = projection.unalias()
            try:
                names_of[projection.alias_or_name] = inner.expand(value)
            except InexactError:
                continue  # an error only if somebody needs it
        return Relation(inner.items, inner.where, {alias: names_of}, [source, *inner.through])

    def _check_plain(self, scope: Scope) -> None:
        select = cast(exp.Select, scope.expression)
        own = computed(select)
        if (
            any(select.args.get(name) for name in _NOT_PLAIN)
            or any(isinstance(n, exp.AggFunc | exp.Window | exp.Query | exp.Unnest | exp.Explode) for n in own)
            or is_recursive(scope)
            or not referenced_once(scope, self._all)
        ):
            raise InexactError("FROM is not made of plain SELECTs")

    def _condition(self, relation: Relation, term: exp.Expr) -> exp.Expr:
        if has_any(term, exp.Query, exp.AggFunc, exp.Window):
            raise InexactError("a subquery in a condition")
        return relation.expand(term)


def in_order(relation: Relation, tables: Mapping[str, Table], fans_out: bool = False) -> list[Item]:
    """The items in canonical order, no one multiplying the rows of those before it. InexactError when impossible.

    Rows multiply unless each added table is reached by equalities that cover a key of its own: TPC-H Q5 once shipped
    15 million rows that way. `fans_out`: for rows that are grouped at the source, one LEFT JOIN may find many rows
    for each of the first table, when each of them finds one of the first by its key (orders of customers): there are
    then no more rows than both tables have.
    """
    if len(relation.items) > MOST_TABLES:
        raise InexactError("more tables than are looked at")
    inner = [item for item in relation.items if item.on is None]
    outer = [item for item in relation.items if item.on is not None]
    for start in inner:
        order = [start]
        rest = [item for item in inner if item is not start]
        while rest:
            have = {item.scan.id for item in order}
            found = next((i for i in rest if covered(tables[i.scan.id], i.scan.id, relation.where, have)), None)
            if found is None:
                break
            order.append(found)
            rest.remove(found)
        if not rest:
            once = fans_out
            for item in outer:
                have, on = {i.scan.id for i in order}, item.on or ()
                if not covered(tables[item.scan.id], item.scan.id, on, have):
                    if not (once and covered(tables[start.scan.id], start.scan.id, on, {item.scan.id})):
                        raise InexactError("a join that may multiply rows")
                    once = False
                order.append(item)
            return order
    raise InexactError("a join that may multiply rows")


def covered(table: Table, scan: str, terms: Sequence[exp.Expr], have: set[str]) -> bool:
    """Whether a key of a table is fixed by equalities with constants or with columns of the scans in `have`."""
    fixed = set()
    for term in terms:
        if isinstance(term, exp.EQ):
            for one, other in ((term.this, term.expression), (term.expression, term.this)):
                if isinstance(one, exp.Column) and one.table == scan:
                    others = {column.table for column in nodes_of(other, exp.Column)}
                    if others <= have:
                        fixed.add(one.name)
    return any(key <= fixed for key in keys_of(table))


def keys_of(table: Table) -> list[set[str]]:
    """A table's keys by our names of their columns."""
    ours = dict(zip((column.name for column in table.columns), our_names(table), strict=True))
    return [{ours[name] for name in key} for key in table.keys]

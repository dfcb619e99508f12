"""Group the tables of one connection before they meet those of another: partial aggregates below a join.

A SELECT that groups a join of R (tables of one connection, joined by keys) with others is rewritten so that R is
grouped first, by the columns of it that are used elsewhere; `push_aggregates` sends that grouping to R's source.
All rows of such a group fare alike in every condition above, so that SUM of the sums, SUM of the counts, MIN of the
minima are what they were. What another table adds to MIN, MAX and DISTINCT doesn't depend on how often it comes.

It is done only where the source takes all of the inner grouping (here it could meet values that a CASE keeps from
being computed with), and where estimates say that fewer values cross the wire.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.dialects.render import InexactError, condition
from engine.group_estimates import Origin, estimated_groups, rows_joined_by_keys, values_of
from engine.plan import Note, Plan
from engine.predicates import conjuncts
from engine.rules.grouped_sources import aggregates, candidates, is_inner, joined_sources, own_nodes, own_parts
from engine.rules.keys_to_come import Coming, keys_to_come
from engine.rules.partial_aggregates import Partials, quoted
from engine.rules.push_aggregates import push_aggregates
from engine.rules.push_filters import null_supplied
from engine.rules.relation import Item, Reader, Relation, in_order
from engine.rules.scopes import column_origin, is_aggregate, joins_are_plain, scopes, sources_of
from engine.rules.statement import Statement
from engine.trees import copied, has_any, nodes_of

WORTH_ROWS = 1_000  # fewer rows are read as they are
MOST_TRIES = 8  # each copies the tree
WORTH_SHARE = 0.8  # of the values that cross the wire, so many may still cross it
MANY_ROWS, FEW_GROUPS = (
    200_000,
    0.1,
)  # PostgreSQL groups 910,000 rows to 243,000 in 1.5 times the time of sending them


def group_below_joins(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Each SELECT that groups a join of several sources groups first at the source where it can."""
    if len(plan.scans) < 2 or not any(scan.dialect and scan.fragment is None for scan in plan.scans):
        return plan
    position, tries, current = 0, MOST_TRIES, plan.scopes
    while position < len(current) and tries > 0:
        if _is_eligible(current[position]):
            found = candidates(current[position], Reader(plan.scans, tables, current), tables)[:tries]
            tries -= len(found)
            made = _rewritten(plan, tables, position, found)
            if made is not None:
                plan, current = made, made.scopes
        position += 1
    return plan


def _rewritten(
    plan: Plan, tables: Mapping[str, Table], position: int, several: Sequence[tuple[str, ...]]
) -> Plan | None:
    """The plan with one SELECT rewritten, or None."""
    coming = functools.cache(lambda: keys_to_come(plan, tables))
    for names in several:
        select = copied(plan.select)
        current = scopes(select)
        try:
            reader = Reader(plan.scans, tables, current)
            found = _Grouping(current[position], reader, tables, plan, names, coming).rewrite()
        except InexactError:
            continue
        pushed = push_aggregates(replace(plan, select=select), tables)
        if _reads_fragment(pushed, found):
            note = Note("group_below_joins", sorted(found.scans)[0], f"grouped before its join: {found.words}")
            new = [other for other in pushed.notes[len(plan.notes) :] if other.text.startswith("pushed ")]
            return replace(pushed, notes=(*plan.notes, note, *new))
    return None


def _is_eligible(scope: Scope) -> bool:
    select = scope.expression
    if not isinstance(select, exp.Select) or not select.args.get("joins"):
        return False
    if not joins_are_plain(select) or any(join.args.get("using") for join in select.args["joins"]):
        return False
    return groups_once(scope)


def groups_once(scope: Scope) -> bool:
    """Whether a SELECT has groups, and nothing but expressions over them above."""
    select = scope.expression
    if not isinstance(select, exp.Select) or not select.args.get("from_"):
        return False
    if any(select.args.get(name) for name in ("qualify", "windows", "laterals", "pivots", "sample")):
        return False
    if any(isinstance(source, Scope) and source.external_columns for source in sources_of(scope).values()):
        return False  # a derived table that sees its neighbours
    group, distinct = select.args.get("group"), select.args.get("distinct")
    if group is not None and any(group.args.get(name) for name in ("all", "totals")):
        return False
    if distinct is not None and distinct.args.get("on"):
        return False
    if has_any(select, exp.Rand, exp.Uuid):
        return False  # drawn anew for each row
    own = [node for part in own_parts(select) for node in own_nodes(part)]
    if any(isinstance(node, exp.Window | exp.Unnest | exp.Explode | exp.Filter | exp.WithinGroup) for node in own):
        return False
    return group is not None or distinct is not None or any(is_aggregate(node) for node in own)


@dataclass(frozen=True, slots=True)
class _Found:
    alias: str
    scans: frozenset[str]
    words: str


class _Grouping:
    """One SELECT whose sources `names` are to be grouped first. The tree is the caller's copy."""

    def __init__(
        self,
        scope: Scope,
        reader: Reader,
        tables: Mapping[str, Table],
        plan: Plan,
        names: Sequence[str],
        coming: Callable[[], Mapping[Origin, Coming]],
    ) -> None:
        self._scope = scope
        self._select = cast(exp.Select, scope.expression)
        self._tables = tables
        self._names = set(names)
        self._coming = coming
        self._joined = joined_sources(self._select)
        self._alias = free_alias(plan.select, plan)
        supplied = null_supplied(self._select)
        self._nullable = bool(supplied & self._names)
        self._check_place(supplied)
        self._relation = Relation()
        for node, _ in self._joined:
            if node.alias_or_name in self._names:
                reader.add(self._relation, scope, node, None)
        self._statement = Statement(self._relation.items, tables, plan.parameter_types)

    def rewrite(self) -> _Found:
        """Rewrite the tree. InexactError, and then the copy is of no use."""
        select = self._select
        partials = Partials(self._alias, self._names, self._nullable)
        inside = self._take_conditions()
        self._relation.where += [self._relation.expand(term) for term in inside]
        items = in_order(self._relation, self._tables)
        before = {(c.table, c.name) for c in self._scope.find_all(exp.Column) if c.table in self._names}
        for node in aggregates(select):
            partials.replace(node)
        if any(
            is_aggregate(node) and not isinstance(node, exp.AggFunc)
            for p in own_parts(select)
            for node in own_nodes(p)
        ):
            raise InexactError("an aggregate of another kind")
        columns = [c for c in self._own_columns() if c.table in self._names]
        if any(self._is_hidden(column) for column in columns):
            raise InexactError("a subquery has a source of the same name")
        keys = {(c.table, c.name): copied(c) for c in columns}
        if not keys:
            raise InexactError("nothing joins it with the others")
        self._check_worth(items, list(keys.values()), partials, before)
        names = {key: f"k{index}" for index, key in enumerate(keys)}
        for column in columns:
            name = names[column.table, column.name]
            column.replace(exp.column(quoted(name), table=quoted(self._alias), copy=False))
        inner = exp.Select(
            expressions=[
                *[exp.alias_(column, names[key], quoted=True) for key, column in keys.items()],
                *[exp.alias_(node, name, quoted=True) for name, node in partials.inner.items()],
            ],
            where=exp.Where(this=exp.and_(*inside, copy=False)) if inside else None,
            group=exp.Group(expressions=[copied(column) for column in keys.values()]),
        )
        self._place(inner)
        words = ", ".join(str(item.scan.table) for item in items)
        return _Found(self._alias, frozenset(item.scan.id for item in items), words)

    def _own_columns(self) -> list[exp.Column]:
        """The columns in the SELECT and in the subqueries of its expressions, not in its derived tables."""
        sources = {id(node) for node, _ in self._joined}
        nodes = self._select.walk(prune=lambda node: id(node) in sources)
        return [node for node in nodes if isinstance(node, exp.Column)]

    def _is_hidden(self, column: exp.Column) -> bool:
        """Whether a column within a subquery may be one of the subquery's own source of the same name."""
        query = column.find_ancestor(exp.Select)
        while query is not None and query is not self._select:
            if query.args.get("from_") is not None:
                own = [query.args["from_"].this, *[join.this for join in query.args.get("joins") or []]]
                if any(node.alias_or_name == column.table for node in own):
                    return True
            query = query.find_ancestor(exp.Select)
        return False

    def _check_place(self, supplied: set[str]) -> None:
        """Where the sources stand they can be replaced by one."""
        chosen = [(node, join) for node, join in self._joined if node.alias_or_name in self._names]
        if self._nullable:
            # The right side of one LEFT JOIN, and no other join supplies its NULLs.
            ((_, join),) = chosen if len(chosen) == 1 else [(None, None)]
            sides = {str(j.args.get("side") or "").upper() for _, j in self._joined if j is not None}
            if join is None or str(join.args.get("side") or "").upper() != "LEFT" or sides & {"RIGHT", "FULL"}:
                raise InexactError("an outer join supplies its rows")
            return
        if len(chosen) == 1:
            join = chosen[0][1]
            if not is_inner(join) and str((join and join.args.get("side")) or "").upper() != "RIGHT":
                raise InexactError("a join of another kind")
            return
        if not all(is_inner(join) for _, join in chosen):
            raise InexactError("an outer join among them")
        prefix = [node.alias_or_name for node, _ in self._joined[: len(chosen)]]
        if set(prefix) != self._names and not all(is_inner(join) for _, join in self._joined):
            raise InexactError("an outer join between them")

    def _take_conditions(self) -> list[exp.Expr]:
        """Remove from the tree, and give, the terms over the chosen sources alone that their source does."""
        select, taken = self._select, list[exp.Expr]()
        where = select.args.get("where")
        if where is not None and not self._nullable:
            kept = self._split(conjuncts(where.this), taken)
            select.set("where", exp.Where(this=exp.and_(*kept, copy=False)) if kept else None)
        for node, join in self._joined:
            if join is None or not join.args.get("on"):
                continue
            own_left = self._nullable and node.alias_or_name in self._names
            if own_left or (is_inner(join) and not self._nullable):
                kept = self._split(conjuncts(join.args["on"]), taken)
                if own_left and not kept:
                    raise InexactError("nothing joins it with the others")
                join.set("on", exp.and_(*kept, copy=False) if kept else None)
                if not kept:
                    join.set("kind", "CROSS")
        return taken

    def _split(self, terms: Sequence[exp.Expr], taken: list[exp.Expr]) -> list[exp.Expr]:
        kept: list[exp.Expr] = []
        for term in terms:
            (taken if self._is_own(term) else kept).append(term)
        return kept

    def _is_own(self, term: exp.Expr) -> bool:
        owners = {column.table for column in nodes_of(term, exp.Column)}
        if not owners or not owners <= self._names or has_any(term, exp.Query):
            return False
        try:
            condition(self._relation.expand(term), self._statement.context)
        except InexactError:
            return False
        return True

    def _check_worth(
        self, items: Sequence[Item], keys: Sequence[exp.Column], partials: Partials, before: set[tuple[str, str]]
    ) -> None:
        rows = rows_joined_by_keys(items, self._tables)
        if rows is None or rows < WORTH_ROWS:
            raise InexactError("too few rows, or nobody knows how many")
        plain, outputs = [self._relation.expand(key) for key in keys], len(keys) + len(partials.inner)
        equal = self._equal_values()

        def problem(rows: int, equal: Mapping[Origin, int]) -> str:
            groups = estimated_groups(plain, rows, items, self._tables, equal)
            if groups * outputs > WORTH_SHARE * rows * max(1, len(before)):
                return "the groups would be as much to read as the rows"
            many = rows > MANY_ROWS and groups > FEW_GROUPS * rows
            return "grouping would cost the source more than sending the rows" if many else ""

        found = problem(rows, equal)
        if found:
            share, values = self._keys_to_come(items)
            if share == 1.0 or problem(max(1, int(rows * share)), {**equal, **values}):
                raise InexactError(found)

    def _keys_to_come(self, items: Sequence[Item]) -> tuple[float, dict[Origin, int]]:
        """Which share of the joined rows the keys of other connections leave, and how many values of columns."""
        own = {item.scan.id for item in items if item.on is None}
        coming = {origin: one for origin, one in self._coming().items() if origin[0] in own}
        # What finds its rows in two tables that are joined by it leaves no fewer for that.
        shares = {one.provider: one.share for one in sorted(coming.values(), key=lambda one: -one.share)}
        return math.prod(shares.values()), {origin: one.values for origin, one in coming.items()}

    def _equal_values(self) -> dict[Origin, int]:
        """Columns of the chosen sources that equal others: at most so many of their values count."""
        select = self._select
        where = select.args.get("where")
        terms = conjuncts(where.this if where else None)
        for join in select.args["joins"]:
            terms = [*terms, *conjuncts(join.args.get("on"))]
        classes: list[set[Origin]] = []
        for term in terms:
            if isinstance(term, exp.EQ):
                ends = {self._origin(side) for side in (term.this, term.expression)}
                if None not in ends and len(ends) == 2:
                    together = cast("set[Origin]", ends)
                    touched = [one for one in classes if one & together]
                    classes = [one for one in classes if one not in touched]
                    classes.append(together.union(*touched))
        found: dict[Origin, int] = {}
        for one in classes:
            counts = [n for scan, name in one if scan in self._tables and (n := values_of(name, self._tables[scan]))]
            found |= dict.fromkeys(one, min(counts)) if counts else {}
        return found

    def _origin(self, node: exp.Expr) -> Origin | None:
        if not isinstance(node, exp.Column):
            return None
        if node.table in self._names:
            try:
                plain = self._relation.expand(node)
            except InexactError:
                return None
            return (plain.table, plain.name) if isinstance(plain, exp.Column) else None
        return column_origin(self._scope, node)

    def _place(self, inner: exp.Select) -> None:
        """The grouping takes the place of the chosen sources."""
        select = self._select
        chosen = [(node, join) for node, join in self._joined if node.alias_or_name in self._names]
        rest = [(node, join) for node, join in self._joined if node.alias_or_name not in self._names]
        first = chosen[0][0]
        table = exp.Subquery(this=inner, alias=exp.TableAlias(this=quoted(self._alias)))
        if len(chosen) == 1:
            first.replace(table)
            inner.set("from_", exp.From(this=first))
            return
        inner.set("from_", exp.From(this=first))
        inner.set("joins", [exp.Join(this=node, kind="CROSS") for node, _ in chosen[1:]])
        where = select.args.get("where")
        terms = conjuncts(where.this if where else None)
        for _, join in chosen:
            terms = [*terms, *conjuncts(join.args.get("on") if join is not None else None)]
        joins = [exp.Join(this=node, kind="CROSS") if join is None else join for node, join in rest]
        select.set("from_", exp.From(this=table))
        select.set("joins", joins or None)
        select.set("where", exp.Where(this=exp.and_(*terms, copy=False)) if terms else None)


def free_alias(tree: exp.Expr, plan: Plan) -> str:
    """A name for a derived table that no scan, CTE or alias of a tree has."""
    taken = {scan.id for scan in plan.scans} | {alias.name for alias in nodes_of(tree, exp.TableAlias)}
    return next(name for name in (f"g{number}" for number in range(len(taken) + 1)) if name not in taken)


def _reads_fragment(plan: Plan, found: _Found) -> bool:
    """Whether the derived table reads a fragment of all its scans."""
    fragments = {scan.id for scan in plan.scans if scan.fragment is not None}
    for subquery in nodes_of(plan.select, exp.Subquery):
        if subquery.alias == found.alias and isinstance(subquery.this, exp.Select):
            from_ = subquery.this.args["from_"].this
            return isinstance(from_, exp.Table) and from_.name in fragments
    return False

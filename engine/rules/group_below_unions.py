"""Group each branch of a UNION ALL at its own source: partial aggregates below a union, one branch per site, say.

A SELECT that groups over a UNION ALL and nothing else is rewritten so that each branch is grouped by the same keys,
and what stands above adds up: as `group_below_joins`, see there. A branch whose source takes no groupings is grouped
here, which is as right. Only columns that have one type in all branches: else the union converts them first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.dialects.render import InexactError
from engine.group_estimates import estimated_groups, rows_joined_by_keys
from engine.plan import Note, Plan
from engine.predicates import conjuncts
from engine.rules.group_below_joins import FEW_GROUPS, MANY_ROWS, WORTH_ROWS, WORTH_SHARE, free_alias, groups_once
from engine.rules.grouped_sources import aggregates
from engine.rules.partial_aggregates import Partials, quoted
from engine.rules.push_aggregates import push_aggregates
from engine.rules.relation import Reader, in_order
from engine.rules.rewrite import drop_unread
from engine.rules.scopes import (
    computed,
    inner_selects,
    is_recursive,
    output_value,
    referenced_once,
    scan_of,
    scopes,
    sources_of,
)
from engine.trees import copied, has_any, nodes_of

MOST_BRANCHES = 64
_PLAIN = ("group", "having", "qualify", "distinct", "windows", "laterals", "pivots", "sample", "limit", "offset")


def group_below_unions(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Each SELECT that groups a UNION ALL of several sources groups each branch first."""
    if len(plan.scans) < 2 or not any(scan.dialect and scan.fragment is None for scan in plan.scans):
        return plan
    if not any(_union(scope) for scope in plan.scopes):
        return plan
    select = copied(plan.select)
    notes = []
    for scope in scopes(select):
        union = _union(scope)
        if union is None:
            continue
        try:
            scans = _Rewriting(plan, select, scope, union, tables).rewrite()
        except InexactError:
            continue
        notes += [Note("group_below_unions", scan, "grouped before the union") for scan in scans]
    if not notes:
        return plan
    drop_unread(select)
    made = replace(plan, select=select)
    # Sums of floats, say, go to no source: then nothing is gained.
    gone = {scan.id for scan in plan.scans} - {scan.id for scan in push_aggregates(made, tables).scans}
    return made.with_scans(plan.scans, notes) if gone & {note.scan for note in notes} else plan


def _union(scope: Scope) -> Scope | None:
    """The UNION ALL that a SELECT groups, if it groups nothing else."""
    select = scope.expression
    if not isinstance(select, exp.Select) or select.args.get("joins") or not groups_once(scope):
        return None
    found = list(sources_of(scope).values())
    source = found[0] if len(found) == 1 else None
    if not isinstance(source, Scope) or not isinstance(source.expression, exp.Union) or is_recursive(source):
        return None
    return source if _is_plain_union(source.expression) else None


def _is_plain_union(node: exp.Expr) -> bool:
    """Whether a tree is made of UNION ALLs of plain SELECTs."""
    if isinstance(node, exp.Subquery):
        return not any(node.args.get(name) for name in ("limit", "order", "offset")) and _is_plain_union(node.this)
    if isinstance(node, exp.Union):
        more = any(node.args.get(name) for name in ("limit", "order", "offset", "by_name", "with_", "distinct"))
        return not more and _is_plain_union(node.this) and _is_plain_union(node.expression)
    if not isinstance(node, exp.Select) or any(node.args.get(name) for name in (*_PLAIN, "with_", "order")):
        return False
    special = exp.AggFunc | exp.Window | exp.Query | exp.Unnest | exp.Explode
    return not any(isinstance(part, special) for part in computed(node))


class _Rewriting:
    """One SELECT over a union. Nothing of the tree changes before all is known to be right."""

    def __init__(
        self, plan: Plan, select: exp.Query, scope: Scope, union: Scope, tables: Mapping[str, Table]
    ) -> None:
        self._plan = plan
        self._tree = select
        self._scope = scope
        self._select = cast(exp.Select, scope.expression)
        self._node = self._select.args["from_"].this
        self._name = self._node.alias_or_name
        self._union = union
        self._names = cast(exp.Query, union.expression).named_selects
        self._arms = list(inner_selects(union))
        self._tables = tables
        self._reader = Reader(plan.scans, tables, scopes(select))
        self._types = {scan.id: {c.name: c.sql_type for c in scan.columns} for scan in plan.scans}

    def rewrite(self) -> list[str]:
        """Rewrite the tree; the scans of the branches. InexactError, and then it is as it was."""
        if len(self._arms) > MOST_BRANCHES or not referenced_once(self._union, scopes(self._tree)):
            raise InexactError("a union that is read twice, or of many branches")
        select = copied(self._select)
        columns = self._columns(select)
        kinds = {name: self._kind(name) for name in {column.name for column in columns}}
        alias = free_alias(self._tree, self._plan)
        inside, outside = list[exp.Expr](), list[exp.Expr]()
        where = select.args.get("where")
        for term in conjuncts(where.this if where else None):
            own = nodes_of(term, exp.Column)
            plain = own and all(c.table == self._name and kinds[c.name] != "constant" for c in own)
            (inside if plain and not has_any(term, exp.Query) else outside).append(term)
        select.set("where", exp.Where(this=exp.and_(*outside, copy=False)) if outside else None)
        partials = Partials(alias, {self._name})
        for node in aggregates(select):
            partials.replace(node)
        keys: dict[str, str] = {}
        for column in self._columns(select):
            key = keys.setdefault(column.name, f"k{len(keys)}")
            column.replace(exp.column(quoted(key), table=quoted(alias), copy=False))
        self._check_worth(list(keys), len(keys) + len(partials.inner), len(kinds))
        branches = [self._branch(arm, keys, partials, inside) for arm in self._arms]
        union: exp.Query = branches[0]
        for branch in branches[1:]:
            union = exp.Union(this=union, expression=branch, distinct=False)
        table = exp.Subquery(this=union, alias=exp.TableAlias(this=quoted(alias)))
        select.set("from_", exp.From(this=table))
        for name in ("expressions", "from_", "where", "group", "having", "order"):
            self._select.set(name, select.args.get(name))
        return [scan for arm in self._arms for source in sources_of(arm).values() if (scan := scan_of(source))]

    def _columns(self, select: exp.Select) -> list[exp.Column]:
        """The union's columns that the SELECT uses. InexactError where a subquery may mean its own."""
        node = select.args["from_"].this
        own = [n for n in select.walk(prune=lambda n: n is node) if n is not select and n is not node]
        if any(isinstance(n, exp.Query) for n in own):
            raise InexactError("a subquery beside the union")
        return [n for n in own if isinstance(n, exp.Column) and n.table == self._name]

    def _kind(self, name: str) -> str:
        """ "constant" for a column that is one in some branch, else its type in all of them. InexactError."""
        kinds = {self._kind_in(arm, name) for arm in self._arms}
        if len(kinds) == 1:
            return "constant" if (kind := kinds.pop()).startswith("'") else kind
        if kinds <= {"'VARCHAR", "VARCHAR"}:
            return "constant"
        raise InexactError("a column of several types in the branches")

    def _kind_in(self, arm: Scope, name: str) -> str:
        value: exp.Expr | None = self._value(arm, name)
        if isinstance(value, exp.Literal) and value.is_string:
            return "'VARCHAR"
        while isinstance(value, exp.Column):
            source = sources_of(arm).get(value.table)
            if source is None:
                break
            scan = scan_of(source)
            if scan is not None:
                return self._types[scan][value.name]
            if not isinstance(source, Scope) or not isinstance(source.expression, exp.Select):
                break
            arm, value = source, output_value(source.expression, source.expression, value.name)
        raise InexactError("a column that a branch computes")

    def _value(self, arm: Scope, name: str) -> exp.Expr:
        return cast(exp.Select, arm.expression).selects[self._names.index(name)].unalias()

    def _check_worth(self, keys: Sequence[str], outputs: int, columns: int) -> None:
        """Over the branches of which it is known: fewer values cross the wire."""
        rows = groups = 0
        for arm in self._arms:
            try:
                relation = self._reader.relation(arm)
                items = in_order(relation, self._tables)
                values = [relation.expand(self._value(arm, name)) for name in keys]
            except InexactError:
                continue
            some = rows_joined_by_keys(items, self._tables)
            if some is not None:
                rows += some
                groups += estimated_groups(values, some, items, self._tables, {})
        if rows < WORTH_ROWS or groups * outputs > WORTH_SHARE * rows * max(1, columns):
            raise InexactError("the groups would be as much to read as the rows")
        if rows > MANY_ROWS and groups > FEW_GROUPS * rows:
            raise InexactError("grouping would cost the sources more than sending the rows")

    def _branch(self, arm: Scope, keys: Mapping[str, str], partials: Partials, inside: list[exp.Expr]) -> exp.Select:
        inner = copied(cast(exp.Select, arm.expression))
        projections = [p.unalias() for p in inner.selects]
        named = [exp.alias_(copied(p), name, quoted=True) for p, name in zip(projections, self._names, strict=True)]
        inner.set("expressions", named)
        shown, group = list[exp.Expr](), list[exp.Expr]()
        for name, key in keys.items():
            value = self._value(arm, name)
            column: exp.Expr = exp.column(quoted(name), table=quoted(self._name), copy=False)
            if isinstance(value, exp.Literal):
                column = copied(value)
            else:
                group.append(copied(column))
            shown.append(exp.alias_(column, key, quoted=True))
        shown += [exp.alias_(copied(node), name, quoted=True) for name, node in partials.inner.items()]
        # Without keys there is a row for no rows: not so in the union.
        none = exp.GT(this=exp.Count(this=exp.Star(), big_int=True), expression=exp.Literal.number(0))
        return exp.Select(
            expressions=shown,
            from_=exp.From(this=exp.Subquery(this=inner, alias=exp.TableAlias(this=quoted(self._name)))),
            where=exp.Where(this=exp.and_(*[copied(t) for t in inside], copy=False)) if inside else None,
            group=exp.Group(expressions=group) if group else None,
            having=None if group else exp.Having(this=none),
        )

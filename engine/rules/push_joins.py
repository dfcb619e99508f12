"""Let a source join its own tables: a join subtree of one connection becomes one fragment.

Semi joins go along (`semi_joins`), with one table too.
Only joins that can't multiply rows (`relation.in_order`), and only where fewer values then cross the wire: a filter
on an added table drops rows of the others, or the joined rows are less to read than the tables apart. In a SELECT of
inner joins any of its tables may go together; else those that stand first, up to the first that can't.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.dialects.render import InexactError, condition
from engine.estimates import estimated_rows
from engine.group_estimates import rows_joined_by_keys, values_of
from engine.plan import Note, Plan
from engine.predicates import conjuncts
from engine.rules.computed_outputs import computed_outputs
from engine.rules.key_columns import takes_keys
from engine.rules.partial_aggregates import is_strict
from engine.rules.relation import MOST_TABLES, Item, Reader, Relation, covered, in_order
from engine.rules.rewrite import drop_unread, scan_table
from engine.rules.scopes import joins_are_plain, scopes
from engine.rules.semi_joins import all_inner_tables, is_semi_join
from engine.rules.statement import Output, Statement, next_id, used_scans
from engine.scans import Scan
from engine.trees import copied, has_any, nodes_of

SEMI_JOIN = 0.5  # a guess: the share of rows that EXISTS keeps


def push_joins(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Each SELECT that joins tables of one connection by their keys reads the joined rows."""
    if sum(1 for scan in plan.scans if scan.dialect and scan.fragment is None) < 2:
        return plan
    if not any(_may_join(scope) for scope in plan.scopes):
        return plan
    select = copied(plan.select)
    all_scopes = scopes(select)
    reader = Reader(plan.scans, tables, all_scopes)
    scans, notes, gone = list(plan.scans), list[Note](), set[Scope]()
    for scope in all_scopes:
        if scope in gone or not _may_join(scope):
            continue
        joining = _Joining(scope, reader, tables, plan.parameter_types)
        try:
            made = joining.push(next_id(select, scans))
        except InexactError as error:
            read = {table.name for table in nodes_of(scope.expression, exp.Table)}
            own = [scan for scan in plan.scans if scan.id in read and scan.dialect]
            several = len({scan.connection for scan in own}) < len(own)
            notes += [Note("push_joins", scan.id, f"joined here: {error}") for scan in own if several]
            continue
        gone |= set(joining.relation.through)
        scans.append(made)
        names = ", ".join(map(str, made.fragment.tables)) if made.fragment else ""
        notes.append(Note("push_joins", made.id, f"pushed the join of {names}"))
    if len(scans) == len(plan.scans):
        return plan.with_scans(plan.scans, notes)
    drop_unread(select)
    kept = tuple(used_scans(select, scans))
    return replace(plan, select=select).with_scans(kept, notes)


def _may_join(scope: Scope) -> bool:
    """Whether a SELECT has plain joins, or a semi join."""
    select = scope.expression
    if not isinstance(select, exp.Select) or not select.args.get("from_") or not joins_are_plain(select):
        return False
    joins = select.args.get("joins") or []
    if any(join.args.get("using") for join in joins):
        return False
    return bool(joins) or any(map(is_semi_join, _terms(select.args.get("where"))))


class _Joining:
    """One SELECT whose sources are joined at their own source, as many as can be."""

    def __init__(
        self, scope: Scope, reader: Reader, tables: Mapping[str, Table], parameter_types: tuple[str, ...]
    ) -> None:
        self._scope = scope
        self._select = cast(exp.Select, scope.expression)
        self._reader = reader
        self._tables = tables
        self._types = parameter_types
        self._joins: list[exp.Join] = self._select.args.get("joins") or []
        self._first: exp.Expr = self._select.args["from_"].this
        self._leaving: list[exp.Expr] = []
        self._why = ""
        self.relation = Relation()

    def push(self, scan_id: str) -> Scan:
        """The fragment's scan; the SELECT then reads it. InexactError, and then the tree is as it was."""
        inner = not any(join.args.get("side") or join.args.get("kind") in ("SEMI", "ANTI") for join in self._joins)
        chosen = self._together() if inner else self._prefix()
        items = in_order(self.relation, self._tables)
        statement = Statement(items, self._tables, self._types)
        exact, kept = self._conditions(statement)
        if not inner and kept:
            raise InexactError("a condition of the join is not the source's")
        columns = [column for column in self._scope.columns if column.table in chosen]
        if not inner:
            own = [join for join in self._joins if join.this.alias_or_name in chosen]
            self._leaving = [term for join in own for term in conjuncts(join.args.get("on"))]
        leaving = {id(column) for term in self._leaving for column in nodes_of(term, exp.Column)}
        columns = [column for column in columns if id(column) not in leaving]
        made: list[tuple[exp.Expr, exp.Expr]] = []
        for one in computed_outputs(self._select, columns, self.relation, statement):
            made.append((one.node, one.over(statement, scan_id)))
            inside = {id(node) for node in one.node.walk()}
            columns = [column for column in columns if id(column) not in inside]
        later = [join for join in self._joins if join.this.alias_or_name not in chosen]
        supplied = any(str(join.args.get("side") or "").upper() in ("RIGHT", "FULL") for join in later)
        for column in columns:
            value = self.relation.expand(column)
            if supplied and not is_strict(value):  # it would be computed behind that join
                raise InexactError("an expression that NULLs of an outer join don't make NULL")
            made.append((column, self._over(value, statement, scan_id)))
        above = [self._over(term, statement, scan_id) for term in kept]
        if not statement.outputs:
            raise InexactError("only the number of rows matters")
        self._check_worth(items, len(statement.outputs))
        scan = statement.scan(scan_id, exact, rows=_joined_rows(items, self._tables, exact))
        for node, replacement in made:
            node.replace(replacement)
        self._rewrite(scan_id, chosen, above, inner)
        return scan

    def _together(self) -> set[str]:
        """In a SELECT of inner joins: the largest set of sources that join by keys, or else one source with a semi
        join; `relation` is theirs, and the conditions that they leave the tree with are known."""
        plain = [term for term in self._all_terms() if not is_semi_join(term)]
        chosen: list[exp.Expr] = []
        groups = self._by_connection()
        for nodes in groups:
            found = self._reached(nodes, plain) if len(nodes) > 1 else []
            chosen = found if len(found) > max(1, len(chosen)) else chosen
        semi_joins = [term for term in _terms(self._select.args.get("where")) if is_semi_join(term)]
        candidates = [chosen] if chosen else [[node] for nodes in groups for node in nodes if semi_joins]
        best: tuple[Relation, list[exp.Expr]] | None = None
        for nodes in candidates:
            relation = self._try(nodes, plain)
            if relation is not None:
                semi = self._semi_joins(relation, semi_joins)
                if (len(nodes) > 1 or semi) and (best is None or len(semi) > len(best[1])):
                    best, chosen = (relation, semi), nodes
        if best is None:
            raise InexactError(self._why or "no two tables of one connection are joined by a key")
        self.relation, semi = best
        names = {node.alias_or_name for node in chosen}
        self._leaving = [*[term for term in plain if self._is_own(term, names)], *semi]
        return names

    def _all_terms(self) -> list[exp.Expr]:
        """The AND-terms of WHERE and of every ON."""
        terms = [term for join in self._joins for term in conjuncts(join.args.get("on"))]
        return terms + _terms(self._select.args.get("where"))

    def _semi_joins(self, relation: Relation, terms: Sequence[exp.Expr]) -> list[exp.Expr]:
        """Those semi joins that the relation's source does; they are added to it."""
        added = []
        for term in terms:
            before = Relation(relation.items, list(relation.where), relation.outputs, list(relation.through))
            try:
                self._reader.add_semi_join(relation, self._scope, term)
                condition(relation.where[-1], Statement(relation.items, self._tables, self._types).context)
            except InexactError as error:
                relation.where, relation.through = before.where, before.through
                self._why = str(error)
                continue
            added.append(term)
        return added

    def _by_connection(self) -> list[list[exp.Expr]]:
        """The sources that are plain, those of one connection together."""
        found: dict[str, list[exp.Expr]] = {}
        for node in [self._first, *[join.this for join in self._joins]]:
            try:
                connections = {item.scan.connection for item in self._reader.piece(self._scope, node).items}
            except InexactError:
                continue
            if len(connections) == 1:
                found.setdefault(connections.pop(), []).append(node)
        return [nodes for nodes in found.values() if len(nodes) <= MOST_TABLES]

    def _reached(self, nodes: Sequence[exp.Expr], conditions: Sequence[exp.Expr]) -> list[exp.Expr]:
        """The largest part of the sources that keys reach from one table of theirs."""
        relation, owned = Relation(), list[tuple[exp.Expr, set[str]]]()
        for node in nodes:
            before = len(relation.items)
            self._reader.add(relation, self._scope, node, None)
            owned.append((node, {item.scan.id for item in relation.items[before:]}))
        if len(relation.items) > MOST_TABLES:
            return []
        names = {node.alias_or_name for node in nodes}
        for term in conditions:
            if isinstance(term, exp.EQ) and {c.table for c in nodes_of(term, exp.Column)} <= names:
                relation.where.append(relation.expand(term))
        statement = Statement(relation.items, self._tables, self._types)
        exact = [term for term in relation.where if _is_exact(term, statement)]
        best: list[exp.Expr] = []
        for start in relation.items:
            have, grown = {start.scan.id}, start.on is None
            while grown:
                grown = False
                for item in relation.items:
                    terms = exact if item.on is None else item.on
                    name = item.scan.id
                    if name not in have and covered(self._tables[name], name, terms, have):
                        have.add(name)
                        grown = True
            found = [node for node, own in owned if own <= have]
            if len(found) > len(best):
                best = found
            if len(best) == len(nodes):
                break
        return best

    def _try(self, nodes: Sequence[exp.Expr], conditions: Sequence[exp.Expr]) -> Relation | None:
        """The relation of some sources under the conditions that speak of them only; None when rows may multiply."""
        relation = Relation()
        try:
            for node in nodes:
                self._reader.add(relation, self._scope, node, None)
            names = {node.alias_or_name for node in nodes}
            for term in conditions:
                if self._is_own(term, names):
                    relation.where.append(relation.expand(term))
            items = in_order(relation, self._tables)
            statement = Statement(items, self._tables, self._types)
            exact = Relation(items, [t for t in relation.where if _is_exact(t, statement)], {}, [])
            in_order(exact, self._tables)
        except InexactError:
            return None
        return relation

    def _prefix(self) -> set[str]:
        """The longest run of first sources that join at the source; `relation` is theirs."""
        best: tuple[set[str], Relation] | None = None
        relation = Relation()
        names = set()
        try:
            for node, join in [(self._first, None), *[(join.this, join) for join in self._joins]]:
                self._reader.add(relation, self._scope, node, join)
                names.add(node.alias_or_name)
                items = in_order(relation, self._tables)
                statement = Statement(items, self._tables, self._types)
                for item in items:
                    for term in item.on or ():
                        condition(term, statement.context)
                for term in relation.where:
                    condition(term, statement.context)
                if join is not None:
                    best = (
                        set(names),
                        Relation(
                            list(relation.items), list(relation.where), dict(relation.outputs), list(relation.through)
                        ),
                    )
        except InexactError as error:
            if best is None:
                raise InexactError(str(error)) from None
        assert best is not None
        chosen, self.relation = best
        return chosen

    def _conditions(self, statement: Statement) -> tuple[list[exp.Expr], list[exp.Expr]]:
        """The relation's conditions: those that the source does, and those that it can't."""
        exact = [term for term in self.relation.where if _is_exact(term, statement)]
        return exact, [term for term in self.relation.where if term not in exact]

    def _is_own(self, term: exp.Expr, chosen: set[str]) -> bool:
        """Whether a term speaks of the chosen sources only, with no subquery in it."""
        return {c.table for c in nodes_of(term, exp.Column)} <= chosen and not has_any(term, exp.Query)

    def _over(self, node: exp.Expr, statement: Statement, scan_id: str) -> exp.Expr:
        """An expression over the scans as one over the fragment's outputs, which are plain columns."""
        holder = exp.Paren(this=copied(node))
        for column in nodes_of(holder, exp.Column):
            term = statement.context.column(column)
            if not term.readable:
                raise InexactError(f"column {column.name} has a form of its own")
            lookup = takes_keys(statement.spelled[column.table][column.name])
            values = values_of(column.name, self._tables[column.table])
            name = statement.output(Output(term, term.sql_type, lookup, values))
            column.replace(
                exp.column(exp.to_identifier(name, quoted=True), exp.to_identifier(scan_id, quoted=True), copy=False)
            )
        found: exp.Expr = holder.this
        return found if isinstance(found, exp.Column) else exp.Paren(this=found)

    def _check_worth(self, items: Sequence[Item], outputs: int) -> None:
        """Fewer values cross the wire: rows times columns, where the numbers of rows are known."""
        rows = _joined_rows(items, self._tables, self.relation.where)
        apart = [item.scan for item in items]
        apart += [self._reader.scan(name) for name in all_inner_tables(self.relation.where)]
        estimates = [estimated_rows(scan, self._tables[scan.id]) for scan in apart]
        if rows is None or any(estimate is None for estimate in estimates):
            if len(apart) == len(items) and not any(item.scan.predicates for item in items if item.on is None):
                raise InexactError("it may not reduce what is read")
            return
        cells = sum((e or 0) * len(scan.columns) for e, scan in zip(estimates, apart, strict=True))
        if rows * outputs > cells:
            raise InexactError("the joined rows would be more to read than the tables")

    def _rewrite(self, scan_id: str, chosen: set[str], above: list[exp.Expr], inner: bool) -> None:
        select = self._select
        rest = [join for join in self._joins if join.this.alias_or_name not in chosen]
        if not inner:
            select.set("from_", exp.From(this=scan_table(scan_id)))
            select.set("joins", rest or None)
            return
        leaving = {id(term) for term in self._leaving}
        terms = [t for t in _terms(select.args.get("where")) if id(t) not in leaving]
        for join in self._joins:
            kept = [t for t in conjuncts(join.args.get("on")) if id(t) not in leaving]
            if join.this.alias_or_name in chosen:
                terms += kept
            else:
                join.set("on", exp.and_(*kept, copy=False) if kept else None)
                if not kept:
                    join.set("kind", "CROSS")
        if self._first.alias_or_name not in chosen:
            rest.insert(0, exp.Join(this=self._first, kind="CROSS"))
        terms += above
        select.set("from_", exp.From(this=scan_table(scan_id)))
        select.set("joins", rest or None)
        select.set("where", exp.Where(this=exp.and_(*terms, copy=False)) if terms else None)


def _terms(where: exp.Expr | None) -> list[exp.Expr]:
    """The AND-terms of a WHERE."""
    return conjuncts(where.this if where is not None else None)


def _is_exact(term: exp.Expr, statement: Statement) -> bool:
    try:
        condition(term, statement.context)
    except InexactError:
        return False
    return True


def _joined_rows(items: Sequence[Item], tables: Mapping[str, Table], where: Sequence[exp.Expr]) -> int | None:
    """About how many rows a join by keys gives, half of them for each semi join."""
    rows = rows_joined_by_keys(items, tables)
    semi_joins = sum(1 for term in where if has_any(term, exp.Exists))
    return None if rows is None else max(1, int(rows * SEMI_JOIN**semi_joins))

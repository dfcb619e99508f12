"""Let a source group: GROUP BY, DISTINCT and aggregates over tables of one connection, joins of them included.

The whole subtree moves, so every part of it must be exact. What stands above the grouping stays in DuckDB: HAVING (a
copy of what the source can do of it goes too), ORDER BY, LIMIT, expressions over aggregates. AVG is asked for as SUM
and COUNT. Sums of floats depend on the order of the rows and are never asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.dialects.render import InexactError, render
from engine.dialects.table import CONDITION, OPAQUE, Part, Term
from engine.fragments import Param
from engine.group_estimates import estimated_groups, rows_joined_by_keys, values_of
from engine.plan import Note, Plan
from engine.rules.grouped_first import grouped_first, makes_many
from engine.rules.having import having_terms
from engine.rules.key_ranges import in_ranges, range_key
from engine.rules.relation import Reader, in_order, keys_of
from engine.rules.rewrite import drop_unread, from_scan
from engine.rules.scopes import computed, scopes
from engine.rules.statement import Output, Statement, next_id, used_scans
from engine.scans import Scan
from engine.trees import copied, has_any, nodes_of

_FUNCTIONS: dict[type[exp.Expr], str] = {
    exp.Count: "count", exp.Sum: "sum", exp.Min: "min", exp.Max: "max", exp.Avg: "avg",
}  # fmt: skip
_NOT_GROUPED = ("qualify", "windows", "laterals", "pivots", "sample")
# PostgreSQL, TPC-H at scale 1, seconds of grouping there and of sending two or three columns to be grouped here:
# 6 M rows to 200,000 groups 15.9 and 7.9, to 800,000 15.6 and 5.8, to 1.5 M 11.3 and 2.9; to 10,000 it groups sooner.
MANY_ROWS, MANY_GROUPS, NARROW = 200_000, 0.01, 4
HAVING_SHARE = 0.01  # a guess: who asks for groups by a condition means the unusual ones
SHORT = 256  # signs: MariaDB sorts by the first 1,024 bytes
_SPECIAL_GROUPS = ("rollup", "cube", "grouping_sets", "all", "totals")


def push_aggregates(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Each SELECT that groups tables of one connection reads the groups instead of the rows."""
    if not any(scan.dialect and scan.fragment is None for scan in plan.scans):
        return plan
    if not any(_groups(scope) for scope in plan.scopes):
        return plan
    select = copied(plan.select)
    all_scopes = scopes(select)
    reader = Reader(plan.scans, tables, all_scopes)
    scans, notes = list(plan.scans), []
    for scope in all_scopes:
        if _groups(scope):
            try:
                made = _pushed(scope, reader, tables, plan, next_id(select, scans))
            except InexactError as error:
                notes += [Note("push_aggregates", s.id, f"grouped here: {error}") for s in _own(scope, plan.scans)]
                continue
            scans.append(made)
            notes.append(Note("push_aggregates", made.id, f"pushed the grouping of {_names(made)}"))
    if len(scans) == len(plan.scans):
        return plan.with_scans(plan.scans, notes)
    drop_unread(select)
    return replace(plan, select=select).with_scans(used_scans(select, scans), notes)


def _pushed(scope: Scope, reader: Reader, tables: Mapping[str, Table], plan: Plan, scan_id: str) -> Scan:
    """The scan of a grouping; the many side of a LEFT JOIN is grouped first where that can be. InexactError."""
    joins = scope.expression.args.get("joins") or ()
    if any(str(join.args.get("side") or "").upper() == "LEFT" for join in joins):
        with contextlib.suppress(InexactError):
            return _Grouping(scope, reader, tables, plan).push(scan_id, first=True)
    return _Grouping(scope, reader, tables, plan).push(scan_id)


def _names(scan: Scan) -> str:
    return ", ".join(map(str, scan.fragment.tables)) if scan.fragment is not None else str(scan.table)


def _own(scope: Scope, scans: tuple[Scan, ...]) -> list[Scan]:
    read = {table.name for table in nodes_of(scope.expression, exp.Table)}
    return [scan for scan in scans if scan.id in read and scan.dialect]


def _groups(scope: Scope) -> bool:
    select = scope.expression
    if not isinstance(select, exp.Select) or not select.args.get("from_"):
        return False
    if select.args.get("group") is not None or select.args.get("distinct") is not None:
        return True
    return any(isinstance(node, exp.AggFunc) for node in computed(select))


class _Grouping:
    """One SELECT on its way to a source. Nothing of the tree changes before all of it is known to be exact."""

    def __init__(self, scope: Scope, reader: Reader, tables: Mapping[str, Table], plan: Plan) -> None:
        self._select = cast(exp.Select, scope.expression)
        self._check(scope)
        self._reader = reader
        self._relation = reader.relation(scope)
        self._items = in_order(self._relation, tables, fans_out=True)
        self._tables = tables
        self._statement = Statement(self._items, tables, plan.parameter_types)
        self._alone = {scan.id for scan in plan.scans} <= {item.scan.id for item in self._items}
        self._keys: dict[exp.Expr, tuple[str, Term]] = {}
        self._computed = False  # whether a key is more than a column
        self._id = ""

    def push(self, scan_id: str, *, first: bool = False) -> Scan:
        """The fragment's scan; the SELECT then reads it. InexactError, and then the tree is as it was.

        `first`: the many side of a LEFT JOIN is grouped before it is joined.
        """
        select, self._id = self._select, scan_id
        group = select.args.get("group")
        for key in group.expressions if group is not None else self._distinct_keys():
            self._key(key)
        self._check_worth()
        if first:
            self._group_first()
        projections = [self._above(projection) for projection in select.selects]
        having = select.args.get("having")
        condition = self._above(having.this) if having is not None else None
        order = self._above(select.args["order"]) if select.args.get("order") else None
        if not self._keys and not any(self._aggregates(p) for p in (*select.selects, having)):
            raise InexactError("nothing to group")
        rows = self._rows() if self._keys else 1
        terms = [term for _, term in self._keys.values()]
        if not self._statement.outputs:
            raise InexactError("nothing to read")
        few: list[Term] = []
        many = self._are_many(rows)
        if condition is not None and self._keys:
            grouped = frozenset(name for name, _ in self._keys.values())
            few = having_terms(condition, self._statement.outputs, grouped, self._statement.context)
            rows = None if rows is None else max(2, int(rows * HAVING_SHARE)) if few else rows
        if self._statement.first is not None:
            if few:
                raise InexactError("a condition on groups")
            many, terms = makes_many(self._statement.first, self._tables, self._statement.dialect, MANY_ROWS), []
        # Where no keys of others are waited for, which stand better below the grouping.
        ranges = self._ranges() if many and terms and (few or self._alone) else None
        if many and terms and self._alone and not few and not ranges and len(self._items[0].scan.columns) <= NARROW:
            raise InexactError("grouping would cost the source more than sending the rows")
        # Groups of two columns are not sooner sorted than hashed (0039).
        first_keys = self._keys if self._statement.first is None else self._statement.first.keys
        scan = self._statement.scan(
            scan_id,
            self._relation.where,
            terms,
            few,
            rows=rows,
            many_groups=many and len(first_keys) == 1,
            one_row=not self._keys,
        )
        if ranges is not None:
            scan = in_ranges(scan, *ranges, self._statement.dialect.bound("integer"))
        from_scan(select, scan_id)
        select.set("expressions", projections)
        select.set("group", None)
        select.set("having", None)
        select.set("where", exp.Where(this=condition) if condition is not None else None)
        select.set("order", order)
        return scan

    def _check(self, scope: Scope) -> None:
        select = self._select
        if any(select.args.get(name) for name in _NOT_GROUPED) or scope.is_correlated_subquery:
            raise InexactError("a window, a sample or the like")
        distinct = select.args.get("distinct")
        group = select.args.get("group")
        if distinct is not None and distinct.args.get("on"):
            raise InexactError("DISTINCT ON")
        if group is not None and any(group.args.get(name) for name in _SPECIAL_GROUPS):
            raise InexactError("ROLLUP or the like")
        parts = [*select.selects, select.args.get("having"), select.args.get("order"), group]
        for part in parts:
            if part is not None and has_any(part, exp.Query, exp.Window, exp.Unnest, exp.Explode):
                raise InexactError("a window or a subquery above the groups")

    def _distinct_keys(self) -> list[exp.Expr]:
        """What DISTINCT is over, when there is no grouping below it: an expression as it is, or else its columns."""
        select = self._select
        if select.args.get("distinct") is None or any(self._aggregates(p) for p in select.selects):
            return []
        found: dict[exp.Expr, None] = {}
        for projection in select.selects:
            try:
                self._key_term(projection.unalias())
                found[projection.unalias()] = None
            except InexactError:
                found |= dict.fromkeys(nodes_of(projection, exp.Column))
        if not found:
            raise InexactError("DISTINCT of constants")
        return list(found)

    def _aggregates(self, node: exp.Expr | None) -> bool:
        return node is not None and has_any(node, exp.AggFunc)

    def _key(self, key: exp.Expr) -> None:
        term, plain = self._key_term(key)
        values = values_of(plain.name, self._tables[plain.table]) if plain is not None else None
        name = self._statement.output(Output(term, term.sql_type, lookup=plain is not None, values=values))
        self._keys[key.unnest()] = (name, term)
        self._computed = self._computed or not isinstance(key.unnest(), exp.Column)

    def _key_term(self, key: exp.Expr) -> tuple[Term, exp.Column | None]:
        """A key as a term, and the column that it plainly is. InexactError."""
        expanded = self._relation.expand(key)
        term, dialect = render(expanded, self._statement.context), self._statement.dialect
        if term.family == CONDITION and CONDITION in dialect.keys:
            term = replace(term, sql_type="BOOLEAN")
        if term.family not in dialect.keys or term.is_constant:
            raise InexactError("grouping by values that the source may not tell apart as DuckDB does")
        if isinstance(expanded, exp.Column):
            return term, expanded
        if not term.sql_type or (dialect.one_text and term.family == "text" and not _are_short(term.values)):
            raise InexactError("grouping by an expression whose values may not come back as DuckDB has them")
        return self._as_output(term), None

    def _as_output(self, term: Term) -> Term:
        """A computed term in a form that is read as DuckDB's type of it."""
        form = self._statement.dialect.whole if term.family == "integer" else "{0}"
        return replace(term, sql=form.format(term.sql))

    def _check_worth(self) -> None:
        """Groups by a whole key of the one table are its rows."""
        if len(self._items) > 1 or not self._keys:
            return
        table = self._tables[self._items[0].scan.id]
        grouped = {plain.name for key in self._keys if isinstance(plain := self._relation.expand(key), exp.Column)}
        if any(key <= grouped for key in keys_of(table)):
            raise InexactError("each group is one row")

    def _group_first(self) -> None:
        """Where no other scan can give keys: they would find few of the groups."""
        if not self._statement.dialect.groups_first or not self._alone:
            raise InexactError("keys of others may find a few groups")
        keys = [self._relation.expand(key) for key in self._keys]
        where, context = self._relation.where, self._statement.context
        self._statement.first = grouped_first(self._items, where, keys, self._tables, context)

    def _ranges(self) -> tuple[str, tuple[int, ...]] | None:
        """The output by whose ranges many groups of the one table are made side by side."""
        table, spelled = self._tables[self._items[0].scan.id], self._statement.spelled[self._items[0].scan.id]
        plain = {name: self._relation.expand(key).name for key, (name, _) in self._keys.items()}
        return range_key({name: spelled[column] for name, column in plain.items()}, table)

    def _are_many(self, groups: int | None) -> bool:
        """Whether statistics (no guess) say that many rows of one table make many groups."""
        most, rows = self._statement.dialect.most_groups, rows_joined_by_keys(self._items, self._tables)
        if most is None or rows is None or groups is None or len(self._items) > 1 or rows <= MANY_ROWS:
            return False
        table = self._tables[self._items[0].scan.id]
        plain = [self._relation.expand(key) for key in self._keys]
        known = [values_of(key.name, table) if isinstance(key, exp.Column) else None for key in plain]
        return None not in known and groups > max(most, MANY_GROUPS * rows)

    def _rows(self) -> int | None:
        rows = rows_joined_by_keys(self._items, self._tables)
        keys = [self._relation.expand(key) for key in self._keys]
        return None if rows is None else max(2, estimated_groups(keys, rows, self._items, self._tables, {}))

    def _above(self, node: exp.Expr) -> exp.Expr:
        """A copy of what stands above the groups: keys and aggregates as columns of the fragment."""
        holder = exp.Paren(this=copied(node))
        self._replace(holder.this)
        found: exp.Expr = holder.this
        return found

    def _replace(self, node: exp.Expr) -> None:
        if isinstance(node, exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
            raise InexactError(f"an aggregate with {type(node).__name__.lower()}")
        if isinstance(node, exp.Filter):
            node.replace(self._aggregate(_of_some(node)))
        elif isinstance(node, exp.AggFunc):
            node.replace(self._aggregate(node))
        elif self._computed and not isinstance(node, exp.Column) and node in self._keys:
            node.replace(self._output(self._keys[node][0]))
        elif isinstance(node, exp.Column):
            if node.table:
                key = self._keys.get(node)
                if key is None:
                    raise InexactError("a column that is neither grouped by nor aggregated")
                node.replace(self._output(key[0]))
            elif node.find_ancestor(exp.Order) is None:
                raise InexactError("a column of unknown origin")
        else:
            for child in list(node.iter_expressions()):
                self._replace(child)

    def _output(self, name: str) -> exp.Column:
        return exp.column(exp.to_identifier(name, quoted=True), exp.to_identifier(self._id, quoted=True), copy=False)

    def _aggregate(self, node: exp.AggFunc) -> exp.Expr:
        name, operand, never_null = self._operand(node)
        dialect = self._statement.dialect
        kind = {"count": "any", "count_distinct": "key"}.get(name, operand.family if operand is not None else "")
        found = dialect.aggregates.get((name, "*" if operand is None else kind))
        if found is None:
            raise InexactError(f"{name} of {kind} is not on {dialect.name}'s list")
        columns = [self._output(self._part(part, operand, never_null)) for part in found.parts]
        texts = [column.sql(dialect="duckdb") for column in columns]
        if found.combined == "{0}":
            return columns[0]
        combined = sqlglot.parse_one(found.combined.format(*texts), dialect="duckdb")
        return exp.Paren(this=combined)

    def _operand(self, node: exp.AggFunc) -> tuple[str, Term | None, bool]:
        """What an aggregate is on the dialect's list, what it is over, and whether that is never NULL."""
        name = _FUNCTIONS.get(type(node))
        if name is None:
            raise InexactError(f"{node.sql_name().lower()} is on no list")
        operand = node.this
        more = [key for key, value in node.args.items() if key not in ("this", "big_int") and value]
        if more:
            raise InexactError(f"{name} with several arguments")
        if name == "count":
            if operand is None or isinstance(operand, exp.Star):
                return name, None, True
            if isinstance(operand, exp.Literal):
                return name, None, True  # count(1)
            if isinstance(operand, exp.Distinct):
                if len(operand.expressions) != 1 or operand.args.get("on"):
                    raise InexactError("count of several distinct columns")
                name, operand = "count_distinct", operand.expressions[0]
        expanded = self._relation.expand(operand)
        if self._statement.first is not None:
            self._statement.first.check(expanded)
        term = render(expanded, self._statement.context)
        if name in ("min", "max") and not isinstance(expanded, exp.Column):
            term = self._as_output(term)
        if name == "count":
            if not term.tells_null or term.family in ("untyped", "null"):
                raise InexactError("the source's NULLs may be others")
            return name, term, self._is_never_null(expanded)
        if name == "count_distinct" and term.family not in self._statement.dialect.keys:
            raise InexactError("values that the source may not tell apart as DuckDB does")
        if term.family == OPAQUE or (name in ("min", "max") and not (term.ordered and term.sql_type)):
            raise InexactError(f"{name} of values that the source may not order or add as DuckDB does")
        return name, term, self._is_never_null(expanded)

    def _is_never_null(self, operand: exp.Expr) -> bool:
        """Whether an operand is a column with a value in each row of the items; grouped first, of its own table."""
        if not isinstance(operand, exp.Column) or self._reader.nullable(operand):
            return False
        item, first = next(i for i in self._items if i.scan.id == operand.table), self._statement.first
        return item.on is None or (first is not None and first.item is item)

    def _part(self, part: Part, operand: Term | None, never_null: bool) -> str:
        """The name of the output for one part of an aggregate."""
        if operand is None:
            return self._output_of(Term(part.text, (), "integer"), part.sql_type)
        sql = operand.sql
        if part.sql_type == "" or "DISTINCT" in part.text:
            sql = self._statement.dialect.collated(sql, operand.family)
        text = part.text.format(sql)
        values = operand.values * part.text.count("{0}")
        sql_type = part.sql_type.format(scale=operand.scale) or operand.sql_type
        made, aggregates = Term(text, values, operand.family), self._statement.dialect.aggregates
        # Rows are counted once for all such columns, and PostgreSQL sorts keys sooner with no column beside them.
        if never_null and part == aggregates["count", "any"].parts[0]:
            return self._output_of(made, sql_type, Term(aggregates["count", "*"].parts[0].text, (), "integer"))
        return self._output_of(made, sql_type)

    def _output_of(self, made: Term, sql_type: str, same: Term | None = None) -> str:
        """The name of an output. `same`: what it is wherever there is a row."""
        first = self._statement.first
        found = (same or made) if first is None else first.part(made, same or made)
        return self._statement.output(Output(found, sql_type))


def _of_some(node: exp.Filter) -> exp.AggFunc:
    """An aggregate FILTER (WHERE …) as one of a CASE, which is NULL for the other rows. InexactError."""
    function = node.this
    if not isinstance(function, exp.AggFunc) or type(function) not in _FUNCTIONS:
        raise InexactError("an aggregate with filter that is on no list")
    made, condition = function.copy(), node.expression.this
    distinct = made.this if isinstance(made.this, exp.Distinct) else None
    if distinct is not None and len(distinct.expressions) != 1:
        raise InexactError("count of several distinct columns")
    operand = distinct.expressions[0] if distinct is not None else made.this
    if operand is None or isinstance(operand, exp.Star):
        operand = exp.Literal.number(1)
    some = exp.Case(ifs=[exp.If(this=condition.copy(), true=operand.copy())])
    made.set("this", exp.Distinct(expressions=[some]) if distinct is not None else some)
    return made


def _are_short(values: Sequence[object]) -> bool:
    """Whether a text made with these constants is one that MariaDB sorts by whole."""
    return all(
        not isinstance(value, Param) and (not isinstance(value, str) or len(value) <= SHORT) for value in values
    )

"""EXISTS, IN (subquery) and their negations as one condition of a fragment: the semi and anti joins of a source.

The canonical form is `EXISTS (SELECT 1 FROM s1, s2 WHERE …)`, perhaps under NOT, over scan ids: they are unique in a
query, so a column that names a scan of no inner FROM is one of the statement around it. `x IN (SELECT y …)` gets the
term y = x: as an AND-term of WHERE it asks for the same rows. `x NOT IN` does so only where neither can be NULL: else
one NULL among the y makes it unknown for every x. A semi join multiplies no rows, so the tables inside need no keys;
but without an equality with the outside, the source would have to compare every row with every other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.dialects.render import InexactError
from engine.dialects.table import DialectTable
from engine.predicates import conjuncts
from engine.rules.scopes import computed, is_aggregate
from engine.source_tables import our_names
from engine.trees import nodes_of

if TYPE_CHECKING:
    from engine.rules.relation import Reader, Relation

_NOT_PLAIN = ("group", "having", "qualify", "windows", "laterals", "pivots", "sample", "limit", "offset", "fetch")


def is_semi_join(term: exp.Expr) -> bool:
    """Whether an AND-term has the form of a semi or anti join."""
    _, test = _signed(term)
    return isinstance(test, exp.Exists) or (isinstance(test, exp.In) and test.args.get("query") is not None)


def semi_join(term: exp.Expr, scope: Scope, relation: Relation, reader: Reader) -> tuple[exp.Expr, list[Scope]]:
    """An AND-term of a scope's WHERE in canonical form over a relation's scans, and the scopes that it uses up.

    InexactError when it is none that a source can be asked for.
    """
    positive, test = _signed(term)
    subquery = test.this if isinstance(test, exp.Exists) else test.args.get("query")
    query = subquery.unnest() if isinstance(subquery, exp.Expr) else None
    inner = next((s for s in scope.subquery_scopes if s.expression is query), None)
    if inner is None or not isinstance(query, exp.Select):
        raise InexactError("a subquery in a condition")
    _check_plain(query)
    found = reader.relation(inner, relation)
    if any(item.on is not None for item in found.items):
        raise InexactError("an outer join in a subquery")
    where = list(found.where)
    if isinstance(test, exp.In):
        if len(query.selects) != 1 or isinstance(test.this, exp.Tuple):
            raise InexactError("IN of several columns")
        value = query.selects[0]
        equal = [found.expand(value.unalias()), relation.expand(test.this)]
        if not positive and not all(_never_null(side, relation, found, reader) for side in equal):
            raise InexactError("NOT IN where a NULL may be")
        where.append(exp.EQ(this=equal[0], expression=equal[1]))
    if not where:
        raise InexactError("a subquery that no equality ties to the outside")
    inside = {item.scan.id for item in found.items}
    outside = {column.table for term in where for column in nodes_of(term, exp.Column)} - inside
    outside -= {table.name for term in where for table in nodes_of(term, exp.Table)}
    connections = {reader.scan(name).connection for name in inside | outside}
    if len(connections) != 1:
        raise InexactError("a subquery over another connection")
    select = exp.Select(expressions=[exp.Literal.number(1)], where=exp.Where(this=exp.and_(*where, copy=False)))
    first, *rest = [exp.Table(this=exp.to_identifier(item.scan.id)) for item in found.items]
    select.set("from_", exp.From(this=first))
    select.set("joins", [exp.Join(this=table, kind="CROSS") for table in rest])
    canonical: exp.Expr = exp.Exists(this=select)
    return canonical if positive else exp.Not(this=canonical), [inner, *found.through]


def _signed(term: exp.Expr) -> tuple[bool, exp.Expr]:
    """(whether it is asked for as it stands, the test below NOT and parentheses)."""
    positive = True
    while isinstance(term, exp.Paren | exp.Not):
        positive = positive is not isinstance(term, exp.Not)
        term = term.this
    return positive, term


def _check_plain(query: exp.Select) -> None:
    distinct = query.args.get("distinct")
    own = computed(query)
    if (
        any(query.args.get(name) for name in _NOT_PLAIN)
        or (distinct is not None and distinct.args.get("on"))
        or any(is_aggregate(n) or isinstance(n, exp.Window | exp.Query | exp.Unnest | exp.Explode) for n in own)
    ):
        raise InexactError("a subquery that groups, limits or the like")


def _never_null(node: exp.Expr, outer: Relation, inner: Relation, reader: Reader) -> bool:
    if not isinstance(node, exp.Column):
        return False
    item = next((i for i in (*inner.items, *outer.items) if i.scan.id == node.table), None)
    return item is not None and item.on is None and not reader.nullable(node)


def inner_tables(exists: exp.Expr) -> list[str]:
    """The scans in the FROM of a canonical EXISTS."""
    select = cast(exp.Select, exists.this)
    return [select.args["from_"].this.name, *[join.this.name for join in select.args.get("joins") or []]]


def inner_terms(exists: exp.Expr) -> list[exp.Expr]:
    """The AND-terms of a canonical EXISTS."""
    return conjuncts(exists.this.args["where"].this)


def as_in(exists: exp.Exists) -> tuple[exp.Expr, exp.Column, exp.Column] | None:
    """Of a canonical EXISTS over one table that a single term ties to the outside, an equality: the term, its column
    inside and its column outside. `outside IN (SELECT inside …)` then drops the same rows; not under NOT."""
    inside = inner_tables(exists)
    if len(inside) > 1 or isinstance(exists.parent, exp.Not):
        return None
    ties = [t for t in inner_terms(exists) if {c.table for c in nodes_of(t, exp.Column)} != set(inside)]
    found = [
        (t, *pair) for t in ties for pair in _linked(t) if pair[0].table in inside and pair[1].table not in inside
    ]
    return found[0] if len(ties) == len(found) == 1 else None


def all_inner_tables(nodes: Sequence[exp.Expr]) -> list[str]:
    """The scans in the FROM of every canonical EXISTS in some expressions."""
    return [name for node in nodes for exists in nodes_of(node, exp.Exists) for name in inner_tables(exists)]


def check_reached(exists: exp.Expr, tables: Mapping[str, Table], dialect: DialectTable) -> None:
    """InexactError when the source may have to look through a table of the subquery once for each row outside.

    A dialect that makes a hash join of every subquery (`semi_joins` "any") needs an equality with the outside. One
    that does so for equalities alone ("equal") needs an index where other terms correlate, and others ("key") always.
    """
    inside, terms = inner_tables(exists), inner_terms(exists)
    links = [pair for term in terms for pair in _linked(term)]
    correlated = [term for term in terms if {c.table for c in nodes_of(term, exp.Column)} - set(inside)]
    if dialect.semi_joins == "any":
        have = {one.table for one, other in links if other.table not in inside}
        grown = True
        while grown:
            more = {one.table for one, other in links if other.table in have} - have
            have |= more
            grown = bool(more)
        if not set(inside) <= have:
            raise InexactError("a subquery that no equality ties to the outside")
        return
    fixed = {(one.table, one.name) for one, other in links if one.table in inside and other.table not in inside}
    hashed = dialect.semi_joins == "equal" and all(isinstance(term, exp.EQ) for term in correlated)
    if len(inside) > 1 or not fixed or not (hashed or any(name in _indexed(tables[s]) for s, name in fixed)):
        raise InexactError("a subquery that the source may have to run for each row")


def _linked(term: exp.Expr) -> Iterator[tuple[exp.Column, exp.Column]]:
    if isinstance(term, exp.EQ) and isinstance(term.this, exp.Column) and isinstance(term.expression, exp.Column):
        yield term.this, term.expression
        yield term.expression, term.this


def _indexed(table: Table) -> set[str]:
    """Columns that stand first in a key, by our names: sources index those."""
    ours = dict(zip((column.name for column in table.columns), our_names(table), strict=True))
    return {ours[key[0]] for key in table.keys if key}

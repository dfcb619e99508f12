"""FROM as a plain list of relations, which is all that rules and the parts below see of it (decision 0044).

Joins in brackets, `a LEFT JOIN (b JOIN c ON …) ON …`: brackets that come first fall away, since joins are read from
the left, and where all joins are inner ones; others become derived tables whose columns are those that are used. A
PIVOT beside other relations becomes a derived table too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count

from sqlglot import exp

from engine.errors import QueryTooLargeError
from engine.predicates import conjuncts
from engine.trees import nodes_of

# Each bracket passes on what those in it do: `SELECT *` over 80 tables of 100 columns, one in the other, took 50 s.
MAX_PASSED_ON = 1_000


def set_apart(tree: exp.Query) -> None:
    """Before names are resolved, in place: a table whose columns get other names, and a PIVOT beside other relations,
    become derived tables; columns of VALUES and of table functions get the names that DuckDB gives them."""
    taken: set[str] = set()
    for node in nodes_of(tree, exp.Table, exp.Values, exp.Unnest, exp.Lateral, exp.Pivot):
        alias = node.args.get("alias")
        if isinstance(node, exp.Pivot):
            if node.index == 0:
                taken = taken or {name.name for name in nodes_of(tree, exp.Identifier)}
                _pivoted(node, taken)
        elif isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            if alias and alias.columns:
                _renamed(node, alias)
        elif isinstance(node.parent, exp.From | exp.Join):
            given = alias.columns if isinstance(alias, exp.TableAlias) else []
            columns = [*given, *(exp.to_identifier(name) for name in _own_names(node)[len(given) :])]
            if len(columns) > len(given):
                node.set("alias", exp.TableAlias(this=alias and alias.this, columns=columns))


def _own_names(relation: exp.Expr) -> list[str]:
    """What DuckDB calls the columns of VALUES, range, generate_series and unnest."""
    if isinstance(relation, exp.Values):
        row = relation.expressions[0]
        return [f"col{number}" for number in range(len(row.expressions) if isinstance(row, exp.Tuple) else 1)]
    function = relation if isinstance(relation, exp.Unnest) else relation.this
    if isinstance(function, exp.GenerateSeries):
        return ["range" if function.args.get("is_end_exclusive") else "generate_series"]
    return ["unnest"] if isinstance(function, exp.Unnest) and len(function.expressions) == 1 else []


def _renamed(table: exp.Table, alias: exp.TableAlias) -> None:
    """`t AS a(x, y)` as `(SELECT * FROM t) AS a(x, y)`: who reads a scan finds its columns under their own names."""
    derived = exp.Subquery(alias=alias)
    for name in ("joins", "pivots", "laterals"):
        derived.set(name, table.args.pop(name, None))
    table.replace(derived)
    table.set("alias", exp.TableAlias(this=exp.to_identifier(alias.name, quoted=True)))
    derived.set("this", exp.select("*").from_(table, copy=False))


def _pivoted(pivot: exp.Pivot, taken: set[str]) -> None:
    relation = pivot.parent
    place = relation.parent if relation is not None else None
    if relation is None or not isinstance(place, exp.From | exp.Join):
        return
    if isinstance(place, exp.From) and not (place.parent and place.parent.args.get("joins")):
        return
    alias = relation.args["pivots"][-1].args.pop("alias", None)
    if alias is None:
        name = next(name for number in count() if (name := f"pivoted{number}") not in taken)
        taken.add(name)
        alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
    place.set("this", exp.Subquery(this=exp.select("*").from_(relation, copy=False), alias=alias))


def flatten_joins(tree: exp.Query, every: list[exp.Expr]) -> None:
    """Take the brackets out of every FROM of a qualified tree, whose nodes are `every`, in place.

    Raises QueryTooLargeError.
    """
    relations = (node for node in every if isinstance(node, exp.Subquery | exp.Table))
    if not any(_is_bracket(node) or node.args.get("joins") for node in relations):
        return
    taken = {name.name for name in nodes_of(tree, exp.Identifier)}
    names = (f"joined{number}" for number in count() if f"joined{number}" not in taken)
    passed_on = 0
    for select in reversed(nodes_of(tree, exp.Select)):  # the innermost first
        for columns in _flatten(select, names):
            passed_on += columns
            if passed_on > MAX_PASSED_ON:
                raise QueryTooLargeError(
                    f"joins in brackets pass on more than {MAX_PASSED_ON:,} columns",
                    hint="name the columns that are needed in place of *, or join without brackets",
                )


def _is_bracket(node: exp.Expr) -> bool:
    """Whether a node is brackets around relations: without a name of its own, which a derived table has."""
    return (
        isinstance(node, exp.Subquery) and not node.alias and not isinstance(node.this, exp.Select | exp.SetOperation)
    )


def _flatten(select: exp.Select, names: Iterator[str]) -> Iterator[int]:
    """Make one SELECT's FROM plain; gives how many columns each derived table has, as it is made."""
    from_ = select.args.get("from_")
    if from_ is None:
        return
    first, own = _opened(from_.this)
    coming: deque[exp.Join] = deque([*own, *(select.args.get("joins") or [])])
    joins: list[exp.Join] = []
    from_.set("this", first)
    while coming:
        join = coming.popleft()
        relation, inner = _opened(join.this)
        join.set("this", relation)
        joins.append(join)
        if inner and all(map(_is_inner, (join, *inner))):
            _share_conditions([join, *inner])
            coming.extendleft(reversed(inner))
        elif inner:
            inside = exp.Select(from_=exp.From(this=relation), joins=inner)
            select.set("joins", [*joins, *coming])  # which is what `_derived` looks through
            join.set("this", _derived(inside, select, next(names)))
            yield len(inside.expressions)
            yield from _flatten(inside, names)
    select.set("joins", joins or None)


def _is_inner(join: exp.Join) -> bool:
    kind = str(join.args.get("kind") or "").upper()
    return kind in ("", "INNER", "CROSS") and not any(join.args.get(name) for name in ("side", "method", "using"))


def _share_conditions(joins: list[exp.Join]) -> None:
    """Give the conditions of inner joins in a row to the first of them where all that they name is there."""
    terms = [term for join in joins for term in conjuncts(join.args.get("on"))]
    later = [_names([join.this]) for join in joins]
    for index, join in enumerate(joins):
        still = set().union(*later[index + 1 :])
        own = [term for term in terms if not any(column.table in still for column in nodes_of(term, exp.Column))]
        terms = [term for term in terms if not any(term is found for found in own)]
        join.set("on", exp.and_(*own, copy=False) if own else None)
        join.set("kind", None if own else "CROSS")


def _opened(relation: exp.Expr) -> tuple[exp.Expr, list[exp.Join]]:
    """The first relation of what stands in brackets, and the joins behind it."""
    joins: list[exp.Join] = relation.args.pop("joins", None) or []
    if not _is_bracket(relation):
        return relation, joins
    first, inner = _opened(relation.this)
    return first, [*inner, *joins]


def _derived(inside: exp.Select, select: exp.Select, name: str) -> exp.Subquery:
    """`inside` as a derived table of `select`, with the columns of its relations that are used there."""
    relations, used = _relations(inside), dict[tuple[str, str], str]()
    for column in nodes_of(select, exp.Column):
        if column.table in relations and not _hidden(column, select):
            shown = used.setdefault((column.table, column.name), f"{column.name}_{len(used)}")
            column.set("this", exp.to_identifier(shown, quoted=True))
            column.set("table", exp.to_identifier(name, quoted=True))
    columns = [
        exp.alias_(exp.column(c, table, quoted=True), shown, quoted=True) for (table, c), shown in used.items()
    ]
    inside.set("expressions", columns or [exp.alias_(exp.Literal.number(1), "one", quoted=True)])
    return exp.Subquery(this=inside, alias=exp.TableAlias(this=exp.to_identifier(name, quoted=True)))


def _hidden(column: exp.Column, select: exp.Select) -> bool:
    """Whether a SELECT between has a relation of the same name, whose column it is then."""
    between = column.find_ancestor(exp.Select)
    while between is not None and between is not select:
        if column.table in _relations(between):
            return True
        between = between.find_ancestor(exp.Select)
    return False


def _relations(select: exp.Select) -> set[str]:
    """The names of the relations in a SELECT's FROM, those in brackets too."""
    from_ = select.args.get("from_")
    found = [*([from_] if from_ else []), *(select.args.get("joins") or []), *(select.args.get("laterals") or [])]
    return _names([node if isinstance(node, exp.Lateral) else node.this for node in found])


def _names(relations: list[exp.Expr]) -> set[str]:
    names = set[str]()
    for relation in relations:  # which grows
        relations += [join.this for join in relation.args.get("joins") or []]
        if _is_bracket(relation):
            relations.append(relation.this)
        else:
            names.add(relation.alias_or_name)
    return names

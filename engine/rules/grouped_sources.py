"""Which sources of a SELECT, tables of one connection, may be grouped before they are joined with the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.dialects.render import InexactError
from engine.predicates import conjuncts
from engine.rules.relation import MOST_TABLES, Reader, Relation, covered
from engine.trees import nodes_of


def own_parts(select: exp.Select) -> list[exp.Expr]:
    """What stands above the groups of a SELECT."""
    parts = [*select.selects, select.args.get("having"), select.args.get("order"), select.args.get("group")]
    return [part for part in parts if part is not None]


def own_nodes(part: exp.Expr) -> list[exp.Expr]:
    """The nodes of an expression, without those of the subqueries in it."""
    return list(part.walk(prune=lambda node: isinstance(node, exp.Query)))


def joined_sources(select: exp.Expr) -> list[tuple[exp.Expr, exp.Join | None]]:
    """What stands in FROM, each with its join."""
    return [(select.args["from_"].this, None), *[(join.this, join) for join in select.args["joins"]]]


def is_inner(join: exp.Join | None) -> bool:
    """Whether a source is first, or joined inside."""
    return join is None or (not join.args.get("side") and join.args.get("kind") in (None, "", "INNER", "CROSS"))


def candidates(scope: Scope, reader: Reader, tables: Mapping[str, Table]) -> list[tuple[str, ...]]:
    """Sets of sources, by alias, that may be grouped first; the largest first."""
    select = cast(exp.Select, scope.expression)
    joined = joined_sources(select)
    if len(joined) > MOST_TABLES:
        return []
    pieces: dict[str, Relation] = {}
    for node, join in joined:
        if is_inner(join) or (join is not None and str(join.args.get("side")).upper() in ("LEFT", "RIGHT")):
            try:
                piece = reader.piece(scope, node)
            except InexactError:
                continue
            if len({item.scan.connection for item in piece.items}) == 1:
                pieces[node.alias_or_name] = piece
    wanted = {c.table for a in aggregates(select) if not is_indifferent(a) for c in nodes_of(a, exp.Column)}
    found: list[tuple[str, ...]] = []
    for name, piece in pieces.items():
        connection = piece.items[0].scan.connection
        same = {n: p for n, p in pieces.items() if p.items[0].scan.connection == connection}
        if len(same) == len(joined):
            continue  # all in one connection: its own grouping goes there whole
        if wanted and name not in wanted and wanted <= same.keys():
            continue  # begin where the numbers are
        chosen = _grown(name, same, scope, tables)
        if not (wanted & same.keys() - set(chosen)):
            found.append(tuple(chosen))
        if len(chosen) > 1 and wanted <= {name}:
            found.append((name,))
    return sorted(dict.fromkeys(found), key=lambda names: -len(names))


def _grown(name: str, pieces: Mapping[str, Relation], scope: Scope, tables: Mapping[str, Table]) -> list[str]:
    """One source and those of its connection that keys reach from it."""
    select = scope.expression
    where = select.args.get("where")
    terms = [*conjuncts(where.this if where else None)]
    for node, join in joined_sources(select):
        if join is not None and is_inner(join):
            terms += conjuncts(join.args.get("on"))
        elif join is not None and node.alias_or_name == name:
            return [name]
    inner = {node.alias_or_name for node, join in joined_sources(select) if is_inner(join)}
    relation, exact = Relation(outputs={}), list[exp.Expr]()
    for piece in pieces.values():
        relation.outputs |= piece.outputs
    for term in terms:
        if isinstance(term, exp.EQ) and {c.table for c in nodes_of(term, exp.Column)} <= pieces.keys():
            exact.append(relation.expand(term))
    chosen, have = [name], {item.scan.id for item in pieces[name].items}
    grown = True
    while grown:
        grown = False
        for other, piece in pieces.items():
            if other in chosen or other not in inner:
                continue
            if any(covered(tables[i.scan.id], i.scan.id, exact, have) for i in piece.items if i.on is None):
                chosen.append(other)
                have |= {item.scan.id for item in piece.items}
                grown = True
    return [node.alias_or_name for node, _ in joined_sources(select) if node.alias_or_name in chosen]


def aggregates(select: exp.Select) -> list[exp.AggFunc]:
    """The aggregates of a SELECT itself."""
    return [node for part in own_parts(select) for node in own_nodes(part) if isinstance(node, exp.AggFunc)]


def is_indifferent(node: exp.AggFunc) -> bool:
    """Whether it doesn't matter to an aggregate how often a value comes."""
    return isinstance(node.this, exp.Distinct) or type(node) in (exp.Min, exp.Max)

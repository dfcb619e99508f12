"""Copies and searches of trees are what sqlglot's own give, over every kind of text that is legal."""

from __future__ import annotations

import pytest
from sqlglot import exp

from benchmarks.tpch.queries import QUERIES, query
from engine.parse import parse_query
from engine.resolve import resolve_workspace
from engine.trees import copied, has_any, nodes, nodes_of, put
from tests.engine.largest_texts import SHAPES, largest, wide_workspace

TEXTS = [*(query(number, 1) for number in QUERIES), *map(largest, SHAPES)]


def _facts(tree: exp.Expr) -> list[tuple[object, ...]]:
    """All that a node holds, in the order in which sqlglot goes through a tree."""
    return [
        (type(n), n.arg_key, n.index, n.comments, n._type, n._meta, list(n.args), type(n.parent)) for n in tree.walk()
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_a_copy_is_sqlglots_copy_and_shares_nothing(text: str) -> None:
    tree = parse_query(text)
    hash(tree)
    copy = copied(tree)
    assert copy == tree and _facts(copy) == _facts(tree.copy())
    assert not {id(node) for node in tree.walk()} & {id(node) for node in copy.walk()}
    assert all(child.parent is node for node in copy.walk() for child in node.iter_expressions())
    before = tree.sql()
    for node in nodes(copy):
        node.meta["line"] = -1
        node.add_comments(["changed"])
        if isinstance(node, exp.Identifier):
            node.set("this", "changed")
    assert tree.sql() == before and not any(node.meta.get("line") == -1 for node in tree.walk())


def test_a_copy_of_a_part_has_no_parent_and_keeps_remarks_and_types() -> None:
    tree = parse_query("SELECT /* why */ a + 1 AS b FROM t WHERE a > 2 -- so")
    part = tree.args["where"].this
    part.type = "BOOLEAN"
    copy = copied(part)
    assert copy.parent is None and copy.arg_key is None and copy.index is None
    assert copy.type == part.type and copy.type is not part.type
    assert copied(tree).sql() == tree.sql() and "why" in copied(tree).sql()


@pytest.mark.parametrize("text", TEXTS)
def test_nodes_come_in_the_order_of_sqlglots_walk(text: str) -> None:
    tree = parse_query(text)
    assert [id(node) for node in nodes(tree)] == [id(node) for node in tree.walk()]
    assert nodes_of(tree, exp.Column, exp.Table) == list(tree.find_all(exp.Column, exp.Table))
    assert has_any(tree, exp.Select) and not has_any(tree, exp.Insert)


def test_a_plans_tree_does_not_know_where_in_a_text_it_stood() -> None:
    found = resolve_workspace(parse_query("SELECT t0, c0 FROM erp.t0"), wide_workspace())
    assert not any(node._meta for node in nodes(found.select))


def test_what_is_put_in_a_nodes_place_is_what_replace_gives() -> None:
    tree = parse_query("SELECT a, b + 1 FROM t WHERE a IN (1, 2, 3) AND NOT b = 4")
    for number in range(len(nodes_of(tree, exp.Literal))):
        mine, theirs = copied(tree), copied(tree)
        hash(mine)
        put(exp.Placeholder(), instead_of=nodes_of(mine, exp.Literal)[number])
        nodes_of(theirs, exp.Literal)[number].replace(exp.Placeholder())
        assert mine == theirs and _facts(mine) == _facts(theirs) and mine != tree

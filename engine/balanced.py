"""Long chains of AND and OR as balanced trees.

A parser makes of 1,000 terms a tree 1,000 deep, and whatever climbs from a term to its SELECT then takes a million
steps. Both connectives are associative in three-valued logic, so the tree may have any shape.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from engine.trees import nodes_of

SHORT_CHAIN = 8


def balance(tree: exp.Expr) -> exp.Expr:
    """The same tree; its chains of more than 8 terms are log2(n) deep. Changes the tree in place."""
    chains = nodes_of(tree, exp.And, exp.Or)
    for kind in (exp.And, exp.Or):
        heads = [node for node in chains if type(node) is kind and type(node.parent) is not kind]
        for head in heads:
            terms = list(head.flatten(unnest=False))
            if len(terms) > SHORT_CHAIN:
                halves = len(terms) // 2
                head.set("this", _joined(kind, terms[:halves]))
                head.set("expression", _joined(kind, terms[halves:]))
    return tree


def conjunction(terms: Sequence[exp.Expr]) -> exp.Expr:
    """The AND of at least one term. The terms move into the new tree, an OR in brackets."""
    return _joined(exp.And, [exp.Paren(this=term) if isinstance(term, exp.Or) else term for term in terms])


def disjunction(terms: Sequence[exp.Expr]) -> exp.Expr:
    """The OR of at least one term. The terms move into the new tree, an AND in brackets."""
    return _joined(exp.Or, [exp.Paren(this=term) if isinstance(term, exp.And) else term for term in terms])


def _joined(kind: type[exp.And] | type[exp.Or], terms: Sequence[exp.Expr]) -> exp.Expr:
    if len(terms) == 1:
        return terms[0]
    halves = len(terms) // 2
    return kind(this=_joined(kind, terms[:halves]), expression=_joined(kind, terms[halves:]))

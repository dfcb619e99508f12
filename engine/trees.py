"""Trees copied and searched, several times quicker than by sqlglot's own methods, which serve every kind of caller.

The whole tree is looked at before the first node is given, so that whoever asked may change it meanwhile.
"""

from __future__ import annotations

from typing import TypeVar

from sqlglot import exp

Tree = TypeVar("Tree", bound=exp.Expr)
_new = object.__new__


def copied(tree: Tree) -> Tree:
    """A copy of a tree that shares no node with it; it has no parent."""
    return _copied(tree, None, None, None)


def _copied(node: Tree, parent: exp.Expr | None, key: str | None, index: int | None) -> Tree:
    copy = _new(node.__class__)
    copy.parent, copy.arg_key, copy.index, copy._hash = parent, key, index, node._hash
    copy.comments = None if node.comments is None else list(node.comments)
    copy._type = None if node._type is None else copied(node._type)
    copy._meta = None if node._meta is None else dict(node._meta)
    copy.args = args = dict(node.args)
    for name, value in args.items():
        if isinstance(value, exp.Expr):
            args[name] = _copied(value, copy, name, None)
        elif type(value) is list:
            args[name] = [
                _copied(item, copy, name, at) if isinstance(item, exp.Expr) else item for at, item in enumerate(value)
            ]
    return copy


def nodes(tree: exp.Expr) -> list[exp.Expr]:
    """Every node of a tree, level by level."""
    found = [tree]
    for node in found:  # which grows while it is gone through
        for value in node.args.values():
            if isinstance(value, exp.Expr):
                found.append(value)
            elif type(value) is list:
                found += [item for item in value if isinstance(item, exp.Expr)]
    return found


def nodes_of(tree: exp.Expr, *kinds: type[Tree]) -> list[Tree]:
    """The nodes of these kinds, level by level."""
    return [node for node in nodes(tree) if isinstance(node, kinds)]


def put(tree: exp.Expr, instead_of: exp.Expr) -> None:
    """Put a tree in the place of a node: `node.replace` goes through the whole list that the node stands in."""
    parent, key, index = instead_of.parent, instead_of.arg_key, instead_of.index
    assert parent is not None and key is not None
    if index is None:
        parent.set(key, tree)
        return
    parent.args[key][index] = tree
    tree.parent, tree.arg_key, tree.index = parent, key, index
    node: exp.Expr | None = parent
    while node is not None and node._hash is not None:
        node._hash, node = None, node.parent


def has_any(tree: exp.Expr, *kinds: type[exp.Expr]) -> bool:
    """Whether a tree has a node of these kinds."""
    return any(isinstance(node, kinds) for node in nodes(tree))

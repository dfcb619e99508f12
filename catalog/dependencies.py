"""Which views a view's SQL names, and the order that follows. Names only: checking them is the engine's part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlglot import TokenType, exp, parse_one, tokenize
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from catalog.errors import ViewCycleError
from catalog.names import fold
from catalog.view_file import ViewText
from catalog.views import find_circle

MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 200  # of brackets; the parser calls itself for each


def view_references(sql: str, names: Collection[str]) -> frozenset[str]:
    """Which of the folded names the SQL reads as views. Text that can't be parsed has none: its check says why."""
    if len(sql) > MAX_CHARACTERS or _depth(sql) > MAX_DEPTH:
        return frozenset()
    try:
        tree = parse_one(sql, read="duckdb")
        scopes = traverse_scope(tree)
    except (SqlglotError, RecursionError):
        return frozenset()
    sources = (source for scope in scopes for source in scope.sources.values())
    tables = (source for source in sources if isinstance(source, exp.Table) and not source.db)
    return frozenset(fold(table.name) for table in tables) & frozenset(names)


def _depth(sql: str) -> int:
    depth = deepest = 0
    try:
        for token in tokenize(sql, read="duckdb"):
            if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE):
                depth += 1
                deepest = max(deepest, depth)
            elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE):
                depth -= 1
    except SqlglotError:
        return 0
    return deepest


def uses_of(views: Iterable[ViewText]) -> dict[str, frozenset[str]]:
    """Folded name → the folded names, among these views, that it reads."""
    by_name = {fold(view.name): view for view in views}
    return {name: view_references(view.sql, by_name.keys()) for name, view in by_name.items()}


def in_order(uses: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The names, each after those that it uses, else by name. ViewCycleError names a circle."""
    for name in sorted(uses):
        circle = find_circle({one: sorted(used) for one, used in uses.items()}, name)
        if circle:
            raise ViewCycleError(circle)
    ordered: dict[str, None] = {}
    while len(ordered) < len(uses):
        ready = [name for name in sorted(uses) if name not in ordered and all(used in ordered for used in uses[name])]
        ordered.update(dict.fromkeys(ready))
    return tuple(ordered)


def all_below(uses: Mapping[str, Collection[str]], name: str) -> frozenset[str]:
    """A view and every view below it."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(uses.get(current, ()))
    return frozenset(found)

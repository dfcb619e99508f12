"""A query: one SELECT over publications, with its parameters. Every protocol becomes one."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from connectors.sdk.scan import Value
from engine.tree_key import Shape


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the caller gave. `sql_type`: a column type; the tree refers to it by `parameter(index)`."""

    sql_type: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT to run.

    `select`: a DuckDB tree whose tables are publications (or, for an administrator's preview, views and tables) and
    whose literals of the caller are parameters, so that one plan serves all their values. Nobody changes it.
    `shape`: the tree's, where whoever made the query has it already.
    """

    select: exp.Query
    parameters: tuple[Parameter, ...] = ()
    shape: Shape | None = field(default=None, compare=False)


def parameter(index: int, sql_type: str) -> exp.Expr:
    """The tree's reference to parameter `index` (from 0), under a cast so that its type is never guessed."""
    return exp.cast(exp.Placeholder(this=str(index + 1)), sql_type, dialect="duckdb")


def parameter_index(node: exp.Expr) -> int | None:
    """The index when a node is a bare reference to a parameter, else None."""
    if isinstance(node, exp.Placeholder) and str(node.this or "").isdigit():
        return int(str(node.this)) - 1
    return None

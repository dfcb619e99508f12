"""What one request's expressions share while they become SQL: properties, aliases, parameters, a bound on work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlglot import exp

from engine.query import Parameter
from server.odata.errors import ODataRequestError
from server.odata.lookup import KnownSet
from server.odata.syntax import Expression, Literal
from server.odata.terms import OPTION, Term, kind_of

# An alias used twice doubles, and aliases may use aliases: 64 KB of URL could ask for a tree without end.
MAX_NODES = 5_000
MAX_OPEN_ALIASES = 20


@dataclass(slots=True)
class Translation:
    """`option`: where the text now read stands, for errors. `now`: one moment for the whole request (design, law 8).
    `parameters`: the caller's values in the order in which the tree refers to them."""

    known: KnownSet
    aliases: Mapping[str, Expression] = field(default_factory=dict)
    parameters: list[Parameter] = field(default_factory=list)
    option: str = OPTION
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    nodes: int = 0
    open_aliases: tuple[str, ...] = ()

    def count_node(self, position: int) -> None:
        """One more node of an expression. Raises ODataRequestError past the bound."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ODataRequestError(
                f"The expressions have more than {MAX_NODES:,} terms.",
                option=self.option,
                position=position,
                hint="Filter by a range in place of a list of values.",
            )

    def property(self, name: str, position: int) -> Term:
        """A property's column as a term. Raises UnknownPropertyError."""
        found = self.known.property(name, self.option, position)
        column = found.column
        kind = kind_of(column.sql_type)
        return Term(kind, column.sql_type, self.column(column.name), None, column.nullable, position, name)

    def column(self, name: str) -> exp.Column:
        """A column under its publication's name: a bare one could mean another column's alias."""
        return exp.Column(
            this=exp.Identifier(this=name, quoted=True),
            table=exp.Identifier(this=self.known.entity_set.publication.name, quoted=True),
        )

    @contextmanager
    def alias(self, name: str, position: int) -> Iterator[Expression]:
        """The expression that an alias stands for; null when it has no value (URL Conventions 5.3).

        Raises ODataRequestError when aliases use each other in a circle.
        """
        if name in self.open_aliases or len(self.open_aliases) >= MAX_OPEN_ALIASES:
            circle = name in self.open_aliases
            raise ODataRequestError(
                f"The alias @{name} uses itself." if circle else "Aliases use each other too deeply.",
                option=self.option,
                position=position,
                hint="Write the value in place of one of them.",
            )
        before, opened = self.option, self.open_aliases
        self.option, self.open_aliases = f"@{name}", (*opened, name)
        try:
            yield self.aliases.get(name) or Literal(None, "null", position)
        finally:
            self.option, self.open_aliases = before, opened

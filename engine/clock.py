"""The clock of a run: `now()` and `current_date` are read once and bound, so that every statement of a run agrees.

Law 8 of the design. `current_date` is the date in UTC; a plant's own is `(now() AT TIME ZONE 'Europe/Berlin')::DATE`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlglot import exp

from engine.query import Parameter, parameter
from engine.trees import nodes_of

CLOCK_TYPES = ("TIMESTAMP WITH TIME ZONE", "DATE")
_NOW = frozenset({"now", "transaction_timestamp"})


def bind_clock(select: exp.Query, first: int) -> exp.Query:
    """The tree with its clock calls as parameters `first` (the instant) and `first + 1` (the date); mutated."""
    for node in nodes_of(select, exp.CurrentTimestamp, exp.CurrentDate, exp.Anonymous):
        if isinstance(node, exp.CurrentDate):
            node.replace(parameter(first + 1, CLOCK_TYPES[1]))
        elif isinstance(node, exp.CurrentTimestamp) or node.name.lower() in _NOW:
            node.replace(parameter(first, CLOCK_TYPES[0]))
    return select


def clock_parameters(now: datetime) -> tuple[Parameter, Parameter]:
    """The values for `bind_clock`'s parameters. `now` has a zone."""
    instant = now.astimezone(UTC)
    return Parameter(CLOCK_TYPES[0], instant), Parameter(CLOCK_TYPES[1], instant.date())

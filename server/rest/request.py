"""A REST request as typed records: syntax only; whether a column exists is for `to_query`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Comparison:
    """`column=op.value`. `values`: one text, for `in` any number. `parameter`: where it stood, for errors."""

    column: str
    operator: str
    values: tuple[str, ...]
    negated: bool = False
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """`and=(…)`, `or=(…)`."""

    operator: str
    terms: tuple[Comparison | Group, ...]
    negated: bool = False


Condition = Comparison | Group


@dataclass(frozen=True, slots=True)
class SelectItem:
    """A column of the answer, under its own name or another."""

    column: str
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class OrderItem:
    """One term of `order`. `nulls_first` None: PostgreSQL's default, last ascending and first descending."""

    column: str
    descending: bool = False
    nulls_first: bool | None = None


@dataclass(frozen=True, slots=True)
class RestRequest:
    """All that a query string says. `select` None: every column. `conditions` are AND-ed."""

    select: tuple[SelectItem, ...] | None = None
    conditions: tuple[Condition, ...] = ()
    order: tuple[OrderItem, ...] = ()
    limit: int | None = None
    offset: int = 0
    after: str | None = None
    format: str | None = None
    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)

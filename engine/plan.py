"""A plan: how one query runs. Its scans, and the SELECT that DuckDB runs over them.

It names connections and holds no secret; values of the caller are parameters until a job is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from connectors.sdk import Table
from engine.rules.scopes import scopes
from engine.scans import Scan, described


@dataclass(frozen=True, slots=True)
class Note:
    """What a rule did with a scan, or why it did not; EXPLAIN prints it."""

    rule: str
    scan: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`select`: the tree that DuckDB runs; its tables are scan ids. `parameter_types`: of the caller's values.
    `publications`: those that the query names. `plain`: when the source alone gives the answer, the scan's
    columns (by our name) in the order of the output, else None; `few`: and it gives so few rows that
    they are written one by one."""

    select: exp.Query
    scans: tuple[Scan, ...]
    parameter_types: tuple[str, ...] = ()
    publications: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    small: bool = False
    plain: tuple[str, ...] | None = None
    few: bool = False
    _scopes: list[Scope] = field(init=False, default_factory=list, compare=False, repr=False)

    @property
    def scopes(self) -> list[Scope]:
        """The scopes of the tree, the outermost first: found once, and handed on as long as the tree is the same.

        Whoever changes a tree does so in a copy of his own, and finds the scopes of that one.
        """
        if not self._scopes:
            self._scopes.extend(scopes(self.select))
        return self._scopes

    def with_scans(self, scans: Sequence[Scan], notes: Sequence[Note] = ()) -> Plan:
        """The same tree over these scans, with more notes."""
        made = replace(self, scans=tuple(scans), notes=(*self.notes, *notes))
        made._scopes.extend(self._scopes)
        return made

    def with_select(self, select: exp.Query, found: Sequence[Scope] = ()) -> Plan:
        """Another tree over the same scans. `found`: its scopes, where they are known already."""
        made = replace(self, select=select)
        made._scopes.extend(found)
        return made

    @property
    def connections(self) -> tuple[str, ...]:
        """Names of the connections that the plan reads, in order of first use."""
        return tuple(dict.fromkeys(scan.connection for scan in self.scans))


def with_fragments(plan: Plan, tables: Mapping[str, Table]) -> Mapping[str, Table]:
    """The tables behind a plan's scans, fragments among them."""
    return {**tables, **{scan.id: described(scan) for scan in plan.scans if scan.fragment is not None}}

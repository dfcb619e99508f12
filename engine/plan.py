"""A plan: how one query runs. Its scans, and the SELECT that DuckDB runs over them.

It names connections and holds no secret; values of the caller are parameters until a job is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from engine.scans import Scan


@dataclass(frozen=True, slots=True)
class Note:
    """What a rule did with a scan, or why it did not; EXPLAIN prints it."""

    rule: str
    scan: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`select`: the tree that DuckDB runs; its tables are scan ids. `parameter_types`: of the caller's values.
    `publications`: those that the query names. `direct`: when the source alone gives the answer and it is small, the
    scan's columns (by our name) in the order of the output, else None."""

    select: exp.Query
    scans: tuple[Scan, ...]
    parameter_types: tuple[str, ...] = ()
    publications: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    small: bool = False
    direct: tuple[str, ...] | None = None

    def with_scans(self, scans: Sequence[Scan], notes: Sequence[Note] = ()) -> Plan:
        return replace(self, scans=tuple(scans), notes=(*self.notes, *notes))

    @property
    def connections(self) -> tuple[str, ...]:
        """Names of the connections that the plan reads, in order of first use."""
        return tuple(dict.fromkeys(scan.connection for scan in self.scans))

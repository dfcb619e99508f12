"""Counts what crosses the wire: proxies before the two databases, whoever asks them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from benchmarks.tpch.sources import Sources
from tests.servers.fault_proxy import FaultProxy, start_fault_proxy


@dataclass(frozen=True, slots=True)
class Wire:
    """Sources that are reached through proxies."""

    sources: Sources
    proxies: tuple[FaultProxy, ...]

    @property
    def bytes(self) -> int:
        """What the databases have sent so far."""
        return sum(proxy.bytes_to_client for proxy in self.proxies)


@contextmanager
def counted(sources: Sources) -> Iterator[Wire]:
    """The same sources through proxies that count; slower than they are, so nothing is timed here."""
    with (
        start_fault_proxy(sources.postgres.host, sources.postgres.port) as one,
        start_fault_proxy(sources.mariadb.host, sources.mariadb.port) as other,
    ):
        postgres = replace(sources.postgres, host=one.host, port=one.port)
        mariadb = replace(sources.mariadb, host=other.host, port=other.port)
        yield Wire(replace(sources, postgres=postgres, mariadb=mariadb), (one, other))

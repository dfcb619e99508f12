"""The contract of a database server: how it is configured, and reached through a network with faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from connectors.sdk.connector import Connector
from connectors.sdk.testing import ConnectorContract, Fault
from tests.servers.fault_proxy import FaultProxy, Faults, start_fault_proxy
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer


class DatabaseContract(ConnectorContract):
    """Subclasses give `server`, before their first test, and `make`."""

    faults = frozenset(Fault)
    server: ClassVar[PostgresServer | MariaDBServer]
    proxies: ClassVar[list[FaultProxy]] = []

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def close_proxies(cls) -> Iterator[None]:
        yield
        while cls.proxies:
            cls.proxies.pop().close()

    def make(self, time_zone: ZoneInfo | None = None, **changes: Any) -> Connector:
        """A connector with some fields changed."""
        raise NotImplementedError

    def configuration(self) -> dict[str, object]:
        fields = ("host", "port", "database", "user", "password")
        return {**{field: getattr(self.server, field) for field in fields}, "tls": "disable"}

    def broken(self, fault: Fault) -> Connector:
        if fault is Fault.WRONG_PASSWORD:
            return self.make(password="not it")
        faults = {
            Fault.DEAD_HOST: Faults(refuse=True),
            Fault.SLOW_HOST: Faults(silent=True),
            Fault.CUT: Faults(reset_after=1_000_000),
            Fault.TRUNCATED: Faults(truncate_after=1_000_000),
        }[fault]
        proxy = start_fault_proxy(self.server.host, self.server.port)
        self.proxies.append(proxy)
        proxy.set(faults)
        return self.make(host=proxy.host, port=proxy.port, connect_timeout=2)

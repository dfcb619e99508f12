"""Stages of a connection test that many kinds of sources share: from the host's name to the first row."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.sdk.connector import Connector, Stage
from connectors.sdk.errors import ConfigurationError, ConnectorError
from connectors.sdk.scan import ScanRequest


def timed(name: str, work: Callable[[], str]) -> Stage:
    """Run one stage; `work` returns the message, a ConnectorError is the failure with its hint."""
    started = time.monotonic()
    try:
        message = work()
    except ConnectorError as error:
        return Stage(name, False, time.monotonic() - started, error.message, error.hint or "see the message")
    return Stage(name, True, time.monotonic() - started, message)


def reach(host: str, port: int, timeout: float) -> Iterator[Stage]:
    """Stages `dns` and `tcp`; the last one yielded is not ok when the host can't be reached."""
    started = time.monotonic()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Stage(
            "dns",
            False,
            time.monotonic() - started,
            f"the name {host!r} has no address ({error.strerror or 'unknown'})",
            "check the spelling of `host`, and that this machine's DNS knows it",
        )
        return
    yield Stage("dns", True, time.monotonic() - started, f"{host} is {found[0][4][0]}")
    started = time.monotonic()
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError as error:
        slow = isinstance(error, TimeoutError)
        yield Stage(
            "tcp",
            False,
            time.monotonic() - started,
            f"port {port} of {host} "
            + ("does not answer" if slow else f"refused ({error.strerror or 'unreachable'})"),
            "a firewall drops the packets, or the host is down: ask who runs the network"
            if slow
            else "check `port`, that the server runs, and that it listens on this network and not on 127.0.0.1 only",
        )
        return
    yield Stage("tcp", True, time.monotonic() - started, f"port {port} answers")


def log_in(host: str, port: int, timeout: float, login: Callable[[], str]) -> Iterator[Stage]:
    """Stages `dns`, `tcp` and `login` of a database server; a login that fails for its TLS is the stage `tls`."""
    for stage in reach(host, port, timeout):
        yield stage
        if not stage.ok:
            return
    found = timed("login", login)
    yield replace(found, name="tls") if not found.ok and "TLS" in found.message else found


def read_tables(connector: Connector, hint: str) -> Iterator[Stage]:
    """Stages `permission` and `first_row`, of the first table. `hint`: what to do when there is none."""

    def first_row() -> str:
        tables = connector.list_tables()
        if not tables:
            raise ConfigurationError("no table may be read", hint=hint)
        table = connector.describe(tables[0])
        columns = tuple((column.name, column.sql_type) for column in table.columns)
        for _ in connector.scan(ScanRequest(table.name, columns, limit=1)):
            return f"read a row of {table.name}"
        return f"{table.name} is empty"

    permission = timed("permission", lambda: f"{len(connector.list_tables())} tables may be read")
    yield permission
    if permission.ok:
        yield timed("first_row", first_row)

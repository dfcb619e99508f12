"""The first stages of a connection test, for every source with a host and a port: DNS and TCP."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

from connectors.sdk.connector import Stage
from connectors.sdk.errors import ConnectorError


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

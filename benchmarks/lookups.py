"""Client process: asks for one small answer after another on kept-alive connections, as fast as they come.

One thread and raw sockets: it costs about 0.05 ms per request, so that it is not what is measured. What it can do at
most is what the bare HTTP server's figure says.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from itertools import cycle
from random import Random

from benchmarks.http_bytes import answer_end, refuse_error, request
from benchmarks.measure import quantile

PATIENCE = 60.0


@dataclass(slots=True, eq=False)
class Client:
    """One connection: what it asked last, and when."""

    socket: socket.socket
    sent: float = 0.0
    received: bytearray = field(default_factory=bytearray)


def measure(
    port: int,
    paths: list[str],
    headers: dict[str, str],
    clients: int,
    warm_up: float,
    seconds: float,
    may_refuse: bool = False,
    keys: list[str] | None = None,
) -> dict[str, float]:
    """Requests per second, and latencies in seconds, of `clients` that each have one request under way.

    A refused request is a RuntimeError; with `may_refuse` it is counted, its time like any other's. `keys`: of the
    tenants that each path in turn is asked for.
    """
    asked = [request(path, headers | ({"X-API-Key": keys[at % len(keys)]} if keys else {}))
             for at, path in enumerate(paths)]  # fmt: skip
    # Every process begins elsewhere in the list, or the answers would be those of the last one.
    Random().shuffle(asked)
    requests = cycle(asked)
    selector = selectors.DefaultSelector()
    now = time.perf_counter()
    for _ in range(clients):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(connection, time.perf_counter())
        selector.register(connection, selectors.EVENT_READ, client)
        connection.sendall(next(requests))
    begin, end = now + warm_up, now + warm_up + seconds
    used = time.process_time()
    latencies: list[float] = []
    refused = 0
    # What is under way at the end is waited for: left out, the slowest answers would be missing.
    while selector.get_map():
        ready = selector.select(timeout=PATIENCE)
        if not ready:
            raise RuntimeError(f"no answer came for {PATIENCE:.0f} s")
        for key, _ in ready:
            client = key.data
            piece = client.socket.recv(262_144)
            now = time.perf_counter()
            if not piece:
                raise RuntimeError("the server closed the connection")
            client.received += piece
            if answer_end(client.received) is None:
                continue
            if not may_refuse:
                refuse_error(client.received)
            refused += client.received[9:12] != b"200"
            if now >= begin:
                latencies.append(now - client.sent)
            client.received.clear()
            if now >= end:
                selector.unregister(client.socket)
                client.socket.close()
                continue
            client.sent = time.perf_counter()
            client.socket.sendall(next(requests))
    latencies.sort()
    return {
        "rate": len(latencies) / (now - begin),
        "refused": refused,
        "p50": quantile(latencies, 0.5),
        "p99": quantile(latencies, 0.99),
        "requests": len(latencies),
        "cpu": time.process_time() - used,
    }


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.stdin.readline()))))

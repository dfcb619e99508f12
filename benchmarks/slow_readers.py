"""Client process: many clients that each take a large answer at a thousand bytes per second, until told to stop.

A client whose answer ends, breaks or is refused asks again a second later.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass

from benchmarks.http_bytes import request

SMALL_WINDOW = 4_096  # of the socket: else the kernel would take megabytes on the client's behalf


@dataclass(slots=True, eq=False)
class Client:
    """One slow client. `started`: its answer has begun."""

    socket: socket.socket | None = None
    retry_at: float = 0.0
    started: bool = False


def read_slowly(port: int, path: str, headers: dict[str, str], clients: int, rate: int) -> dict[str, int]:
    """Take `rate` bytes per second and client until standard input is closed; how it went."""
    found = {"bytes": 0, "answers": 0, "refused": 0, "ended": 0}
    everyone = [Client() for _ in range(clients)]
    asked = request(path, headers)
    end = selectors.DefaultSelector()
    end.register(sys.stdin, selectors.EVENT_READ)
    while not end.select(timeout=0):
        for client in everyone:
            _step(client, port, asked, rate, found)
            time.sleep(1.0 / clients)
    found["open"] = sum(client.started for client in everyone)
    return found


def _step(client: Client, port: int, asked: bytes, rate: int, found: dict[str, int]) -> None:
    """A client's turn, once a second: take what it may."""
    now = time.monotonic()
    if client.socket is None:
        if now < client.retry_at:
            return
        client.socket = socket.socket()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        client.socket.connect(("127.0.0.1", port))
        client.socket.sendall(asked)
        client.socket.setblocking(False)
        return
    piece = b""
    with contextlib.suppress(ConnectionError):
        try:
            piece = client.socket.recv(rate)
        except BlockingIOError:  # still in the queue for a worker
            return
    found["bytes"] += len(piece)
    if not client.started and piece:
        client.started = piece[9:12] == b"200"
        found["answers" if client.started else "refused"] += 1
    if not piece or not client.started:
        found["ended"] += client.started
        client.socket.close()
        client.socket, client.started, client.retry_at = None, False, now + 1.0


if __name__ == "__main__":
    print(json.dumps(read_slowly(**json.loads(sys.stdin.readline()))))

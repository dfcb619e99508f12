"""HTTP over a bare socket: what came, byte by byte, and whether the server said that it was all."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heard:
    """`complete`: the body had its end (last chunk, or all of its Content-Length)."""

    status: int
    version: str
    headers: list[tuple[str, str]]
    body: bytes
    complete: bool

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@contextlib.contextmanager
def opened(port: int, *, receive_buffer: int | None = None, timeout: float = 30.0) -> Iterator[socket.socket]:
    """A connection to the server."""
    with socket.socket() as connection:
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(timeout)
        connection.connect(("127.0.0.1", port))
        yield connection


def get(path: str, key: str, *, version: str = "1.1", **headers: str) -> bytes:
    """A request's bytes."""
    lines = [f"GET {path} HTTP/{version}", "Host: plant.example", f"X-API-Key: {key}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def exchange(port: int, request: bytes, timeout: float = 30.0) -> Heard:
    """Send a request and read until its answer's end or the connection's."""
    with opened(port, timeout=timeout) as connection:
        connection.sendall(request)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> Heard:
    """One answer. An end of the connection before the answer's own is not an error here: it is what is looked for."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection) or _ended(data)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status = first.split(" ")[:2]
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    found = dict(headers)
    if found.get("transfer-encoding") == "chunked":
        return Heard(int(status), version, headers, *_chunks(connection, body))
    length = int(found["content-length"]) if "content-length" in found else None
    while length is None or len(body) < length:
        piece = _more(connection)
        if not piece:
            return Heard(int(status), version, headers, body, length is not None and len(body) == length)
        body += piece
    return Heard(int(status), version, headers, body, True)


def _chunks(connection: socket.socket, raw: bytes) -> tuple[bytes, bool]:
    body, buffer = bytearray(), bytearray(raw)
    while True:
        end = buffer.find(b"\r\n")
        if end >= 0:
            size = int(bytes(buffer[:end]), 16)
            if size == 0 and len(buffer) >= end + 4:
                return bytes(body), True
            if size and len(buffer) >= end + 4 + size:
                body += buffer[end + 2 : end + 2 + size]
                del buffer[: end + 4 + size]
                continue
        piece = _more(connection)
        if not piece:
            return bytes(body) + bytes(buffer[end + 2 :] if end >= 0 else b""), False
        buffer += piece


def _more(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionError:
        return b""


def _ended(data: bytes) -> bytes:
    raise EOFError(f"the connection ended before the head did: {data[:200]!r}")


def read_slowly(connection: socket.socket, bytes_per_second: int, seconds: float) -> tuple[int, bool]:
    """Take that many bytes per second for a while; how many came, and whether the server ended it."""
    taken, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            piece = connection.recv(max(1, bytes_per_second // 10))
        except ConnectionError:
            return taken, True
        if not piece:
            return taken, True
        taken += len(piece)
        time.sleep(0.1)
    return taken, False

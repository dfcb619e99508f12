"""Client process: reads one large answer, as fast as it comes or at a rate, and counts its rows: in passing, or
of gzip when the clock has stopped."""

from __future__ import annotations

import json
import socket
import sys
import time
import zlib

from benchmarks.http_bytes import HEAD_END, LAST_CHUNK, chunked_body, refuse_error, request

PIECE = 1 << 20


def read(port: int, path: str, headers: dict[str, str], rate: float | None = None) -> dict[str, float]:
    """Seconds to the first byte of the body and to the end, bytes on the wire, rows. `rate`: bytes per second.

    Raises RuntimeError when the answer is an error or breaks.
    """
    packed = "gzip" in headers.get("Accept-Encoding", "")
    kept: list[bytes] = []
    first = 0.0
    size = braces = 0
    tail = b""
    connection = socket.create_connection(("127.0.0.1", port))
    began = time.perf_counter()
    connection.sendall(request(path, headers, keep=False))
    while piece := connection.recv(PIECE if rate is None else 65_536):
        if not first:
            kept.append(piece)
            head = b"".join(kept)
            if -1 < head.find(HEAD_END) < len(head) - len(HEAD_END):
                first = time.perf_counter() - began
                refuse_error(head)
                braces = head[head.index(HEAD_END) :].count(b"{")
        elif packed:
            kept.append(piece)
        else:
            # Every row is one object without objects in it; all else of the answer has one brace more.
            braces += piece.count(b"{")
        size += len(piece)
        tail = (tail + piece)[-len(LAST_CHUNK) :]
        if rate is not None:
            early = size / rate - (time.perf_counter() - began)
            if early > 0:
                time.sleep(early)
    seconds = time.perf_counter() - began
    if tail != LAST_CHUNK:
        raise RuntimeError(f"the answer broke after {size:,} bytes")
    if packed:
        data = b"".join(kept)
        if b"content-encoding: gzip" not in data[: data.index(HEAD_END)].lower():
            raise RuntimeError("the answer is not gzip")
        braces = _braces(chunked_body(data))
    return {"seconds": seconds, "first": first, "bytes": size, "rows": braces - 1}


def _braces(packed: bytes) -> int:
    unzip, found, rest = zlib.decompressobj(31), 0, packed
    while rest:
        found += unzip.decompress(rest, PIECE).count(b"{")
        rest = unzip.unconsumed_tail
    if not unzip.eof:
        raise RuntimeError("the gzip stream is cut")
    return found


if __name__ == "__main__":
    print(json.dumps(read(**json.loads(sys.stdin.readline()))))

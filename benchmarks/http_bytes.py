"""HTTP/1.1 answers as bytes: where one ends, and what its body is. As little as a client needs that must be fast."""

from __future__ import annotations

HEAD_END = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def request(path: str, headers: dict[str, str], *, keep: bool = True) -> bytes:
    """A GET."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if not keep:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer_end(data: bytes | bytearray) -> int | None:
    """Where the first answer in the data ends; None when it is not whole yet."""
    head_end = data.find(HEAD_END)
    if head_end < 0:
        return None
    head = bytes(data[:head_end]).lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        stop = head.find(b"\r\n", at + 2)
        end = head_end + 4 + int(head[at + 17 : stop if stop >= 0 else len(head)])
        return end if len(data) >= end else None
    if b"\r\ntransfer-encoding: chunked" not in head:
        raise ValueError("an answer without length")
    position = head_end + 4
    while True:
        line_end = data.find(b"\r\n", position)
        if line_end < 0:
            return None
        size = int(data[position:line_end], 16)
        position = line_end + 2 + size + 2
        if len(data) < position:
            return None
        if size == 0:
            return position


def chunked_body(data: bytes) -> bytes:
    """The body behind the head of a whole chunked answer."""
    position = data.index(HEAD_END) + 4
    pieces: list[bytes] = []
    while True:
        line_end = data.index(b"\r\n", position)
        size = int(data[position:line_end], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(data[line_end + 2 : line_end + 2 + size])
        position = line_end + 2 + size + 2


def refuse_error(data: bytes | bytearray) -> None:
    """Raises RuntimeError with the answer's first line and text when it is none of status 200."""
    if data[9:12] != b"200":
        raise RuntimeError("the server answered: " + bytes(data[:600]).decode("utf-8", "replace"))

"""Messages between the API process and a worker: one byte of kind, four of length, then the payload. No pickle.

Sans I/O: both sides feed bytes and take messages, the server from its event loop, a worker from a blocking socket.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

EVENT = b"J"
DATA = b"D"
MAX_PAYLOAD = 256 * 1024 * 1024
_HEAD = struct.Struct("!cI")


@dataclass(frozen=True, slots=True)
class Message:
    """`event`: a JSON object; or, when None, `data`: bytes of the answer."""

    event: dict[str, object] | None
    data: bytes = b""


def event_frame(event: dict[str, object]) -> bytes:
    """The bytes of an event."""
    payload = orjson.dumps(event)
    return _HEAD.pack(EVENT, len(payload)) + payload


def data_head(size: int) -> bytes:
    """What stands before `size` bytes of data."""
    return _HEAD.pack(DATA, size)


class FrameReader:
    """Bytes in, messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> Iterator[Message]:
        """Every message that is complete now. Raises ValueError for bytes that are no frame."""
        self._buffer += received
        while len(self._buffer) >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._buffer)
            if kind not in (EVENT, DATA) or size > MAX_PAYLOAD:
                raise ValueError("not a frame")
            end = _HEAD.size + size
            if len(self._buffer) < end:
                return
            payload = bytes(memoryview(self._buffer)[_HEAD.size : end])
            del self._buffer[:end]
            yield Message(orjson.loads(payload)) if kind == EVENT else Message(None, payload)

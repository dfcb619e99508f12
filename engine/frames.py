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
    """`event`: a JSON object; or, when None, `data`: the next bytes of the answer."""

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
    """Bytes in, messages out: events whole, data in the parts in which it was received, so that no byte of a large
    answer is copied to be put together."""

    def __init__(self) -> None:
        self._received = b""
        self._at = 0
        self._left = 0  # of the data frame that has begun

    def feed(self, received: bytes) -> Iterator[Message]:
        """Every event that is complete now, and all data. Raises ValueError for bytes that are no frame. What a
        caller who stops early has not taken comes first the next time."""
        self._received = self._received[self._at :] + received
        self._at = 0
        while self._at < len(self._received):
            if self._left:
                part = self._received[self._at : self._at + self._left]
                self._left -= len(part)
                self._at += len(part)
                yield Message(None, part)
                continue
            start = self._at + _HEAD.size
            if start > len(self._received):
                return
            kind, size = _HEAD.unpack_from(self._received, self._at)
            if kind not in (EVENT, DATA) or size > MAX_PAYLOAD:
                raise ValueError("not a frame")
            if kind == DATA:
                self._at, self._left = start, size
                continue
            if start + size > len(self._received):
                return
            self._at = start + size
            yield Message(orjson.loads(memoryview(self._received)[start : self._at]))

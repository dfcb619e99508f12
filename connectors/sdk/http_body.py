"""The body of an HTTP answer: taken piece by piece and unpacked here, so that no bomb is ever held in memory."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connectors.sdk.errors import SourceLimitError, SourceProtocolError, SourceTimeoutError, SourceUnavailableError

PIECE_BYTES = 64 << 10
RATIO_FROM_BYTES = 1 << 20


@dataclass(slots=True)
class Allowance:
    """What one scan may still take from its source: seconds of waiting, bytes on the wire, bytes when unpacked."""

    seconds: float
    wire_bytes: int
    decoded_bytes: int
    ratio: float

    def wait(self, since: float) -> None:
        """Count the time since a moment (time.monotonic) as spent waiting for the source."""
        self.seconds -= time.monotonic() - since
        if self.seconds <= 0:
            raise SourceTimeoutError(
                "the source took longer than the connection's total_timeout",
                hint="ask for less by a filter, or raise total_timeout",
            )

    def take(self, wire: int, decoded: int) -> None:
        """Count bytes. SourceLimitError names the cap that was passed."""
        self.wire_bytes -= wire
        self.decoded_bytes -= decoded
        for left, field in ((self.wire_bytes, "max_bytes"), (self.decoded_bytes, "max_decoded_bytes")):
            if left < 0:
                raise SourceLimitError(
                    f"the source sent more than the connection's {field}", hint=f"ask for less, or raise {field}"
                )


def timed_pieces(pieces: Iterator[bytes], allowance: Allowance) -> Iterator[bytes]:
    """The pieces, with the time that each took counted; the time that the consumer takes is not."""
    while True:
        since = time.monotonic()
        piece = next(pieces, None)
        allowance.wait(since)
        if piece is None:
            return
        yield piece


def decoded(pieces: Iterable[bytes], encoding: str, allowance: Allowance) -> Iterator[bytes]:
    """The unpacked body in pieces of at most 64 KB. `encoding`: the Content-Encoding header.

    SourceProtocolError: another encoding than asked for, damaged. SourceUnavailableError: the body was cut.
    SourceLimitError: a cap, or a ratio above the allowance's behind the first megabyte.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        for piece in pieces:
            allowance.take(len(piece), len(piece))
            yield piece
        return
    if name not in ("gzip", "x-gzip", "deflate"):
        raise SourceProtocolError(f"the body is packed as {name[:40]!r}; gzip or deflate was asked for")
    yield from _inflated(pieces, name == "deflate", allowance)


def _inflated(pieces: Iterable[bytes], deflate: bool, allowance: Allowance) -> Iterator[bytes]:
    inflater = None
    wire = unpacked = 0
    for piece in pieces:
        wire += len(piece)
        allowance.take(len(piece), 0)
        rest = piece
        while rest:
            if inflater is None:  # at the start, and behind each member of a gzip file of several
                inflater = zlib.decompressobj(_window(rest, deflate))
            try:
                out = inflater.decompress(rest, PIECE_BYTES)
            except zlib.error:
                raise SourceProtocolError("the packed body is damaged") from None
            unpacked += len(out)
            allowance.take(0, len(out))
            if unpacked > RATIO_FROM_BYTES and unpacked > allowance.ratio * wire:
                raise SourceLimitError(
                    f"the body unpacks to more than {allowance.ratio:g} times its size: it is refused as a bomb",
                    hint="raise max_ratio if the source really answers so",
                )
            if out:
                yield out
            if inflater.eof:
                rest, inflater = inflater.unused_data, None
            else:
                rest = inflater.unconsumed_tail
                if not rest and len(out) == PIECE_BYTES:
                    # zlib may hold more output although it has taken all input.
                    yield from _drained(inflater, allowance)
                    if inflater.eof:
                        rest, inflater = inflater.unused_data, None
    if inflater is not None and not inflater.eof:
        raise SourceUnavailableError("the body ended before its packed content did", hint="ask again")


def _drained(inflater: zlib._Decompress, allowance: Allowance) -> Iterator[bytes]:
    while out := inflater.decompress(b"", PIECE_BYTES):
        allowance.take(0, len(out))
        yield out


def _window(first: bytes, deflate: bool) -> int:
    """zlib's window argument: gzip; or deflate, which servers send both with zlib's header and without."""
    if not deflate:
        return 31
    with_header = first[0] & 0x0F == 8 and first[0] >> 4 <= 7
    return 15 if with_header else -15

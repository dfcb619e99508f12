"""What a worker wrote and the client has not taken yet: some of it in memory, the rest in an unnamed file.

It lets a worker, and the sources behind it, finish before a slow client does. The file is deleted from its directory
when it is made, so nothing stays on disk whatever happens. Past the bound the worker has to wait; what goes to the
file goes there at a pace that leaves others their cores (`server/pace.py`).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path

from server.pace import Pace

MEMORY_BYTES = 1024 * 1024
PIECE_BYTES = 128 * 1024


class ReadAhead:
    """A queue of bytes between one producer and one consumer, both on the event loop."""

    def __init__(self, directory: Path, bound: int, pace: Pace) -> None:
        self._directory = directory
        self._bound = bound
        self._pace = pace
        self._pieces: deque[bytes] = deque()
        self._in_memory = 0
        self._file: int | None = None
        self._read_at = 0
        self._write_at = 0
        self._finished = False
        self._changed = asyncio.Event()
        self.total = 0

    @property
    def waiting(self) -> int:
        """Bytes put and not taken."""
        return self._in_memory + self._write_at - self._read_at

    @property
    def finished(self) -> bool:
        """Whether everything has been put."""
        return self._finished

    async def put(self, data: bytes) -> None:
        """Add bytes; waits while the bound is passed, or the pace, as long as the client has not caught up."""
        while self.waiting and self.waiting + len(data) > self._bound:
            await self._change(None)
        while not self._fits(len(data)) and (seconds := self._pace.wait()):
            await self._change(seconds)
        self.total += len(data)
        if self._fits(len(data)):
            self._pieces.append(data)
            self._in_memory += len(data)
        else:
            self._pace.spend(len(data))
            self._spill(data)
        self._changed.set()

    def _fits(self, size: int) -> bool:
        """Whether a piece stays in memory: nothing lies in the file before it, and there is room."""
        return self._write_at == self._read_at and (not self._in_memory or self._in_memory + size <= MEMORY_BYTES)

    async def _change(self, seconds: float | None) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def finish(self) -> None:
        """No more will be put."""
        self._finished = True
        self._changed.set()

    async def take(self) -> bytes:
        """The next bytes, b"" at the end."""
        while not self.waiting:
            if self._finished:
                return b""
            await self._change(None)
        return self._next()

    def take_now(self) -> bytes | None:
        """The next bytes, b"" at the end; None when they are not there yet."""
        return self._next() if self.waiting else b"" if self._finished else None

    def _next(self) -> bytes:
        data = self._from_memory() if self._pieces else self._from_file()
        self._changed.set()
        return data

    def close(self) -> None:
        """Forget everything."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._pieces.clear()
        self._in_memory = self._read_at = self._write_at = 0
        self._changed.set()

    def _from_memory(self) -> bytes:
        pieces, size = [], 0
        while self._pieces and (size == 0 or size + len(self._pieces[0]) <= PIECE_BYTES):
            piece = self._pieces.popleft()
            pieces.append(piece)
            size += len(piece)
        self._in_memory -= size
        return b"".join(pieces) if len(pieces) > 1 else pieces[0]

    def _from_file(self) -> bytes:
        assert self._file is not None
        data = os.pread(self._file, PIECE_BYTES, self._read_at)
        self._read_at += len(data)
        if self._read_at == self._write_at:
            os.ftruncate(self._file, 0)
            self._read_at = self._write_at = 0
        return data

    def _spill(self, data: bytes) -> None:
        if self._file is None:
            handle, name = tempfile.mkstemp(dir=self._directory, prefix="read-ahead-")
            Path(name).unlink()
            self._file = handle
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, self._write_at)
            self._write_at += written
            view = view[written:]

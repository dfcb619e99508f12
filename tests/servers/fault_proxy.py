"""A TCP proxy between a client and a server of the tests, with faults that can be switched while it runs.

    with start_fault_proxy(server.host, server.port) as proxy:
        connect(proxy.host, proxy.port)
        proxy.set(Faults(reset_after=10_000))

All faults act on what the server sends to the client; silence, latency and refusal act on both directions.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType

CHUNK = 65_536
TICK = 0.05  # seconds; a limited rate is kept in steps of this length
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends RST in place of FIN


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong; the default is nothing. Bytes are counted per connection, from its start.

    refuse: new connections are refused (the present ones go on). reset_at_once: RST to a new connection
    before its first byte. reset_after, truncate_after: RST or FIN to the client after that many bytes.
    They act with the next byte that passes. bytes_per_second: the most that passes. silent: nothing passes,
    nothing is closed. latency: seconds that each read of up to 64 KB waits, so that it limits the rate
    as a window of that size does.
    """

    refuse: bool = False
    reset_at_once: bool = False
    reset_after: int | None = None
    truncate_after: int | None = None
    bytes_per_second: float | None = None
    silent: bool = False
    latency: float = 0.0


class FaultProxy:
    """A running proxy on a free port of 127.0.0.1. Close it, or use it in `with`."""

    def __init__(self, upstream_host: str, upstream_port: int) -> None:
        self.host = "127.0.0.1"
        self.upstream = (upstream_host, upstream_port)
        self.faults = Faults()
        self.accepted = 0
        self.bytes_to_client = 0
        self.connections: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._listener = bound_socket(0)
        self._listening = False
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._thread.start()
        self._run(self._apply(Faults()))

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self.connections)

    def set(self, faults: Faults) -> None:
        """Switch to these faults, for present and new connections."""
        self._run(self._apply(faults))

    def cut(self) -> None:
        """Reset every present connection, on both sides; new ones are served as before."""
        self._run(self._end_connections())

    def close(self) -> None:
        """End all connections and the thread, free the port; does nothing the second time."""
        if self._loop.is_closed():
            return
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _apply(self, faults: Faults) -> None:
        self.faults = faults
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()
        if faults.refuse and self._listening:
            # A port that is bound and does not listen refuses, and nobody else can take it meanwhile.
            self._stop_listening()
            self._listener = bound_socket(self.port)
        elif not faults.refuse and not self._listening:
            self._listener.listen(128)
            self._loop.add_reader(self._listener, self._accept)
            self._listening = True

    def _stop_listening(self) -> None:
        self._loop.remove_reader(self._listener)
        self._listener.close()  # the kernel resets connections that were not accepted yet
        self._listening = False

    def _accept(self) -> None:
        """Take one connection. By hand: asyncio's Server loses one that is accepted while it closes."""
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:  # the client left between the event and now
            return
        client.setblocking(False)
        self.accepted += 1
        task = self._loop.create_task(self._carry(client))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)

    async def _close(self) -> None:
        self._stop_listening()
        await self._end_connections()

    async def _end_connections(self) -> None:
        await asyncio.sleep(0)  # a task that is cancelled before its first step would not close its socket
        ending = list(self.connections)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _carry(self, client: socket.socket) -> None:
        """One connection from its start to its end."""
        writer = None
        try:
            reader, writer = await asyncio.open_connection(sock=client, limit=CHUNK)
            await self._serve(reader, writer)
            writer.close()
        except (OSError, asyncio.CancelledError, _Reset):  # one side is gone, or we end it: the client sees RST
            if writer is None:
                reset_on_close(client)
            else:
                reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until both directions have ended."""
        if self.faults.reset_at_once:
            await asyncio.sleep(TICK)  # else connect() itself may fail, which is another fault
            raise _Reset
        while self.faults.silent:
            await self._changed.wait()
        from_server, to_server = await asyncio.open_connection(*self.upstream, limit=CHUNK)
        up = asyncio.create_task(self._pass_all(reader, to_server))
        down = asyncio.create_task(self._pass_to_client(from_server, writer))
        try:
            await asyncio.gather(up, down)
        except _Truncated:
            reset(to_server)
            up.cancel()
            await asyncio.wait([up])
            writer.write_eof()
            while await reader.read(CHUNK):  # reading on: closing with unread bytes would be a reset
                continue
        finally:
            reset(to_server)  # first: this task may be cancelled while it waits for the two
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _pass_all(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """From the client to the server, until the client has ended its side."""
        while chunk := await source.read(CHUNK):
            await self._hold()
            target.write(chunk)
            await target.drain()
        target.write_eof()

    async def _pass_to_client(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """From the server to the client, under the faults of each moment. Raises _Reset, _Truncated."""
        passed = 0
        while chunk := await source.read(CHUNK):
            await self._hold()
            while chunk:
                while self.faults.silent:
                    await self._changed.wait()
                faults = self.faults
                size = len(chunk)
                if faults.bytes_per_second is not None:
                    size = min(size, max(1, int(faults.bytes_per_second * TICK)))
                for end in (faults.reset_after, faults.truncate_after):
                    if end is not None:
                        size = min(size, max(0, end - passed))
                target.write(chunk[:size])
                await target.drain()
                passed += size
                self.bytes_to_client += size
                chunk = chunk[size:]
                if faults.reset_after is not None and passed >= faults.reset_after:
                    await asyncio.sleep(TICK)  # let the bytes leave: a reset discards what is unread
                    raise _Reset
                if faults.truncate_after is not None and passed >= faults.truncate_after:
                    raise _Truncated
                if faults.bytes_per_second is not None:
                    with contextlib.suppress(TimeoutError):  # switching the faults ends the wait
                        await asyncio.wait_for(self._changed.wait(), size / faults.bytes_per_second)
        while self.faults.silent:
            await self._changed.wait()
        target.write_eof()

    async def _hold(self) -> None:
        """Wait as latency and silence ask."""
        if self.faults.latency:
            await asyncio.sleep(self.faults.latency)
        while self.faults.silent:
            await self._changed.wait()


class _Reset(Exception):
    """The fault says: RST to the client now."""


class _Truncated(Exception):
    """The fault says: FIN to the client now."""


def start_fault_proxy(upstream_host: str, upstream_port: int) -> FaultProxy:
    """Start a proxy to that server on a free port of 127.0.0.1, without faults."""
    return FaultProxy(upstream_host, upstream_port)


def bound_socket(port: int) -> socket.socket:
    """A socket bound to the port (0: a free one), not listening."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    bound.setblocking(False)
    return bound


def reset(writer: asyncio.StreamWriter) -> None:
    """Close at once with RST; without effect on one that is closed."""
    reset_on_close(writer.get_extra_info("socket"))
    writer.transport.abort()


def reset_on_close(connection: socket.socket) -> None:
    """Make closing this socket send RST in place of FIN; without effect on one that is closed."""
    if connection.fileno() != -1:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

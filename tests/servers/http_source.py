"""A small real HTTP server for tests of REST sources: scripted routes, a log of what was asked.

    with start_http_source() as source:
        source.route("/parts", json_rows([{"id": 1}]))
        httpx.get(source.url("/parts"))
        assert source.requests[0].path == "/parts"

Replies, well-behaved and not, are built by the functions in `http_replies.py`.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends RST in place of FIN


class Ending(StrEnum):
    """How the connection ends after the body: kept as HTTP says, closed too early, or reset."""

    PROPER = "proper"
    TRUNCATED = "truncated"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in; header names in lower case, `at` in seconds of time.monotonic()."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer. Without `length` the body is sent chunked; `pause` is in seconds, before each chunk."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] = ()
    length: int | None = None
    pause: float = 0.0
    ending: Ending = Ending.PROPER


Handler = Callable[[Request], Reply]


class HttpSource:
    """A running server; every request runs in a thread of its own. Close it, or use it in `with`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self.closing = threading.Event()
        self.routes: dict[str, Handler] = {}
        self.connections: set[socket.socket] = set()
        self._server = Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._server.server_port

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self.connections)

    def url(self, path: str = "/") -> str:
        """The address of a path."""
        return self.origin + path

    def route(self, path: str, handler: Handler) -> None:
        """Answer this path by the handler, from now on; a path that ends in `/*` stands for all below it."""
        self.routes[path] = handler

    def answer(self, request: Request) -> Reply:
        """The reply of the most exact route; 404 when there is none."""
        handler = self.routes.get(request.path)
        if handler is None:
            prefixes = [p for p in self.routes if p.endswith("/*") and request.path.startswith(p[:-1])]
            if not prefixes:
                return Reply(404, {"Content-Type": "application/json"}, [b'{"error":"no such path"}'], 24)
            handler = self.routes[max(prefixes, key=len)]
        return handler(request)

    def close(self) -> None:
        """Cut all connections, end all threads, free the port. Raises what a handler raised, if any did."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        for connection in list(self.connections):
            cut(connection)
        self._server.server_close()
        if self.errors:
            raise ExceptionGroup(
                "A handler of the HTTP source failed", [e for e in self.errors if isinstance(e, Exception)]
            )

    def __enter__(self) -> HttpSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_http_source() -> HttpSource:
    """Start a server without routes on a free port of 127.0.0.1."""
    return HttpSource()


def cut(connection: socket.socket) -> None:
    """Wake the thread that reads or writes this connection; it closes it then."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already closed by the other side: its thread is on its way out


class Server(ThreadingHTTPServer):
    """The threaded server of the standard library, knowing its source and its open connections."""

    daemon_threads = False  # so that server_close() waits for them
    block_on_close = True
    request_queue_size = 128

    def __init__(self, source: HttpSource) -> None:
        self.source = source
        super().__init__(("127.0.0.1", 0), Connection)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close a connection; one that is to be reset without the FIN that shutdown() would send first."""
        assert isinstance(request, socket.socket)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET_ON_CLOSE)) == RESET_ON_CLOSE:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what went wrong; a client that left early is not an error of ours."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self.source.errors.append(error)


class Connection(BaseHTTPRequestHandler):
    """One client connection: reads requests, writes the replies of the routes."""

    protocol_version = "HTTP/1.1"
    server: Server
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Count the connection."""
        super().setup()
        self.server.source.connections.add(self.connection)

    def finish(self) -> None:
        """Stop counting it."""
        self.server.source.connections.discard(self.connection)
        super().finish()

    def handle_any(self) -> None:
        """Log the request, answer it."""
        address = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=address.path,
            query=dict(parse_qsl(address.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            at=time.monotonic(),
        )
        self.server.source.requests.append(request)
        self.send(self.server.source.answer(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any

    def send(self, reply: Reply) -> None:
        """Write the reply, chunk by chunk, and end the connection as it says."""
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        chunked = reply.length is None and self.request_version == "HTTP/1.1"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.length is None:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(reply.length))
        self.end_headers()
        for chunk in reply.chunks if self.command != "HEAD" else ():
            if self.server.source.closing.wait(reply.pause) if reply.pause else self.server.source.closing.is_set():
                self.close_connection = True
                return
            if chunk:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
        if reply.ending is Ending.PROPER:
            if chunked and self.command != "HEAD":
                self.wfile.write(b"0\r\n\r\n")
            return
        self.close_connection = True
        if reply.ending is Ending.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the log is `HttpSource.requests`."""

"""The server: one ASGI application. Data routes are plain ASGI; FastAPI serves the admin API and its documents.

/healthz /readyz /metrics                        of the process
/odata/{workspace}/…  /odata/key/{key}/{workspace}/…
/api/v1/{workspace}/data/{publication}           REST
/api/v1/{workspace}/openapi.json                 what this key may read
/api/v1/{workspace}/sql                          POST a SELECT
/api/v1/{workspace}/…                            the admin API
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson
import uvicorn

from catalog.errors import CatalogError
from catalog.run_log import RunLog
from catalog.scope import Scope
from engine.isolation import level, protect_api_process
from server.admin_app import admin_app
from server.answer import Answer, RequestContext
from server.base_url import base_url
from server.credentials import Credentials, key_in
from server.errors import (
    BodyError,
    MethodError,
    PathError,
    RequestSizeError,
    error_body,
    error_fields,
    error_headers,
    status_of,
)
from server.odata.remembered import RememberedAnswers
from server.odata.routes import Document
from server.protocol import GuardedProtocol
from server.receipt import run_record
from server.request import Request, reset, takes_at_once
from server.request_log import LOGGER, Metrics, configure_logging
from server.rest.openapi import openapi_json
from server.rest.routes import rest_answer
from server.settings import Settings
from server.sql.to_query import sql_answer
from server.state import ServerState
from server.statistics_keeper import StatisticsKeeper
from server.streaming import BrokenAnswerError, Client, Receive, Send, Streaming

_ODATA = re.compile(rb"/odata(?:/key/(?P<key>[^/]+))?/(?P<workspace>[^/]+)(?P<rest>/.*)?")
_API = re.compile(rb"/api/v1/(?P<workspace>[^/]+)/(?P<what>data|openapi\.json|sql)(?:/(?P<name>[^/]+))?")
_ADMIN = re.compile(rb"/api/v1/(?P<workspace>[^/]+)/.+")
_RUNS = re.compile(rb"/api/v1/[^/]+/runs(?:/[^/]*)?")
_DOCUMENTS = (b"/docs", b"/api/openapi.json")


class Application:
    """The ASGI callable, and what it needs for its whole life."""

    def __init__(self, state: ServerState) -> None:
        self.state = state
        self.credentials = Credentials(state.store)
        self.streaming = Streaming(state.engine, state.settings, state.store.engine)
        self.metrics = Metrics(state.engine.pool, self.streaming.budgets)
        self.statistics = StatisticsKeeper(state, self.streaming.budgets)
        self.runs = RunLog(state.store)
        self._admin = admin_app(state)
        self._remembered = RememberedAnswers()
        self._stopping = False

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while not self._stopping:
            if (await receive())["type"] == "lifespan.startup":
                gc.collect()
                gc.freeze()
                self.statistics.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                self._stopping = True
                await self.statistics.stop()
                for close in (self.runs.close, self.streaming.budgets.close, self.state.close):
                    await asyncio.to_thread(close)
                await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Any, receive: Receive, send: Send) -> None:
        started, began = time.time(), time.monotonic()
        request = Request(
            scope,
            receive,
            send,
            secrets.token_hex(12),
            scope.get("raw_path") or scope["path"].encode(),
            scope["query_string"],
            dict(scope["headers"]),
        )
        try:
            await self._route(request)
        except BrokenAnswerError:
            transport = scope.get("viewloom.transport")
            if transport is not None:
                transport.close()
        except Exception as error:
            await self._fail(request, error)
        finally:
            self._record(request, started, time.monotonic() - began)

    async def _route(self, request: Request) -> None:
        limit = self.state.settings.max_url_bytes
        if len(request.path) + len(request.query) > limit:
            raise RequestSizeError(f"the URL is longer than {limit:,} bytes", hint="use POST …/sql for long queries")
        path = request.path
        if path in (b"/healthz", b"/readyz", b"/metrics", b"/"):
            request.route = path.decode()
            await self._of_process(request)
        elif match := _ODATA.fullmatch(path):
            request.protocol, request.route = "odata", "/odata/{workspace}"
            await self._odata(request, match)
        elif match := _API.fullmatch(path):
            await self._api(request, match)
        elif path in _DOCUMENTS or path.startswith(b"/docs/"):
            request.route = "/docs"
            await self._admin(request.scope, request.receive, request.send)
        elif match := _ADMIN.fullmatch(path):
            await self._administer(request, match)
        else:
            raise PathError("nothing is at this path", hint="start at /docs, or at /odata/{workspace}/")

    async def _odata(self, request: Request, match: re.Match[bytes]) -> None:
        if request.method not in ("GET", "HEAD"):
            raise MethodError("Viewloom's OData services are read-only", hint="use GET")
        in_path = match["key"]
        prefix = f"/odata/key/{in_path.decode('latin-1')}" if in_path else ""
        key = unquote(in_path.decode("latin-1")) if in_path else key_in(request.headers, request.query)
        workspace = match["workspace"].decode("latin-1")
        context = await self._context(request, key, workspace, prefix)
        raw_path = match["rest"] or b"/"
        answer = self._remembered.answer(context, raw_path, request.query, request.text_headers())
        if isinstance(answer, Document):
            headers = [(b"content-type", answer.content_type.encode())]
            headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]
            await self._respond(request, 200, answer.body, headers)
        else:
            await self._stream(request, context, answer)

    async def _api(self, request: Request, match: re.Match[bytes]) -> None:
        what, name = match["what"].decode(), match["name"]
        workspace = match["workspace"].decode("latin-1")
        request.protocol = "sql" if what == "sql" else "rest"
        request.route = f"/api/v1/{{workspace}}/{what}"
        wanted = "POST" if what == "sql" else "GET"
        if request.method not in ((wanted, "HEAD") if wanted == "GET" else (wanted,)):
            raise MethodError(f"this path takes {wanted}", hint=f"use {wanted}")
        key = key_in(request.headers, request.query)
        context = await self._context(request, key, workspace)
        headers = request.text_headers()
        if what == "openapi.json" and name is None:
            await self._respond(request, 200, openapi_json(context), [(b"content-type", b"application/json")])
        elif what == "sql" and name is None:
            body = await self._body(request)
            asked = parse_qs(request.query.decode("latin-1")).get("format", [None])[0]
            answer = sql_answer(context, body, headers.get("content-type", ""), headers.get("accept", ""), asked)
            await self._stream(request, context, answer)
        elif what == "data" and name is not None:
            answer = rest_answer(
                context,
                unquote(name.decode("latin-1")),
                request.query,
                headers.get("accept", ""),
                headers.get("prefer", ""),
            )
            await self._stream(request, context, answer)
        else:
            raise PathError("nothing is at this path", hint="data is at /api/v1/{workspace}/data/{publication}")

    async def _administer(self, request: Request, match: re.Match[bytes]) -> None:
        request.protocol, request.route = "admin", "/api/v1/{workspace}/…"
        workspace = match["workspace"].decode("latin-1")
        context = await self._context(request, key_in(request.headers, request.query), workspace)
        request.scope.setdefault("state", {})
        request.scope["state"]["scope"] = context.scope
        request.scope["state"]["run_id"] = request.run_id
        body = await self._body(request)
        if request.method == "GET" and _RUNS.fullmatch(request.path):
            await asyncio.to_thread(self._write_runs)  # who asks for his own last run must find it
        sent = False

        async def once() -> dict[str, Any]:
            nonlocal sent
            if sent:
                return dict(await request.receive())
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def answered(message: Any) -> None:
            if message["type"] == "http.response.start":
                request.outcome.http_status = message["status"]
                own = ((b"cache-control", b"private, no-store"), (b"viewloom-run", request.run_id.encode()))
                message["headers"] = [*message["headers"], *own]
            await request.send(message)

        try:
            await self._admin(request.scope, once, answered)
        finally:
            if request.method not in ("GET", "HEAD"):
                self.credentials.forget()

    def _write_runs(self) -> None:
        with contextlib.suppress(CatalogError):  # else they stay waiting
            self.runs.flush()

    async def _context(self, request: Request, key: str | None, workspace: str, prefix: str = "") -> RequestContext:
        """Who asks, and the catalog as it is for them. A workspace of others looks like none."""
        scope, record = await self.credentials.scope(key)
        request.principal = scope
        if scope.workspace != workspace:
            raise PathError(f"there is no workspace {workspace[:64]!r} for this key")
        self.runs.key_used(record)
        catalog = await self.credentials.catalog(scope)
        url = base_url(request.scope, request.headers, self.state.settings.trusted_proxies)
        context = RequestContext(scope, catalog, url + prefix, request.run_id, request.protocol)
        request.context = context
        return context

    async def _stream(self, request: Request, context: RequestContext, answer: Answer) -> None:
        request.publications = answer.publications
        transport = request.scope.get("viewloom.transport")
        encodings = request.headers.get(b"accept-encoding", b"").lower()
        client = Client(
            request.scope["http_version"],
            b"gzip" in encodings and b"gzip;q=0" not in encodings.replace(b" ", b""),
            request.method == "HEAD",
            request.receive,
            request.send,
            lambda: reset(transport),
            lambda: takes_at_once(transport),
        )
        await self.streaming.respond(context, answer, client, request.outcome)

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(self.state.settings.header_timeout):
                return await self._whole_body(request)
        except TimeoutError:
            # The rest would still drip in: the connection goes, too.
            asyncio.get_running_loop().call_later(1.0, request.scope["viewloom.transport"].abort)
            raise BodyError("the body did not arrive in time", hint="send the whole request at once") from None

    async def _whole_body(self, request: Request) -> bytes:
        limit = self.state.settings.max_body_bytes
        pieces, size = [], 0
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise PathError("the client went away")
            piece = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise RequestSizeError(f"the body is larger than {limit:,} bytes")
            pieces.append(piece)
            if not message.get("more_body"):
                return b"".join(pieces)

    async def _of_process(self, request: Request) -> None:
        """Health, readiness, numbers, and a word at the root."""
        pool = self.state.engine.pool.state()
        plain = [(b"content-type", b"application/json")]
        if request.path == b"/metrics":
            await self._respond(request, 200, self.metrics.text(), [(b"content-type", b"text/plain; version=0.0.4")])
        elif request.path == b"/readyz":
            uid = self.state.settings.worker_uid
            ready = not self._stopping and pool["workers"] > 0
            body = {
                "ready": ready,
                "isolation": level(uid if uid >= 0 else None),
                "workers": pool,
                "runs": {"dropped": self.runs.counts().dropped},
            }
            await self._respond(request, 200 if ready else 503, orjson.dumps(body), plain)
        elif request.path == b"/healthz":
            await self._respond(request, 200, b'{"status":"ok"}', plain)
        else:
            body = {"name": "Viewloom", "docs": "/docs", "odata": "/odata/{workspace}/"}
            body |= {"rest": "/api/v1/{workspace}/"}
            await self._respond(request, 200, orjson.dumps(body), plain)

    async def _respond(self, request: Request, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        request.outcome.http_status = status
        headers = [
            *headers,
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"private, no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"viewloom-run", request.run_id.encode()),
        ]
        await request.send({"type": "http.response.start", "status": status, "headers": headers})
        await request.send(
            {"type": "http.response.body", "body": b"" if request.method == "HEAD" else body, "more_body": False}
        )

    async def _fail(self, request: Request, error: Exception) -> None:
        fields = error_fields(error)
        outcome = request.outcome
        if outcome.status == "ok":
            outcome.status = "error"
        outcome.error = outcome.error or str(fields["code"])
        if fields["code"] == "internal":
            LOGGER.error("request failed", exc_info=error, extra={"run": request.run_id})
        headers = [(b"content-type", b"application/json"), *error_headers(error)]
        if request.protocol == "odata":
            headers.append((b"odata-version", b"4.0"))
        status = status_of(error)
        await self._respond(request, status, error_body(error, request.protocol, request.run_id), headers)

    def _record(self, request: Request, started: float, seconds: float) -> None:
        """One log line, numbers, and the run record of a query."""
        outcome, scope = request.outcome, request.principal
        if isinstance(scope, Scope) and request.context is not None and outcome.statement:
            self.runs.add(run_record(request.context, request.publications, outcome, started))
        if outcome.status in ("broken", "cancelled"):
            self.metrics.broken.labels(outcome.error or "unknown").inc()
        self.metrics.count(request.protocol, outcome.http_status, seconds)
        self.metrics.rows.inc(outcome.rows)
        self.metrics.source_rows.inc(sum(source.rows for source in outcome.sources))
        LOGGER.info(
            "request",
            extra={
                "run": request.run_id,
                "request": request.request_id,
                "method": request.method,
                "route": request.route,
                "status": outcome.http_status,
                "outcome": outcome.status,
                "error": outcome.error,
                "tenant": scope.tenant if scope else "",
                "workspace": scope.workspace if scope else "",
                "principal": scope.principal if scope else "",
                "publications": list(request.publications),
                "seconds": round(seconds, 4),
                "rows": outcome.rows,
                "bytes": outcome.bytes,
            },
        )


def serve(state: ServerState, on_start: Callable[[], None] | None = None) -> None:
    """Run the server until it is told to stop. `on_start` is called when the port is open."""
    settings = state.settings
    configure_logging(settings.log_level)
    protect_api_process()
    _Server(server_config(state, settings), on_start).run()


class _Server(uvicorn.Server):
    """uvicorn's server; says once when its port is open."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._on_start is not None:
            self._on_start()


def server_config(state: ServerState, settings: Settings) -> uvicorn.Config:
    """uvicorn's settings for an application over `state`."""
    protocol = type("Protocol", (GuardedProtocol,), {"header_timeout": settings.header_timeout})
    return uvicorn.Config(
        Application(state),
        host=settings.host,
        port=settings.port,
        http=protocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=15,
        backlog=2048,
    )

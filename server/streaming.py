"""An `Answer` on the wire: plan, run, and bytes to the client as they come.

A client that goes away is noticed from the request's first byte on. What fails before the head is an error with a
status; what fails after it breaks the response: the chunked body gets no terminator, so no client can take a cut
answer for a whole one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine as CatalogEngine

from catalog.records import Limits
from engine.encoders.encoding import Format
from engine.engine import Engine, Prepared
from engine.errors import DeadlineError, EngineError, QueryCancelledError
from engine.job import Job
from engine.query import Query
from server.answer import Answer, RequestContext
from server.budgets import Budgets, BudgetSettings
from server.errors import AnswerHeldError, PathError, ServerError
from server.pace import Pace
from server.read_ahead import ReadAhead
from server.receipt import Outcome, account
from server.run import Run
from server.settings import Settings
from server.shared_budgets import SharedBudgets

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WHOLE_BYTES = 128 * 1024
WHOLE_SECONDS = 0.003  # a small answer's end is on its way: worth waiting for, to send it with a Content-Length


class BrokenAnswerError(Exception):
    """The answer broke after its head; the connection must be closed without ending the body."""


@dataclass(frozen=True, slots=True)
class Client:
    """What matters of the client: its HTTP version, whether it takes gzip, whether it wants the head only (HEAD),
    its connection's way out, and whether a small piece would be taken without waiting."""

    http_version: str
    gzip: bool
    head_only: bool
    receive: Receive
    send: Send
    abort: Callable[[], None]
    takes_at_once: Callable[[], bool] = lambda: False


class Streaming:
    """Runs answers. One object per server; nothing of a request outlives it."""

    def __init__(self, engine: Engine, settings: Settings, catalog: CatalogEngine | None = None) -> None:
        """`catalog`: the metadata database, when other API processes may work over it, too."""
        self._engine = engine
        self._settings = settings
        self._pace = Pace(settings.read_ahead_rate)
        self.budgets = Budgets(
            BudgetSettings(
                settings.connection_statements,
                settings.connection_reserved,
                settings.connection_queue_length,
                settings.connection_queue_share,
                settings.queue_timeout,
                settings.breaker_failures,
                settings.breaker_seconds,
            ),
            shared=SharedBudgets(catalog),
        )

    async def respond(self, context: RequestContext, answer: Answer, client: Client, outcome: Outcome) -> None:
        """Send the whole response. Raises what failed before the head, BrokenAnswerError for what failed after it."""
        started = time.monotonic()
        gone = asyncio.create_task(_gone(client.receive))
        run: Run | None = None
        prepared: Prepared
        counting: Prepared | None
        ahead = ReadAhead(self._settings.data_directory, self._settings.read_ahead_mb * 1024 * 1024, self._pace)
        try:
            job, prepared, counting = await self._plan(context, answer, client, gone)
            outcome.seconds_planned = time.monotonic() - started
            outcome.statement = prepared.shape
            limit = answer.limits.timeout or self._settings.query_timeout
            open_for = min(limit, answer.limits.max_source_time or self._settings.max_source_time)
            run = Run(
                self._engine,
                job,
                context.scope,
                context.catalog.connections,
                prepared.plan.small,
                ahead,
                self.budgets,
                self._settings.queue_timeout,
                deadline=started + open_for,
            )
            run.start()
            if prepared.plan.small:
                self._pace.asked()
            head = await _first(run.head, gone)
            outcome.seconds_to_head = time.monotonic() - started
            outcome.seconds_queued = run.seconds_queued
            if answer.empty_is_missing and head["empty"]:
                if head["count"]:
                    # The entity is there and its property is null (OData Protocol 11.2.4).
                    outcome.http_status = 204
                    await _no_content(answer, run, client)
                    return
                raise PathError("there is no such entity", hint="no row has this key")
            await self._send(answer, head, run, client, gone, outcome)
        except (EngineError, ServerError) as error:
            outcome.status = "cancelled" if isinstance(error, QueryCancelledError) else "error"
            outcome.error = error.code
            raise
        finally:
            gone.cancel()
            if run is not None:
                await run.cancel()
                account(outcome, run.result, prepared, counting)
                if outcome.status == "ok" and isinstance(run.error, DeadlineError):
                    outcome.status, outcome.error = "broken", run.error.code
            ahead.close()

    async def _plan(
        self, context: RequestContext, answer: Answer, client: Client, gone: asyncio.Task[None]
    ) -> tuple[Job, Prepared, Prepared | None]:
        prepared = await self._prepared(answer.query, context, gone)
        count = (await self._prepared(answer.count, context, gone), answer.count) if answer.count else None
        encoding = answer.encoding if answer.encoding.names else replace(answer.encoding, names=prepared.names)
        if client.gzip and encoding.format not in (Format.PARQUET, Format.XLSX):
            encoding = replace(encoding, gzip=True)
        job = self._engine.run_job(
            prepared,
            answer.query,
            context.catalog,
            encoding,
            context.run_id,
            answer.limits,
            count,
            self._settings.cpu_seconds,
        )
        return job, prepared, count[0] if count else None

    async def _prepared(self, query: Query, context: RequestContext, gone: asyncio.Task[None]) -> Prepared:
        readable = context.scope.publications
        found = self._engine.cached(query, context.catalog, readable)
        if found is not None:
            return found
        planning = asyncio.to_thread(self._engine.prepare, query, context.catalog, readable)
        prepared: Prepared = await _first(planning, gone)
        return prepared

    async def _send(
        self,
        answer: Answer,
        head: dict[str, Any],
        run: Run,
        client: Client,
        gone: asyncio.Task[None],
        outcome: Outcome,
    ) -> None:
        limits = self._limits(answer.limits)
        headers = _headers(answer, head, run, client, outcome)
        if client.head_only:
            # The rest of the answer is not wanted: leaving ends the run.
            await client.send({"type": "http.response.start", "status": 200, "headers": headers})
            await client.send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        first = run.ahead.take_now()
        if first is None:
            first = await _first(run.ahead.take(), gone)
        if len(first) <= WHOLE_BYTES:
            await run.ended(WHOLE_SECONDS)
        whole = run.ahead.finished and not run.ahead.waiting and len(first) <= WHOLE_BYTES
        if whole and run.error is None:
            headers.append((b"content-length", str(len(first)).encode()))
        elif client.http_version == "1.0":
            first = await self._held(first, run, gone)
            headers.append((b"content-length", str(len(first)).encode()))
        if run.error is not None and run.ahead.finished and not outcome.bytes:
            raise run.error  # nothing has been sent: it can still be an error with a status
        await client.send({"type": "http.response.start", "status": 200, "headers": headers})
        if whole and client.takes_at_once():
            # Nothing stands before it on this connection, so nothing has to be waited for.
            await client.send({"type": "http.response.body", "body": first, "more_body": False})
            outcome.bytes += len(first)
            return
        rate = ClientRate(limits.min_client_rate or 0, self._settings.client_grace)
        piece = first
        while piece:
            await self._send_piece(piece, rate, client, gone, outcome)
            piece = await _broken_by(_first(run.ahead.take(), gone), outcome)
        if run.error is not None:
            outcome.status, outcome.error = "broken", run.error.code
            raise BrokenAnswerError(run.error.code) from run.error
        await client.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_piece(
        self, piece: bytes, rate: ClientRate, client: Client, gone: asyncio.Task[None], outcome: Outcome
    ) -> None:
        """Send one piece; a client that takes less than its least rate loses the answer."""
        sending = asyncio.ensure_future(client.send({"type": "http.response.body", "body": piece, "more_body": True}))
        began = time.monotonic()
        done, _ = await asyncio.wait(
            {sending, gone}, timeout=rate.patience(len(piece)), return_when=asyncio.FIRST_COMPLETED
        )
        if sending in done:
            await sending
            rate.took(len(piece), time.monotonic() - began)
            outcome.bytes += len(piece)
            return
        sending.cancel()
        if gone in done:
            outcome.status, outcome.error = "cancelled", QueryCancelledError.code
        else:
            outcome.status, outcome.error = "broken", "client_rate"
        client.abort()
        raise BrokenAnswerError(outcome.error)

    async def _held(self, first: bytes, run: Run, gone: asyncio.Task[None]) -> bytes:
        """The whole answer for a client that can't see a broken one: HTTP/1.0 ends a body by closing."""
        bound = self._settings.buffered_answer_mb * 1024 * 1024
        pieces, size = [first], len(first)
        while piece := await _first(run.ahead.take(), gone):
            pieces.append(piece)
            size += len(piece)
            if size > bound:
                raise AnswerHeldError(
                    "the answer is too large for HTTP/1.0, which can't tell a broken answer from a whole one",
                    hint="use HTTP/1.1; behind nginx set: proxy_http_version 1.1",
                )
        return b"".join(pieces)

    def _limits(self, limits: Limits) -> Limits:
        rate = self._settings.min_client_rate if limits.min_client_rate is None else limits.min_client_rate
        return replace(limits, min_client_rate=rate)


@dataclass(slots=True)
class ClientRate:
    """How fast a client takes its answer, against the least that it must. `grace`: seconds that it may pause."""

    least: int
    grace: float
    taken: int = 0
    seconds: float = 0.0

    def patience(self, size: int) -> float | None:
        """How long the next `size` bytes may take; what it was faster before counts for it."""
        if not self.least:
            return None
        owed = (self.taken + size) / self.least - self.seconds
        return self.grace + max(0.0, min(owed, 600.0))

    def took(self, size: int, seconds: float) -> None:
        self.taken += size
        self.seconds += seconds


async def _gone(receive: Receive) -> None:
    """Ends when the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def _first(wanted: Any, gone: asyncio.Task[None]) -> Any:
    """The awaited value, or QueryCancelledError when the client goes first; then `wanted` is cancelled."""
    task = asyncio.ensure_future(wanted)
    if task.done():
        return task.result()
    done, _ = await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    if task in done:
        return task.result()
    task.cancel()
    raise QueryCancelledError("the caller went away")


async def _broken_by(piece: Awaitable[bytes], outcome: Outcome) -> bytes:
    """The next piece; a client that went while it was awaited ends the answer without a word."""
    try:
        return await piece
    except QueryCancelledError as error:
        outcome.status, outcome.error = "cancelled", error.code
        raise BrokenAnswerError(error.code) from None


async def _no_content(answer: Answer, run: Run, client: Client) -> None:
    headers = [(b"cache-control", b"private, no-store"), (b"viewloom-run", run.job.run.encode())]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]
    await client.send({"type": "http.response.start", "status": 204, "headers": headers})
    await client.send({"type": "http.response.body", "body": b"", "more_body": False})


def _headers(
    answer: Answer, head: dict[str, Any], run: Run, client: Client, outcome: Outcome
) -> list[tuple[bytes, bytes]]:
    timing = ", ".join(
        f"{name};dur={seconds * 1000:.1f}"
        for name, seconds in (
            ("plan", outcome.seconds_planned),
            ("queue", outcome.seconds_queued),
            ("head", outcome.seconds_to_head),
        )
    )
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"cache-control", b"private, no-store"),
        (b"vary", b"Accept, Accept-Encoding, Authorization"),
        (b"x-content-type-options", b"nosniff"),
        (b"viewloom-run", run.job.run.encode()),
        (b"server-timing", timing.encode()),
    ]
    if run.job.encoding is not None and run.job.encoding.gzip:
        headers.append((b"content-encoding", b"gzip"))
    if head["next"] is not None:
        headers.append((b"link", f'<{head["next"]}>; rel="next"'.encode()))
    if head["count"] is not None and answer.count_header:
        headers.append((answer.count_header.lower().encode(), str(head["count"]).encode()))
    return headers + [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]

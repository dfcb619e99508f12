"""Pages asked for ahead and side by side: the same rows, in order, from a source that is never asked for more at once
than it may be."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from connectors.rest import Rest
from connectors.sdk.errors import (
    ConnectorError,
    ScanCancelledError,
    SourceDataError,
    SourceLoginError,
    SourceProtocolError,
    SourceUnavailableError,
)
from connectors.sdk.scan import ScanRequest, TableName
from tests.connectors.rest_tables import ROWS, STYLES, read, rest
from tests.servers.http_replies import (
    Paging,
    Tokens,
    body,
    encoded,
    pages,
    throttled,
    truncated,
)
from tests.servers.http_source import Handler, HttpSource, Reply, Request

COUNTED = (Paging.PAGE, Paging.OFFSET)


class Watched:
    """A handler that takes its time; `most`: how many requests ran at once, at most."""

    def __init__(self, then: Handler, pause: Callable[[], float] = lambda: 0.02) -> None:
        self.then = then
        self.pause = pause
        self.running = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> Reply:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            time.sleep(self.pause())
            return self.then(request)
        finally:
            with self.lock:
                self.running -= 1


def until(found: Callable[[], bool], seconds: float = 3.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def table(style: Paging, **paging: Any) -> dict[str, Any]:
    found = STYLES[style]
    return {**found, "paging": {**found["paging"], **paging}}


def scan_of(connector: Rest) -> Iterator[Any]:
    return connector.scan(ScanRequest(TableName(("parts",)), (("id", "BIGINT"),)))


@pytest.mark.parametrize("style", list(STYLES))
def test_the_next_page_is_on_its_way_before_the_rows_of_one_are_taken(source: HttpSource, style: Paging) -> None:
    source.route("/parts", pages(ROWS, style, size=50))
    with closing(scan_of(rest(source, STYLES[style]))) as batches:  # type: ignore[type-var]
        next(batches)
        until(lambda: len(source.requests) == 2)
        time.sleep(0.1)
        assert len(source.requests) == 2
    source.requests.clear()
    with closing(scan_of(rest(source, STYLES[style], ahead_bytes=0))) as batches:  # type: ignore[type-var]
        next(batches)
        time.sleep(0.1)
        assert len(source.requests) == 1


@pytest.mark.parametrize("style", list(STYLES))
def test_by_default_a_source_is_asked_for_the_same_pages_and_for_one_at_a_time(
    source: HttpSource, style: Paging
) -> None:
    watched = Watched(pages(ROWS, style, size=20))
    source.route("/parts", watched)
    assert read(rest(source, STYLES[style], ahead_bytes=0)) == ROWS
    asked = [request.query for request in source.requests]
    source.requests.clear()
    assert read(rest(source, STYLES[style])) == ROWS
    assert [request.query for request in source.requests] == asked
    assert watched.most == 1


@pytest.mark.parametrize("style", COUNTED)
@pytest.mark.parametrize(
    ("end", "cap"),
    [({}, 100), ({"last": "short"}, 100), ({"total": "total"}, 100), ({}, 7), ({"total": "total"}, 7)],
    ids=["empty", "short", "total", "empty, smaller than asked for", "total, smaller than asked for"],
)
@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_rows_come_in_order_whichever_page_comes_first(
    source: HttpSource, style: Paging, end: dict[str, str], at_once: int, cap: int
) -> None:
    dice = random.Random(f"{style}{end}{at_once}{cap}")
    most = 0
    for count in (0, 1, 9, 10, 11, 250):
        # a path for each: a request that was thrown away may reach the source when the next scan runs already
        watched = Watched(pages(ROWS[:count], style, size=cap), lambda: dice.choice((0.0, 0.001, 0.01)))
        source.route(f"/parts-{count}", watched)
        options = {**table(style, size=10, **end), "path": f"parts-{count}"}
        assert read(rest(source, options, pages_at_once=at_once)) == ROWS[:count]
        most = max(most, watched.most)
    in_vain = int(style is Paging.OFFSET and not end)  # offsets behind the end, while the page at it is asked for
    assert most <= at_once + in_vain
    assert at_once == 1 or most > 1


@pytest.mark.parametrize("style", COUNTED)
def test_a_table_of_one_page_costs_no_more_requests_side_by_side(source: HttpSource, style: Paging) -> None:
    source.route("/parts", pages(ROWS[:9], style, size=10))
    assert read(rest(source, table(style, size=10, last="short"), pages_at_once=8)) == ROWS[:9]
    assert len(source.requests) == 1


@pytest.mark.parametrize("style", list(STYLES))
@pytest.mark.parametrize(("limit", "wanted"), [(5, 1), (10, 1), (11, 2), (35, 4)])
def test_a_limit_asks_for_no_page_too_many(source: HttpSource, style: Paging, limit: int, wanted: int) -> None:
    source.route("/parts", pages(ROWS, style, size=10))
    options = table(style, size=10) if style in COUNTED else STYLES[style]
    assert read(rest(source, options, pages_at_once=8), limit=limit) == ROWS[:limit]
    time.sleep(0.02)
    assert len(source.requests) == wanted


def test_a_page_behind_the_end_that_is_an_error_is_nobodys(source: HttpSource) -> None:
    served = pages(ROWS[:249], Paging.PAGE, size=50)
    source.route("/parts", lambda r: served(r) if int(r.query["page"]) <= 5 else body(b"{}", status=404))
    assert read(rest(source, table(Paging.PAGE, size=50, last="short"), pages_at_once=4)) == ROWS[:249]
    assert max(int(request.query["page"]) for request in source.requests) > 5


# Totals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize(
    ("totals", "problem"),
    [
        ([250, 250, 251], "changed while it was read"),
        ([260] * 9, "fewer rows"),
        ([240] * 9, "more rows"),
        ([None] * 9, "no number of rows at 'total'"),
        (["250"] * 9, "no number of rows at 'total'"),
    ],
)
def test_a_total_that_does_not_hold_is_an_error(
    source: HttpSource, at_once: int, totals: list[object], problem: str
) -> None:
    def handle(request: Request) -> Reply:
        start = int(request.query["offset"])
        said = totals[min(start // 100, len(totals) - 1)]
        return body(encoded({"items": ROWS[start : start + 100], "total": said}))

    source.route("/parts", handle)
    with pytest.raises(SourceProtocolError, match=problem):
        read(rest(source, table(Paging.OFFSET, size=100, total="total"), pages_at_once=at_once))


# Faults -------------------------------------------------------------------------------------------------------


def broken_at(number: int, how: Handler, then: Handler, times: int = 1_000) -> Handler:
    """Page `number` fails so many times."""
    left = [times]

    def handle(request: Request) -> Reply:
        if int(request.query["page"]) == number and left[0] > 0:
            left[0] -= 1
            return how(request)
        return then(request)

    return handle


def failing(request: Request) -> Reply:
    return body(b"{}", status=503)


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_page_that_fails_for_good_breaks_the_answer_behind_the_rows_before_it(
    source: HttpSource, at_once: int
) -> None:
    served = pages(ROWS, Paging.PAGE, size=50)
    cases: list[tuple[Handler, type[ConnectorError]]] = [
        (failing, SourceUnavailableError),
        (truncated(served, after=700), SourceUnavailableError),
        (lambda request: body(b'{"items": [{"id": 1}, 7]}'), SourceDataError),
        (lambda request: body(b"{}", status=401), SourceLoginError),
    ]
    for how, error in cases:
        source.route("/parts", broken_at(3, how, served))
        seen = 0
        connector = rest(source, table(Paging.PAGE, size=50), pages_at_once=at_once, retries=1)
        with pytest.raises(error):
            for batch in scan_of(connector):
                seen += batch.num_rows
        assert seen == 100


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_page_that_fails_at_first_is_asked_for_again(source: HttpSource, at_once: int) -> None:
    served = pages(ROWS, Paging.PAGE, size=50)
    for how in (failing, truncated(served, after=700)):
        source.route("/parts", broken_at(3, how, served, times=2))
        connector = rest(source, table(Paging.PAGE, size=50), pages_at_once=at_once)
        assert read(connector) == ROWS
        assert connector.retries() == 2


def test_a_source_that_takes_one_request_at_a_time_is_asked_so_after_its_first_refusal(source: HttpSource) -> None:
    watched = Watched(pages(ROWS, Paging.PAGE, size=10))

    def one_at_a_time(request: Request) -> Reply:
        return body(b"{}", status=429) if watched.running > 0 else watched(request)

    source.route("/parts", one_at_a_time)
    connector = rest(source, table(Paging.PAGE, size=10), pages_at_once=8, retries=1)
    assert read(connector) == ROWS
    assert 1 <= connector.retries() <= 8


def test_retry_after_pauses_every_request_of_the_connection(source: HttpSource) -> None:
    served = throttled(pages(ROWS, Paging.PAGE, size=10), times=1, retry_after="1")
    refused: list[float] = []

    def noted(request: Request) -> Reply:
        reply = served(request) if request.query["page"] == "4" else pages(ROWS, Paging.PAGE, size=10)(request)
        if reply.status == 429:
            refused.append(time.monotonic())
        return reply

    source.route("/parts", Watched(noted))
    assert read(rest(source, table(Paging.PAGE, size=10), pages_at_once=3)) == ROWS
    after = [request.at - refused[0] for request in source.requests if request.at > refused[0] + 0.05]
    assert min(after) > 0.9


def test_the_pace_holds_for_pages_side_by_side(source: HttpSource) -> None:
    source.route("/parts", pages(ROWS, Paging.PAGE, size=25))
    read(rest(source, table(Paging.PAGE, size=25), pages_at_once=8, requests_per_second=50))
    moments = [request.at for request in source.requests]
    assert moments[-1] - moments[0] > (len(moments) - 1) * 0.02 - 0.015
    assert len(moments) <= 11 + 8


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_login_that_expires_between_pages_is_renewed_once_for_all(source: HttpSource, at_once: int) -> None:
    tokens, served = Tokens(), pages(ROWS, Paging.PAGE, size=10)
    guarded = tokens.required(served)
    count = 0

    def expiring(request: Request) -> Reply:
        nonlocal count
        count += 1
        if count == 8:
            tokens.expire()
        return guarded(request)

    source.route("/parts", Watched(expiring))
    source.route("/token", Watched(tokens.issue))
    login = {"auth": "oauth2", "token_url": "/token", "client_id": "us", "client_secret": "plum-tart-7"}
    assert read(rest(source, table(Paging.PAGE, size=10), pages_at_once=at_once, **login)) == ROWS
    assert tokens.issued == 2


# Ends ---------------------------------------------------------------------------------------------------------


def endless_from(number: int, source: HttpSource) -> Handler:
    """Pages from this one on never end: a blank a second."""

    def blanks() -> Iterator[bytes]:
        while not source.closing.wait(0.02):
            yield b" "

    def handle(request: Request) -> Reply:
        if int(request.query["page"]) < number:
            return pages(ROWS, Paging.PAGE, size=10)(request)
        return Reply(200, {}, blanks())

    return handle


def test_a_reader_that_goes_away_ends_all_that_was_asked_for(source: HttpSource) -> None:
    source.route("/parts", endless_from(3, source))
    batches = scan_of(rest(source, table(Paging.PAGE, size=10), pages_at_once=4))
    next(batches), next(batches)
    until(lambda: len(source.requests) == 6)
    assert source.open_connections == 4
    started = time.monotonic()
    batches.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 0.2
    until(lambda: source.open_connections == 0, 2)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "fetch"])


def test_cancelling_ends_all_that_was_asked_for_and_wakes_the_reader(source: HttpSource) -> None:
    source.route("/parts", endless_from(3, source))
    connector = rest(source, table(Paging.PAGE, size=10), pages_at_once=4)
    connector.begin("run", 1)
    threading.Timer(0.3, connector.cancel).start()
    started = time.monotonic()
    with pytest.raises(ScanCancelledError):
        list(scan_of(connector))
    assert time.monotonic() - started < 1
    until(lambda: source.open_connections == 0, 2)
    source.route("/parts", pages(ROWS, Paging.PAGE, size=10))
    assert read(connector) == ROWS


def test_cancelling_wakes_a_reader_that_waits_for_a_pause_or_its_pace(source: HttpSource) -> None:
    for reply in (lambda r: body(b"{}", status=429, headers={"Retry-After": "30"}), failing):
        source.route("/parts", reply)
        connector = rest(source, table(Paging.PAGE), pages_at_once=4, requests_per_second=0.1)
        threading.Timer(0.3, connector.cancel).start()
        started = time.monotonic()
        with pytest.raises(ScanCancelledError):
            list(scan_of(connector))
        assert time.monotonic() - started < 2


def test_pages_of_fifty_megabytes_are_not_held(source: HttpSource) -> None:
    given: dict[str, int] = {}

    def large(request: Request) -> Reply:
        page = request.query["page"]

        def rows() -> Iterator[bytes]:
            yield b'{"items": ['
            for number in range(0, 800_000, 1_000):
                text = b",".join(b'{"id": %d, "name": "%s"}' % (n, b"x" * 40) for n in range(number, number + 1_000))
                given[page] = given.get(page, 0) + len(text)
                yield (b"," if number else b"") + text
            yield b"]}"

        return Reply(200, {}, rows())

    source.route("/parts", large)
    with closing(scan_of(rest(source, table(Paging.PAGE), pages_at_once=2, ahead_bytes=3 << 20))) as batches:  # type: ignore[type-var]
        next(batches)
        held = -1
        while sum(given.values()) > held:  # until the source is read no further
            held = sum(given.values())
            time.sleep(0.3)
    assert 0 < held < 16 << 20  # what lies in both sockets' buffers included

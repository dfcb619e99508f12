"""The pages of a REST table, in order, the next ones asked for while one is read.

A page is asked for ahead when it is known to come: its address stands in the header or before the rows, or the pages
are counted and the one before has rows. With `pages_at_once` above 1 counted pages are also asked for side by side,
from the second on, and some of them may lie behind the end. What was foreseen wrongly is thrown away: rows are only
taken from the page whose turn it is, so that an answer is the same as without any of this.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from connectors.parts.rest_options import RestConfig, RestTable
from connectors.sdk.columns import BATCH_BYTES, FIRST_ROWS, MORE_ROWS
from connectors.sdk.errors import (
    ConnectorError,
    SourceDataError,
    SourceLimitError,
    SourceProtocolError,
)
from connectors.sdk.http import Answer, HttpClient
from connectors.sdk.http_body import Allowance
from connectors.sdk.http_fetch import Fetch
from connectors.sdk.json_rows import JsonPage, json_path
from connectors.sdk.paging import (
    LinkHeader,
    NextLink,
    Offset,
    Page,
    kept_paths,
    later_parameter,
    next_parameter,
    total_rows,
)

Rows = list[dict[str, Any]]
_OF_THE_PAGE = (SourceProtocolError, SourceDataError, SourceLimitError)
_LOOK_ROWS = 100
_LEAST_BYTES = 64 << 10


@dataclass(slots=True)
class Wanted:
    """How many more rows the reader takes; None: all."""

    rows: int | None = None


class Pages:
    """The pages of one scan. `rows`, `number`: what was given out, and which page is read."""

    def __init__(
        self,
        http: HttpClient,
        config: RestConfig,
        options: RestTable,
        name: str,
        cancelled: threading.Event,
        wanted: Wanted,
    ) -> None:
        self.rows = 0
        self.number = 0
        self._http = http
        self._config = config
        self._options = options
        self._name = name
        self._cancelled = cancelled
        self._wanted = wanted
        self._allowance = Allowance(
            config.total_timeout, config.max_bytes, config.max_decoded_bytes, config.max_ratio
        )
        self._at_once = config.pages_at_once
        self._most_bytes = max(_LEAST_BYTES, config.ahead_bytes // (config.pages_at_once + 1))
        self._ahead: deque[Fetch] = deque()
        self._seen: set[str] = set()
        self._before = 0  # rows of the pages before
        self._step = getattr(options.paging, "size", None) or 0  # rows of a page, as far as that is known
        self._total: int | None = None

    def chunks(self, first: httpx.URL) -> Generator[tuple[int, Rows]]:
        """(number of the first row, rows): bounded lists, the first one small, and a new one with each page."""
        url: httpx.URL | None = first
        try:
            while url is not None:
                self._count(url)
                url = yield from self._page(url)
        finally:
            for fetch in self._ahead:
                fetch.end()

    def _count(self, url: httpx.URL) -> None:
        self.number += 1
        if str(url) in self._seen:
            raise SourceProtocolError(
                f"table {self._name!r}, page {self.number}: the source leads to a page that was read already",
                hint="its paging never ends; check the table's 'paging'",
            )
        self._seen.add(str(url))
        if self.number > self._config.max_pages:
            raise SourceLimitError(
                f"table {self._name!r} has more than {self._config.max_pages} pages",
                hint="ask for less by a filter, raise max_pages, or check the table's 'paging'",
            )

    def _page(self, url: httpx.URL) -> Generator[tuple[int, Rows], None, httpx.URL | None]:
        """The rows of one page, tried again until its first row is out; returns where the next page is."""
        attempt = given = 0
        self._before = self.rows
        while True:
            page: JsonPage | None = None
            fetch = self._fetch(url) if attempt else self._turn_of(url)
            try:
                answer = fetch.answer(self._allowance)
                page = JsonPage(
                    fetch.pieces(self._allowance), json_path(self._options.rows), kept_paths(self._options.paging)
                )
                rows: Rows = []
                before = self._allowance.decoded_bytes
                for row in page.rows():
                    rows.append(row)
                    most = FIRST_ROWS if self.rows == 0 else MORE_ROWS
                    if len(rows) >= most or before - self._allowance.decoded_bytes >= BATCH_BYTES:
                        first, self.rows = self.rows + 1, self.rows + len(rows)
                        given += len(rows)
                        yield first, rows
                        rows, before = [], self._allowance.decoded_bytes
                    if page.count % _LOOK_ROWS == 1:
                        self._ask_ahead(fetch, answer, page, len(rows))
                first, self.rows = self.rows + 1, self.rows + len(rows)
                self._step = page.count or self._step
                self._ask_ahead(fetch, answer, page, len(rows), read=True)
                if rows:
                    given += len(rows)
                    yield first, rows
                return self._following(url, answer, page)
            except _OF_THE_PAGE as error:
                count = f", behind its row {page.count}" if page is not None and page.count else ""
                where = f"table {self._name!r}, page {self.number}{count}"
                raise type(error)(f"{where}: {error.message}", hint=error.hint, details=error.details) from None
            except ConnectorError as error:
                if given:
                    raise
                attempt += 1
                self._at_once = 1  # who fails, or asks for patience, is asked by one request at a time
                self._http.before_retry(error, attempt, self._allowance, self._cancelled)
            finally:
                fetch.end()

    def _following(self, asked: httpx.URL, answer: Answer, page: JsonPage) -> httpx.URL | None:
        """Where the page behind one is that was read to its end."""
        paging = self._options.paging
        if paging is None:
            return None
        if isinstance(paging, LinkHeader | NextLink):
            return self._linked(answer, page)
        total = total_rows(paging, page)
        if self._total not in (None, total):
            raise SourceProtocolError(
                "the number of all rows is another than on the first page: the source changed while it was read",
                hint="ask again, or leave the paging's 'total' out: rows can then be missing or come twice",
            )
        self._total = total
        parameter = next_parameter(paging, self.number, self.rows, page)
        return None if parameter is None else asked.copy_set_param(*parameter)

    def _linked(self, answer: Answer, page: JsonPage) -> httpx.URL | None:
        """The address that the source says comes next, as far as it has said one."""
        paging = self._options.paging
        link = page.beside(json_path(paging.path)) if isinstance(paging, NextLink) else answer.next_link()
        if link in (None, "", False):
            return None
        if not isinstance(link, str):
            raise SourceProtocolError("the next link is not a string")
        return self._http.joined(answer.url, link)

    # Ahead ----------------------------------------------------------------------------------------------------

    def _fetch(self, url: httpx.URL) -> Fetch:
        return Fetch(self._http, url, self._most_bytes, self._allowance.seconds, self._cancelled)

    def _turn_of(self, url: httpx.URL) -> Fetch:
        """The page as it was asked for ahead, or asked for now; what was foreseen otherwise is thrown away."""
        while self._ahead:
            fetch = self._ahead.popleft()
            if fetch.url == url:
                return fetch
            fetch.end()
        return self._fetch(url)

    def _ask_ahead(self, fetch: Fetch, answer: Answer, page: JsonPage, held: int, read: bool = False) -> None:
        """Ask for pages behind the one that is read, as many as may be. `held`: rows that wait to be given out;
        `read`: the page has no more."""
        while self._may_ask(fetch, held, 0 if read else max(0, self._step - page.count), read):
            url = None
            with suppress(ConnectorError):  # raised when it is its turn
                url = self._foreseen(fetch.url, answer, page, read)
            if url is None or str(url) in self._seen or any(url == other.url for other in self._ahead):
                return
            self._ahead.append(self._fetch(url))

    def _may_ask(self, fetch: Fetch, held: int, coming: int, read: bool) -> bool:
        if (
            not self._config.ahead_bytes
            or len(self._ahead) >= self._at_once
            or sum(not one.received for one in (fetch, *self._ahead)) >= self._at_once
            or self.number + len(self._ahead) >= self._config.max_pages
        ):
            return False
        if self._wanted.rows is None:
            return True
        known = self._step > 0 or (read and not self._ahead)
        return known and self._wanted.rows > held + coming + self._step * len(self._ahead)

    def _foreseen(self, asked: httpx.URL, answer: Answer, page: JsonPage, read: bool) -> httpx.URL | None:
        """Where the page behind all that were asked for is, or will be; None where that can't be told yet."""
        paging, ahead = self._options.paging, len(self._ahead)
        if not isinstance(paging, Page | Offset):
            return None if ahead else self._following(asked, answer, page)
        if read:
            if self._following(asked, answer, page) is None:
                return None
            rows = self.rows
        elif self.number == 1:
            return None  # whether it is the only one: of most tables that are asked for little there is one
        else:
            rows = self._before + self._step
        rows += self._step * ahead
        if self._total is not None:
            surely = rows < self._total
        else:
            filled = isinstance(paging, Page) and paging.last == "empty" and not paging.more and page.count > 0
            surely = self._at_once > 1 or read or filled
        return asked.copy_set_param(*later_parameter(paging, self.number + ahead, rows)) if surely else None

"""REST: JSON over HTTP, its arrays of objects as tables.

Rows stream out of each page while it arrives. A request is tried again only until the first row of its page was
given out. Predicates become query parameters where the configuration names one, and are evaluated here once more, so
that an answer never depends on how the source understands its own filters, as long as it leaves out no match.
Pages are no snapshot: a source that changes while they are read can repeat or lose rows.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import httpx
import pyarrow as pa

from connectors.parts.rest_options import RestConfig, RestTable, source_columns, tls_context, to_parameters
from connectors.parts.rest_pages import Pages, Wanted
from connectors.sdk.arrow_filter import filter_batch
from connectors.sdk.capabilities import Column, ConnectionCapabilities, Support, Table
from connectors.sdk.checks import check_request
from connectors.sdk.columns import (
    BadValues,
    SourceColumn,
    batch_of,
    json_array,
)
from connectors.sdk.connector import Connector, ConnectorConfig, Stage
from connectors.sdk.errors import (
    ConfigurationError,
    ConnectorError,
    ScanCancelledError,
    SourceLoginError,
    SourcePermissionError,
    SourceProtocolError,
    SourceTableMissingError,
    SourceUnavailableError,
)
from connectors.sdk.formats.jsonl import infer_rows
from connectors.sdk.http import HttpClient, HttpLimits
from connectors.sdk.http_auth import ExpiringToken, FixedHeaders, Token, basic, token_of
from connectors.sdk.http_body import PIECE_BYTES, Allowance
from connectors.sdk.http_fetch import Fetch
from connectors.sdk.infer import TableProposal
from connectors.sdk.json_rows import json_path, value_at
from connectors.sdk.paging import first_parameters
from connectors.sdk.probe import reach, timed
from connectors.sdk.scan import ScanRequest, TableName, comparisons
from connectors.sdk.zones import to_instants

LISTED = 1_000
SAMPLE_ROWS = 1_000


class Rest(Connector):
    """Resources of one HTTP origin."""

    kind: ClassVar[str] = "rest"
    config_type: ClassVar[type[ConnectorConfig]] = RestConfig
    secret_fields: ClassVar[frozenset[str]] = frozenset({"password", "token", "header_value", "client_secret"})

    def __init__(self, config: ConnectorConfig, time_zone: ZoneInfo | None = None) -> None:
        super().__init__(config, time_zone)
        assert isinstance(config, RestConfig)
        self._settings = config
        self._base = httpx.URL(config.base_url.rstrip("/") + "/")
        self._auth = self._credentials(config)
        limits = HttpLimits(config.connect_timeout, config.timeout, config.retries, config.requests_per_second or 0.0)
        self._http = HttpClient(self._base, self._auth, limits, tls_context(config))
        self._cancelled = threading.Event()

    def _credentials(self, config: RestConfig) -> FixedHeaders | ExpiringToken:
        headers = dict(config.headers)
        if config.auth == "oauth2":
            return ExpiringToken(self._fetch_token, headers)
        if config.auth == "basic" and config.password is not None:
            headers |= basic(config.username or "", config.password.get_secret_value())
        elif config.auth == "bearer" and config.token is not None:
            headers |= {"Authorization": f"Bearer {config.token.get_secret_value()}"}
        elif config.auth == "header" and config.header_value is not None:
            headers |= {config.header_name or "": config.header_value.get_secret_value()}
        return FixedHeaders(headers)

    def _fetch_token(self) -> Token:
        config = self._settings
        assert config.client_secret is not None and config.token_url is not None
        url = self._base.join(config.token_url)
        form = {"grant_type": "client_credentials"} | ({"scope": config.scope} if config.scope else {})
        client = basic(config.client_id or "", config.client_secret.get_secret_value())
        now = time.monotonic()
        status, body = self._http.post_form(url, form, client)
        if status >= 500:
            raise SourceUnavailableError(f"the token address answered {status}", hint="try again later")
        try:
            token = token_of(json.loads(body), now) if status == 200 else None
        except (ValueError, RecursionError):
            token = None
        if token is None:
            raise SourceLoginError(
                f"the token address gave no token (it answered {status})",
                hint="check token_url, client_id, client_secret and scope",
            )
        return token

    def capabilities(self) -> ConnectionCapabilities:
        return ConnectionCapabilities(cancel=True)

    def list_tables(self, pattern: str = "*", after: TableName | None = None) -> Sequence[TableName]:
        floor = after.name if after else ""
        names = (name for name in sorted(self._settings.tables) if name > floor and fnmatchcase(name, pattern))
        return [TableName((name,)) for name in names][:LISTED]

    def _options(self, name: TableName) -> RestTable:
        options = self._settings.tables.get(name.name) if len(name.parts) == 1 else None
        if options is None:
            raise SourceTableMissingError(f"there is no table {str(name)!r}", hint="name it under 'tables'")
        return options

    def describe(self, name: TableName) -> Table:
        """What the configuration declares: a REST source has no catalog of its own."""
        options = self._options(name)
        if not options.columns:
            raise ConfigurationError(
                f"table {str(name)!r} declares no columns", hint="`viewloom infer` proposes them from the first rows"
            )
        columns = []
        for column in source_columns(options):
            sql_type = self._type(column)
            exact = sql_type == column.sql_type
            operators = {
                op: Support.EXACT if is_exact and exact else Support.INEXACT
                for op, is_exact in options.operators(column.exposed).items()
            }
            columns.append(Column(column.exposed, sql_type, operators=operators, binary_text=True))
        return Table(
            name,
            tuple(columns),
            required_filters=options.required_filters,
            limit=True,
            declared_keys=(options.key,) if options.key else (),
            naive_timestamps=tuple(c.exposed for c in source_columns(options) if c.sql_type == "TIMESTAMP"),
        )

    def _type(self, column: SourceColumn) -> str:
        naive = column.sql_type == "TIMESTAMP" and self.time_zone is not None
        return "TIMESTAMP WITH TIME ZONE" if naive else column.sql_type

    def scan(self, request: ScanRequest) -> Iterator[pa.RecordBatch]:
        return self._scan(request, self._cancelled)

    def statement(self, request: ScanRequest) -> str | None:
        options = self._options(request.table)
        url = self._first_url(options, ())
        names = dict.fromkeys(name for name, _ in to_parameters(options, request.predicates, self.time_zone))
        asked = [*(f"{name}={value}" for name, value in url.params.multi_items()), *(f"{name}=?" for name in names)]
        return f"GET {url.path}" + ("?" + "&".join(asked) if asked else "")

    def _scan(self, request: ScanRequest, cancelled: threading.Event) -> Generator[pa.RecordBatch]:
        options = self._options(request.table)
        check_request(self.describe(request.table), request)
        wanted = [name for name, _ in request.columns]
        filtered = {term.column for predicate in request.predicates for term in comparisons(predicate)}
        columns = [c for c in source_columns(options) if c.exposed in filtered.union(wanted)]
        types = {column.exposed: self._type(column) for column in columns}
        parameters = to_parameters(options, request.predicates, self.time_zone)
        left = Wanted(request.limit)
        if left.rows == 0:
            return
        with closing(self._chunks(request.table, options, parameters, cancelled, left)) as chunks:
            for first, rows in chunks:
                batch = filter_batch(self._batch(request.table, columns, rows, first), types, request.predicates)
                batch = batch.select(wanted) if left.rows is None else batch.select(wanted).slice(0, left.rows)
                if batch.num_rows:
                    yield batch
                if left.rows is not None:
                    left.rows -= batch.num_rows
                    if left.rows == 0:
                        return
                if cancelled.is_set():
                    raise ScanCancelledError("the query was cancelled")

    def _batch(
        self, name: TableName, columns: Sequence[SourceColumn], rows: list[dict[str, Any]], first: int
    ) -> pa.RecordBatch:
        """Rows as a batch; `first` is the number of the first one, for messages."""
        bad, arrays = BadValues(str(name)), []
        for column in columns:
            path = json_path(column.name)
            values = [value_at(row, path) for row in rows]
            array = json_array(values, column, self.time_zone, bad, lambda index: f"row {first + index}")
            naive = column.sql_type == "TIMESTAMP" and self.time_zone is not None
            arrays.append(to_instants(array, self.time_zone) if naive and self.time_zone else array)
        return batch_of(arrays, columns, len(rows))

    def _chunks(
        self,
        name: TableName,
        options: RestTable,
        parameters: Sequence[tuple[str, str]],
        cancelled: threading.Event,
        wanted: Wanted,
    ) -> Generator[tuple[int, list[dict[str, Any]]]]:
        """(number of the first row, rows) of all pages; see `Pages.chunks`."""
        pages = Pages(self._http, self._settings, options, str(name), cancelled, wanted)
        return pages.chunks(self._first_url(options, parameters))

    def _first_url(self, options: RestTable, parameters: Sequence[tuple[str, str]]) -> httpx.URL:
        fixed = [*options.parameters.items(), *first_parameters(options.paging).items()]
        url = (
            self._base.join(options.path) if options.path else self._base.copy_with(path=self._base.path.rstrip("/"))
        )
        return url.copy_with(params=httpx.QueryParams([*fixed, *parameters])) if fixed or parameters else url

    def requests(self) -> int:
        """Requests that were sent, those for tokens too."""
        return self._http.requested

    def retries(self) -> int:
        """Requests that were sent again."""
        return self._http.retried

    def test(self) -> Iterator[Stage]:
        """Stages `dns`, `tcp`, `tls` (https), `login`, `permission`, `first_row` of the first table."""
        port = self._base.port or (443 if self._base.scheme == "https" else 80)
        for stage in reach(self._base.host, port, self._settings.connect_timeout):
            yield stage
            if not stage.ok:
                return
        if self._base.scheme == "https":
            stage = timed("tls", lambda: self._handshake(port))
            yield stage
            if not stage.ok:
                return
        started = time.monotonic()
        failed: ConnectorError | None = None
        read = next((name for name, table in self._settings.tables.items() if not table.required_filters), None)
        try:
            if read is not None:
                options = self._settings.tables[read]
                with closing(self._chunks(TableName((read,)), options, (), self._cancelled, Wanted(1))) as rows:
                    next(rows, None)
            else:
                self._ask_base()
        except ConnectorError as error:
            failed = error
        seconds = time.monotonic() - started
        early = isinstance(failed, SourceLoginError) or (failed is not None and failed.retryable)
        for name, fails in (
            ("login", early),
            ("permission", isinstance(failed, SourcePermissionError)),
            ("first_row", failed is not None),
        ):
            if fails and failed is not None:
                yield Stage(name, False, seconds, failed.message, failed.hint or "see the message")
                return
            yield Stage(name, True, seconds if name == "login" else 0.0)

    def _ask_base(self) -> None:
        """Where no table can be read without a filter: any answer but a refusal shows that the credentials hold."""
        config = self._settings
        allowance = Allowance(config.total_timeout, config.max_bytes, config.max_decoded_bytes, config.max_ratio)
        fetch = Fetch(self._http, self._base, PIECE_BYTES, config.total_timeout, self._cancelled)
        try:
            fetch.answer(allowance)
        except (SourceTableMissingError, SourceProtocolError):
            return
        finally:
            fetch.end()

    def _handshake(self, port: int) -> str:
        context = tls_context(self._settings)
        assert isinstance(context, ssl.SSLContext)
        address = (self._base.host, port)
        try:
            with (
                socket.create_connection(address, timeout=self._settings.connect_timeout) as plain,
                context.wrap_socket(plain, server_hostname=self._base.host) as secure,
            ):
                return str(secure.version())
        except OSError as error:
            raise SourceUnavailableError(
                f"the TLS handshake failed ({type(error).__name__})",
                hint="set ca_file to the authority that signed the certificate, or correct the host's name",
            ) from None

    def infer(self, name: TableName) -> TableProposal:
        """Column types proposed from the first 1,000 rows."""
        rows: list[dict[str, Any]] = []
        with closing(self._chunks(name, self._options(name), (), self._cancelled, Wanted(SAMPLE_ROWS))) as chunks:
            for _, more in chunks:
                rows += more
                if len(rows) >= SAMPLE_ROWS:
                    break
        return TableProposal(str(name), len(rows), tuple(infer_rows(rows)))

    def cancel(self) -> None:
        cancelled, self._cancelled = self._cancelled, threading.Event()
        cancelled.set()
        self._http.cancel()

    def close(self) -> None:
        self._http.close()


CONNECTOR = Rest

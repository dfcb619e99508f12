"""REST sources as they are: pages, tokens that expire, patience asked for, faults, bombs, other origins."""

from __future__ import annotations

import json
import resource
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.rest import Rest
from connectors.sdk.errors import (
    ConfigurationError,
    ConnectorError,
    RequiredFilterError,
    ScanCancelledError,
    SourceDataError,
    SourceLimitError,
    SourceLoginError,
    SourcePermissionError,
    SourceProtocolError,
    SourceTableMissingError,
    SourceTimeoutError,
    SourceUnavailableError,
)
from connectors.sdk.registry import connector_config
from connectors.sdk.scan import AnyOf, Comparison, Op, ScanRequest, TableName
from tests.servers.http_replies import (
    Paging,
    Tokens,
    body,
    drip,
    encoded,
    endless_pages,
    gzip_bomb,
    gzipped,
    invalid_json_at,
    json_rows,
    pages,
    redirect,
    reset,
    throttled,
    truncated,
)
from tests.servers.http_source import Handler, HttpSource, Reply, Request, start_http_source

ROWS = [{"id": n, "name": f"part {n}"} for n in range(1, 251)]
COLUMNS = {"id": "BIGINT", "name": "VARCHAR"}


@pytest.fixture
def source() -> Iterator[HttpSource]:
    with start_http_source() as started:
        yield started
        while MADE:
            MADE.pop().close()


MADE: list[Rest] = []


def rest(source: HttpSource, table: dict[str, Any], zone: ZoneInfo | None = None, **changes: Any) -> Rest:
    values = {
        "base_url": source.origin,
        "tables": {"parts": {"path": "parts", "columns": COLUMNS, **table}},
        **changes,
    }
    MADE.append(Rest(connector_config("rest", values), zone))
    return MADE[-1]


def read(connector: Rest, *predicates: Any, limit: int | None = None) -> list[dict[str, Any]]:
    described = connector.describe(TableName(("parts",)))
    typed = tuple((column.name, column.sql_type) for column in described.columns)
    batches = connector.scan(ScanRequest(described.name, typed, predicates, limit=limit))
    return [row for batch in batches for row in batch.to_pylist()]


# Pages --------------------------------------------------------------------------------------------------------

STYLES: dict[Paging, dict[str, Any]] = {
    Paging.NEXT_LINK: {"rows": "items", "paging": {"style": "next_link", "path": "next"}},
    Paging.LINK_HEADER: {"rows": "", "paging": {"style": "link_header"}},
    Paging.PAGE: {"rows": "/items", "paging": {"style": "page", "size_parameter": "per_page", "size": 70}},
    Paging.OFFSET: {"rows": "items", "paging": {"style": "offset", "size": 70}},
    Paging.CURSOR: {"rows": "items", "paging": {"style": "cursor", "path": "next_cursor"}},
}


@pytest.mark.parametrize("style", list(STYLES))
def test_every_style_of_paging_gives_all_rows_once(source: HttpSource, style: Paging) -> None:
    source.route("/parts", pages(ROWS, style, size=100))
    assert read(rest(source, STYLES[style])) == ROWS


def test_a_short_page_ends_the_rows_only_where_that_is_said(source: HttpSource) -> None:
    source.route("/parts", pages(ROWS, Paging.OFFSET, size=60))  # gives fewer rows than asked for
    paging = {"style": "offset", "size": 100}
    assert read(rest(source, {"rows": "items", "paging": paging})) == ROWS
    assert len(read(rest(source, {"rows": "items", "paging": {**paging, "last": "short"}}))) == 60


def test_a_limit_stops_asking_for_pages(source: HttpSource) -> None:
    source.route("/parts", pages(ROWS, Paging.NEXT_LINK, size=10))
    assert read(rest(source, STYLES[Paging.NEXT_LINK]), limit=15) == ROWS[:15]
    assert len(source.requests) == 2


@pytest.mark.parametrize(("repeat", "error"), [(True, SourceProtocolError), (False, SourceLimitError)])
def test_an_endless_next_link_is_an_error(source: HttpSource, repeat: bool, error: type[ConnectorError]) -> None:
    source.route("/parts", endless_pages(ROWS[0], repeat_link=repeat))
    with pytest.raises(error, match="'parts'"):
        read(rest(source, STYLES[Paging.NEXT_LINK], max_pages=20))
    assert len(source.requests) <= 20


# Values -------------------------------------------------------------------------------------------------------


def test_values_keep_their_digits_and_further_fields_are_passed_over(source: HttpSource) -> None:
    text = (
        '\ufeff{"data": {"items": [{"id": 9223372036854775807, "price": 1.10, "at": "2024-03-31T02:30:00", "x": {}, '
        '"in": {"a.b": "Łódź 😀"}, "ms": 1709208000123}, {"id": null, "price": "2.5"}]}, "junk": [1, {"x": [2]}]}'
    )
    source.route("/parts", lambda request: body(text.encode()))
    columns = {
        "id": "BIGINT",
        "price": "DECIMAL(10,3)",
        "at": "TIMESTAMP WITH TIME ZONE",
        "city": {"type": "VARCHAR", "path": "/in/a.b"},
        "ms": {"type": "TIMESTAMP WITH TIME ZONE", "form": "epoch_ms"},
    }
    connector = rest(source, {"rows": "data.items", "columns": columns}, ZoneInfo("Europe/Berlin"))
    first, second = read(connector)
    assert (first["id"], str(first["price"]), first["city"]) == (2**63 - 1, "1.100", "Łódź 😀")
    assert first["at"] == datetime(2024, 3, 31, 1, tzinfo=UTC)
    assert first["ms"] == datetime(2024, 2, 29, 12, 0, 0, 123000, tzinfo=UTC)
    assert second == {"id": None, "price": Decimal("2.500"), "at": None, "city": None, "ms": None}


@pytest.mark.parametrize("value", ["true", "1.5", '"x"', "[1]", "9223372036854775808"])
def test_a_wrong_type_is_named_by_table_column_and_row_and_not_shown(source: HttpSource, value: str) -> None:
    rows = ",".join(f'{{"id": {value if n == 200 else n}}}' for n in range(1, 251))
    source.route("/parts", lambda request: body(f"[{rows}]".encode()))
    with pytest.raises(SourceDataError, match=r"'parts'.*'id'.*row 200") as caught:
        read(rest(source, {}))
    assert value.strip('"') not in str(caught.value).replace("row 200", "") or value in ("true", "[1]", '"x"')


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ('{"other": [], "more": 1}', "no array at 'items'.*other, more"),
        ('{"items": {"a": 1}}', "an object was found"),
        ('{"items": null}', "null was found"),
        ("[]", "an array was found"),
        ("", "nothing was found"),
        ('{"items": [1]}', "row 1 is not a JSON object"),
        ('{"items": []} x', "more behind the end"),
        ('{"items": [{"id": 01}]}', "invalid JSON"),
        ('{"items": [{"id": NaN}]}', "invalid JSON"),
        ('{"items": [{"id": 1},]}', "invalid JSON"),
        ('{"items": [{"id": 1}', "cut off"),
        ('{"items": [{"id": 1}, {"na', "cut off"),
        ('{"items": [' + "[" * 50_000, "nested too deep|cut off"),
        ("<html>busy</html>", "an object is expected"),
    ],
)
def test_an_answer_that_is_not_what_was_promised_is_an_error(source: HttpSource, answer: str, problem: str) -> None:
    source.route("/parts", lambda request: body(answer.encode()))
    with pytest.raises((SourceProtocolError, SourceDataError), match=problem):
        read(rest(source, {"rows": "items"}))


def test_invalid_json_at_row_50000_comes_after_rows_and_is_never_a_short_answer(source: HttpSource) -> None:
    rows = [{"id": n, "name": "x" * 20} for n in range(60_000)]
    source.route("/parts", invalid_json_at(rows, 50_000))
    connector = rest(source, {})
    seen = 0
    with pytest.raises(SourceProtocolError, match="behind its row 50000"):
        for batch in connector.scan(ScanRequest(TableName(("parts",)), (("id", "BIGINT"),))):
            seen += batch.num_rows
    assert 10_000 < seen <= 50_000


# Faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 10, 200, 5_000])
@pytest.mark.parametrize("how", ["truncated", "chunked", "reset"])
def test_a_body_that_is_cut_is_an_error(source: HttpSource, how: str, after: int) -> None:
    whole = json_rows(ROWS)
    handler = reset(whole, after=after) if how == "reset" else truncated(whole, after=after, chunked=how == "chunked")
    source.route("/parts", handler)
    with pytest.raises(SourceUnavailableError):
        read(rest(source, {}, retries=1))
    assert len(source.requests) == 2  # no row of the page was out yet


def test_a_request_is_tried_again_until_its_first_row_is_out(source: HttpSource) -> None:
    bad: list[Handler] = [
        throttled(json_rows(ROWS), times=9, retry_after="0", status=503),
        truncated(json_rows(ROWS), after=5),
    ]

    def sometimes(request: Request) -> Reply:
        return bad.pop()(request) if bad else json_rows(ROWS)(request)

    source.route("/parts", sometimes)
    assert read(rest(source, {})) == ROWS
    assert len(source.requests) == 3


def test_retry_after_is_honoured_and_patience_ends(source: HttpSource) -> None:
    source.route("/parts", throttled(json_rows(ROWS), times=1, retry_after="1"))
    started = time.monotonic()
    assert read(rest(source, {})) == ROWS
    assert 1.0 <= time.monotonic() - started < 3.0
    source.route("/parts", throttled(json_rows(ROWS), times=9, retry_after="3600"))
    started = time.monotonic()
    with pytest.raises(SourceUnavailableError, match="429"):
        read(rest(source, {}, total_timeout=5))
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, SourceLoginError),
        (403, SourcePermissionError),
        (404, SourceTableMissingError),
        (400, SourceProtocolError),
        (204, SourceProtocolError),
        (500, SourceUnavailableError),
    ],
)
def test_each_status_has_its_error_and_none_shows_the_query(
    source: HttpSource, status: int, error: type[ConnectorError]
) -> None:
    source.route("/parts", lambda request: body(b"" if status == 204 else b"{}", status=status))
    with pytest.raises(error) as caught:
        read(rest(source, {"parameters": {"token": "plum-tart"}}, retries=0))
    assert "plum-tart" not in f"{caught.value} {caught.value.hint} {caught.value.details}"


def test_a_source_that_drips_or_is_silent_ends_in_time(source: HttpSource) -> None:
    cases: tuple[dict[str, Any], ...] = ({"total_timeout": 0.5}, {"timeout": 0.3, "retries": 0, "total_timeout": 1})
    for changes in cases:
        source.route("/parts", drip(json_rows(ROWS), pause=0.05 if "timeout" not in changes else 3))
        started = time.monotonic()
        with pytest.raises(SourceTimeoutError):
            read(rest(source, {}, **changes))
        assert time.monotonic() - started < 2.0


def test_cancel_ends_a_read_that_blocks(source: HttpSource) -> None:
    source.route("/parts", drip(json_rows(ROWS), pause=30))
    connector = rest(source, {})
    connector.begin("run", 1)
    scan = connector.scan(ScanRequest(TableName(("parts",)), (("id", "BIGINT"),)))
    moments: list[float] = []

    def cancel() -> None:
        moments.append(time.monotonic())
        connector.cancel()

    timer = threading.Timer(0.3, cancel)
    timer.start()
    with pytest.raises(ScanCancelledError):
        next(scan)
    assert time.monotonic() - moments[0] < 0.3
    timer.join()
    source.route("/parts", json_rows(ROWS))
    assert read(connector) == ROWS


# Size ---------------------------------------------------------------------------------------------------------


def test_gzip_is_read_and_a_bomb_is_refused_in_little_memory(source: HttpSource) -> None:
    source.route("/parts", gzipped(json_rows(ROWS)))
    assert read(rest(source, {})) == ROWS
    source.route("/parts", gzip_bomb(2_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with pytest.raises(SourceLimitError, match="bomb"):
        read(rest(source, {}))
    assert time.monotonic() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_caps_on_bytes_and_on_one_value(source: HttpSource) -> None:
    source.route("/parts", gzipped(json_rows(ROWS)))
    with pytest.raises(SourceLimitError, match="max_bytes"):
        read(rest(source, {}, max_bytes=500))
    with pytest.raises(SourceLimitError, match="max_decoded_bytes"):
        read(rest(source, {}, max_decoded_bytes=5_000))
    source.route(
        "/parts", lambda request: Reply(200, {}, (b'["' if n == 0 else b"a" * (1 << 20) for n in range(100)))
    )
    with pytest.raises(SourceLimitError, match="single value"):
        read(rest(source, {}))
    source.route("/parts", lambda request: body(b"x", headers={"Content-Encoding": "br"}))
    with pytest.raises(SourceProtocolError, match="gzip or deflate was asked for"):
        read(rest(source, {}))


# Origins and credentials --------------------------------------------------------------------------------------

AUTH: dict[str, Any] = {"auth": "bearer", "token": "plum-tart-7", "headers": {"X-Tenant": "seven"}}


@pytest.mark.parametrize("style", ["next_link", "link_header", "redirect"])
@pytest.mark.parametrize(
    "spelling", ["{other}/parts", "//{other_host}/parts", "http://x@{other_host}/parts", "{other}#"]
)
def test_credentials_never_leave_the_origin(source: HttpSource, style: str, spelling: str) -> None:
    with start_http_source() as other:
        other.route("/*", json_rows(ROWS))
        link = spelling.format(other=other.origin, other_host=f"127.0.0.1:{other.port}")
        if style == "redirect":
            source.route("/parts", redirect(link))
        elif style == "link_header":
            headers = {"Link": f'<{link}>; rel="next"'}
            source.route("/parts", lambda request: body(encoded({"items": ROWS}), headers=headers))
        else:
            source.route("/parts", lambda request: body(encoded({"items": ROWS, "next": link})))
        paging = {"style": "next_link" if style == "redirect" else style}
        with pytest.raises(SourceProtocolError, match="another origin"):
            read(rest(source, {"rows": "items", "paging": paging}, **AUTH))
        assert other.requests == []
    assert source.requests[0].headers["authorization"] == "Bearer plum-tart-7"
    assert source.requests[0].headers["x-tenant"] == "seven"


@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:1\r\nx: y", "http://[", "http://169.254.169.254/x", "ftp://a/b", "\x00"]
)
def test_a_next_link_of_any_other_kind_is_refused(source: HttpSource, link: str) -> None:
    source.route("/parts", lambda request: body(json.dumps({"items": ROWS, "next": link}).encode()))
    with pytest.raises(SourceProtocolError, match=r"origin|not an address"):
        read(rest(source, STYLES[Paging.NEXT_LINK]))
    assert len(source.requests) == 1


def test_a_redirect_within_the_origin_is_followed_and_a_loop_is_not(source: HttpSource) -> None:
    source.route("/parts", redirect("/elsewhere?x=1"))
    source.route("/elsewhere", json_rows(ROWS))
    assert read(rest(source, {})) == ROWS
    source.route("/elsewhere", redirect("/parts"))
    with pytest.raises(SourceProtocolError, match="again and again"):
        read(rest(source, {}))


def oauth(source: HttpSource, **changes: Any) -> Rest:
    values = {"auth": "oauth2", "token_url": "/token", "client_id": "us", "client_secret": "plum-tart-7", **changes}
    return rest(source, STYLES[Paging.NEXT_LINK], **values)


def test_a_token_that_expires_between_pages_is_renewed(source: HttpSource) -> None:
    tokens = Tokens(uses=1)
    source.route("/token", tokens.issue)
    source.route("/parts", tokens.required(pages(ROWS, Paging.NEXT_LINK, size=100)))
    assert read(oauth(source)) == ROWS
    assert tokens.issued == 3
    asked = next(request for request in source.requests if request.path == "/token")
    assert b"client_credentials" in asked.body and b"plum-tart" not in asked.body


def test_a_token_that_is_never_good_or_never_given_is_a_login_error(source: HttpSource) -> None:
    source.route("/token", Tokens(uses=0).issue)
    source.route("/parts", Tokens().required(json_rows(ROWS)))
    with pytest.raises(SourceLoginError):
        read(oauth(source))
    for answer in (b"{}", b"[", b'{"access_token": 5}', b'{"access_token": ""}'):
        source.route("/token", lambda request, answer=answer: body(answer))  # type: ignore[misc]
        with pytest.raises(SourceLoginError, match="gave no token") as caught:
            read(oauth(source))
        assert "plum-tart" not in f"{caught.value} {caught.value.hint}"
    stages = list(oauth(source).test())
    assert [(stage.name, stage.ok) for stage in stages] == [("dns", True), ("tcp", True), ("login", False)]


def test_a_connection_test_names_what_is_forbidden(source: HttpSource) -> None:
    for status, failing in ((401, "login"), (403, "permission"), (404, "first_row"), (200, None)):
        source.route("/parts", lambda request, status=status: body(b"[]", status=status))  # type: ignore[misc]
        connector = rest(source, {})
        last = list(connector.test())[-1]
        assert (last.name, last.ok) == (failing or "first_row", failing is None)
        assert last.ok or last.hint


# Filters ------------------------------------------------------------------------------------------------------

FILTERED: dict[str, Any] = {
    "columns": {"id": "BIGINT", "name": "VARCHAR", "at": "TIMESTAMP WITH TIME ZONE"},
    "filters": {
        "name": {"parameter": "name", "op": "in", "list": "comma"},
        "at": [{"parameter": "from", "op": "ge"}, {"parameter": "to", "op": "lt"}],
        "id": {"parameter": "id", "exact": True},
    },
}


def test_predicates_become_parameters_and_are_checked_here(source: HttpSource) -> None:
    rows = [{"id": n, "name": name, "at": f"2024-01-0{n}T00:00:00Z"} for n, name in ((1, "a"), (2, "b"), (3, "A"))]
    source.route("/parts", json_rows(rows))
    moment = datetime(2024, 1, 2, 0, 0, 0, 5, tzinfo=UTC)
    found = read(
        rest(source, FILTERED),
        Comparison("name", Op.IN, ("a", "b")),
        Comparison("at", Op.GE, (datetime(2024, 1, 1, tzinfo=UTC),)),
        Comparison("at", Op.LT, (moment,)),
        AnyOf((Comparison("id", Op.EQ, (1,)), Comparison("id", Op.EQ, (2,)))),
    )
    assert [row["id"] for row in found] == [1, 2]  # the source ignores its filters, the answer is right all the same
    assert source.requests[0].query == {"name": "a,b", "from": "2024-01-01T00:00:00Z", "to": "2024-01-02T00:00:01Z"}
    assert read(rest(source, FILTERED), Comparison("name", Op.IN, ("a,b",))) == []
    assert "name" not in source.requests[1].query
    assert len(read(rest(source, FILTERED), Comparison("id", Op.EQ, (1,)))) == 1
    assert source.requests[2].query == {"id": "1"}


def test_a_required_filter_that_is_missing_is_named(source: HttpSource) -> None:
    table = {**FILTERED, "required_filters": ["name"]}
    with pytest.raises(RequiredFilterError, match="'name'") as caught:
        read(rest(source, table))
    assert caught.value.details["columns"] == ["name"]
    assert source.requests == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"base_url": "example.com"}, "base_url"),
        ({"base_url": "http://user:plum-tart@example.com"}, "base_url"),
        ({"auth": "basic", "username": "u"}, "password"),
        ({"headers": {"Authorization": "plum-tart"}}, "Authorization"),
        ({"headers": {"X": "a\r\nplum-tart"}}, "line break"),
        ({"tables": {"t": {"path": "http://evil/x"}}}, "path"),
        ({"tables": {"t": {"path": "../x"}}}, "path"),
        ({"tables": {"t": {"path": "x?y=plum-tart"}}}, "path"),
        ({"tables": {"t": {"path": "x", "columns": {"a": "INT32"}}}}, "INT32"),
        ({"tables": {"t": {"path": "x", "columns": COLUMNS, "filters": {"b": {"parameter": "b"}}}}}, "'b'"),
        ({"tables": {"t": {"path": "x", "columns": COLUMNS, "required_filters": ["id"]}}}, "required_filters"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigurationError, match=field) as caught:
        connector_config("rest", {"base_url": "http://example.com", **changes})
    assert "plum-tart" not in f"{caught.value} {caught.value.hint} {caught.value.details}"


def test_column_types_are_proposed_from_the_first_rows(source: HttpSource) -> None:
    rows = [{"id": n, "w": n + 0.25, "at": "2024-01-01T00:00:00Z", "s": "01", "o": {}} for n in range(50)]
    source.route("/parts", json_rows(rows, under="data"))
    proposal = rest(source, {"rows": "data", "columns": {}}).infer(TableName(("parts",)))
    assert {column.name: column.sql_type for column in proposal.columns} == {
        **{"id": "BIGINT", "w": "DECIMAL(18,2)", "at": "TIMESTAMP WITH TIME ZONE", "s": "VARCHAR", "o": "VARCHAR"},
    }
    with pytest.raises(ConfigurationError, match="no columns") as caught:
        read(rest(source, {"rows": "data", "columns": {}}))
    assert "viewloom infer" in caught.value.hint


# TLS ----------------------------------------------------------------------------------------------------------


def test_a_certificate_is_checked_and_an_own_authority_can_be_named(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on this machine: apt-get install openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), JsonOverTls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        tables = {"parts": {"path": "parts", "columns": COLUMNS}}

        def over(host: str, **changes: Any) -> Rest:
            values = {"base_url": f"https://{host}:{server.server_port}", "tables": tables, "retries": 0, **changes}
            return Rest(connector_config("rest", values))

        refused: dict[str, dict[str, Any]] = {
            "localhost": {},
            "127.0.0.1": {"ca_file": str(certificate)},
        }  # unknown authority; wrong name
        for host, changes in refused.items():
            connector = over(host, **changes)
            with pytest.raises(SourceUnavailableError, match="certificate"):
                read(connector)
            assert [(stage.name, stage.ok) for stage in connector.test()][-1] == ("tls", False)
            connector.close()
        accepted: tuple[dict[str, Any], ...] = ({"ca_file": str(certificate)}, {"tls": "require"})
        for changes in accepted:
            connector = over("localhost", **changes)
            assert read(connector) == ROWS
            assert [stage.ok for stage in connector.test()] == [True] * 6
            connector.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class JsonOverTls(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = encoded(ROWS)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""

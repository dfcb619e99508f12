"""Requests as networks and sources treat them: cut, refused, slow, sent elsewhere."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.rest import Rest
from connectors.sdk.errors import (
    ConnectorError,
    ScanCancelledError,
    SourceLoginError,
    SourcePermissionError,
    SourceProtocolError,
    SourceTableMissingError,
    SourceTimeoutError,
    SourceUnavailableError,
)
from connectors.sdk.registry import connector_config
from connectors.sdk.scan import ScanRequest, TableName
from tests.connectors.rest_tables import COLUMNS, ROWS, STYLES, read, rest
from tests.servers.http_replies import (
    Paging,
    body,
    drip,
    encoded,
    json_rows,
    redirect,
    reset,
    throttled,
    truncated,
)
from tests.servers.http_source import Handler, HttpSource, Reply, Request, start_http_source


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

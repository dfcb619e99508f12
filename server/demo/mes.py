"""The MES of the demo plant: a paged JSON API behind OAuth 2.0 client credentials, as slow as the real ones.

    python -m server.demo.mes --port 8081

`POST /oauth/token` gives a bearer token for sixty seconds. `GET /api/<table>` answers
`{"data": [...], "paging": {"page", "page_size", "total", "next"}}`; `page` starts at 1, `page_size` is at most 500.
Filters: `machine`, `line`, `status` (equal; several values by commas), `from` and `to` (ISO 8601 with a zone).
Every seventh request to a table is refused with 429 and `Retry-After: 1`: a client of such systems has to be
patient. The first line on standard output is the address.
"""

import argparse
import base64
import binascii
import hmac
import json
import secrets
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from server.demo.mes_tables import BY_NAME, JsonRow, Table, rows

CLIENT_ID = "viewloom"
CLIENT_SECRET = "hallwig-demo-only"  # noqa: S105  (guards invented data on localhost)
MAX_PAGE_SIZE = 500
EQUAL_FILTERS = ("machine", "line", "status")
MAX_BODY = 8192


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How slow and how moody the server is; `throttle_every` 0 means never."""

    page_seconds: float = 0.2
    throttle_every: int = 7
    token_seconds: float = 60.0
    client_id: str = CLIENT_ID
    client_secret: str = field(default=CLIENT_SECRET, repr=False)


class RefusedError(Exception):
    """A request that gets an error status; `text` says what to do."""

    def __init__(self, status: HTTPStatus, code: str, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.headers = status, code, text, headers or {}


def _moment(name: str, text: str) -> str:
    """The moment in the rows' own form, in which text order is time order."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, "bad_parameter", f"{name} must be ISO 8601 with a zone, as 2026-03-31T12:00:00Z"
        )
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 9):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "bad_parameter", f"{name} must be a whole number from 1")
    return int(text)


def select(table: Table, filters: dict[str, str]) -> list[JsonRow]:
    """The rows of `table` that pass the filters; RefusedError when a filter is unknown to it."""
    found: list[JsonRow] = list(rows(table.name))
    for name, text in filters.items():
        if name in EQUAL_FILTERS and name in table.columns:
            wanted = frozenset(text.split(","))
            found = [row for row in found if row[name] in wanted]
        elif name == "from":
            since = _moment(name, text)
            found = [row for row in found if (end := row[table.ends]) is None or str(end) >= since]
        elif name == "to":
            until = _moment(name, text)
            found = [row for row in found if str(row[table.starts]) < until]
        else:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "bad_parameter", f"{table.name} has no filter of that name")
    return found


class MesServer(ThreadingHTTPServer):
    """The server with its tokens and its count of requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.behaviour = behaviour
        self.lock = threading.Lock()
        self.tokens: dict[str, float] = {}
        self.asked = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle of an answer is no error of ours; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def issue_token(self) -> str:
        now = time.monotonic()
        token = secrets.token_urlsafe(24)
        with self.lock:
            self.tokens = {known: end for known, end in self.tokens.items() if end > now}
            self.tokens[token] = now + self.behaviour.token_seconds
        return token

    def check_token(self, header: str | None) -> None:
        kind, _, token = (header or "").partition(" ")
        with self.lock:
            end = self.tokens.get(token.strip()) if kind.lower() == "bearer" else None
        if end is None or end <= time.monotonic():
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED, "invalid_token",
                "The token is missing or expired; ask /oauth/token for one.",
                {"WWW-Authenticate": 'Bearer realm="mes", error="invalid_token"'},
            )  # fmt: skip

    def count_request(self) -> None:
        with self.lock:
            self.asked += 1
            refuse = self.behaviour.throttle_every and self.asked % self.behaviour.throttle_every == 0
        if refuse:
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", "Try again after one second.", {"Retry-After": "1"}
            )

    def page(self, name: str, query: str) -> dict[str, object]:
        """One page of a table, after the time that it takes."""
        table = BY_NAME.get(name)
        if table is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "not_found", f"The tables are {', '.join(BY_NAME)}.")
        filters = dict(parse_qsl(query, keep_blank_values=True))
        number = _number("page", filters.pop("page", "1"))
        size = min(MAX_PAGE_SIZE, _number("page_size", filters.pop("page_size", "100")))
        found = select(table, filters)
        time.sleep(self.behaviour.page_seconds)
        following = None
        if number * size < len(found):
            arguments = urlencode({**filters, "page": number + 1, "page_size": size})
            following = f"{self.address}/api/{name}?{arguments}"
        return {
            "data": found[(number - 1) * size : number * size],
            "paging": {"page": number, "page_size": size, "total": len(found), "next": following},
        }


class _Handler(BaseHTTPRequestHandler):
    server: MesServer
    protocol_version = "HTTP/1.1"
    server_version = "HallwigMES/4.2"
    sys_version = ""
    timeout = 60
    # Headers and body leave in two writes; with Nagle's algorithm the second would wait for the client's ACK.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/health":
            self.answer(HTTPStatus.OK, {"status": "ok"})
        elif parts.path.startswith("/api/"):
            self.attempt(lambda: self.read(parts.path.removeprefix("/api/"), parts.query))
        else:
            self.refuse(RefusedError(HTTPStatus.NOT_FOUND, "not_found", "Tables are under /api/."))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self.refuse(
                RefusedError(HTTPStatus.BAD_REQUEST, "invalid_request", "A body with Content-Length is needed.")
            )
            return
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        if urlsplit(self.path).path != "/oauth/token":
            self.refuse(RefusedError(HTTPStatus.NOT_FOUND, "not_found", "Only /oauth/token takes POST."))
            return
        self.attempt(lambda: self.token(body))

    def attempt(self, work: Callable[[], dict[str, object]]) -> None:
        try:
            document = work()
        except RefusedError as refusal:
            self.refuse(refusal)
        else:
            self.answer(HTTPStatus.OK, document)

    def read(self, name: str, query: str) -> dict[str, object]:
        self.server.check_token(self.headers.get("Authorization"))
        self.server.count_request()
        return self.server.page(name, query)

    def token(self, body: str) -> dict[str, object]:
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if form.get("grant_type") != "client_credentials":
            raise RefusedError(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", "Use grant_type=client_credentials.")
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        kind, _, basic = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                name, _, secret = base64.b64decode(basic, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                name = secret = ""
        expected = self.server.behaviour
        same = hmac.compare_digest(
            f"{name}\0{secret}".encode(), f"{expected.client_id}\0{expected.client_secret}".encode()
        )
        if not same:
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED, "invalid_client", "The client is not known or its secret is wrong."
            )
        return {
            "access_token": self.server.issue_token(),
            "token_type": "Bearer",
            "expires_in": int(expected.token_seconds),
        }

    def refuse(self, refusal: RefusedError) -> None:
        self.answer(refusal.status, {"error": refusal.code, "message": refusal.text}, refusal.headers)

    def answer(self, status: HTTPStatus, document: dict[str, object], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the demo's console belongs to Viewloom."""


def main() -> None:
    """Serve until interrupted, or until standard input closes when `--until-stdin-closes` is given."""
    options = argparse.ArgumentParser(prog="python -m server.demo.mes", description="The MES of the demo plant.")
    options.add_argument("--port", type=int, default=8081, help="0 picks a free one")
    options.add_argument("--page-seconds", type=float, default=0.2)
    options.add_argument("--throttle-every", type=int, default=7, help="0 means never")
    options.add_argument("--token-seconds", type=float, default=60.0)
    options.add_argument("--until-stdin-closes", action="store_true")
    chosen = options.parse_args()
    try:
        server = MesServer(chosen.port, Behaviour(chosen.page_seconds, chosen.throttle_every, chosen.token_seconds))
    except OSError as error:
        sys.stdout.write(f"port {chosen.port} can't be used: {error.strerror}\n")
        sys.exit(1)
    for name in BY_NAME:
        rows(name)
    if chosen.until_stdin_closes:
        # A parent that is killed can't stop us, but its end of the pipe closes.
        def watch() -> None:
            sys.stdin.buffer.read()
            server.shutdown()

        threading.Thread(target=watch, daemon=True).start()
    sys.stdout.write(server.address + "\n")
    sys.stdout.flush()
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        sys.stdout.write("stopped\n")
    finally:
        server.server_close()


if __name__ == "__main__":
    main()

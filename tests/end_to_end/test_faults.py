"""Every fault of a source, for every kind of it, through the whole server: a clear error or a broken answer, never a
short one; and the next request is whole again, because nothing of the fault is left in sessions or workers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.raw import Heard, exchange, get
from tests.end_to_end.server import Site, running_site
from tests.engine.workers import until
from tests.servers.fault_proxy import FaultProxy, Faults, start_fault_proxy
from tests.servers.http_replies import Tokens, json_rows, truncated
from tests.servers.http_source import HttpSource, start_http_source
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

ROWS = 60_000
WIDE = "x" * 300
NETWORK = ("erp", "mes", "web")
ALL = (*NETWORK, "local", "lab")
FORMS = ("csv", "odata")
FAULTS = {
    "refused": Faults(refuse=True),
    "reset at once": Faults(reset_at_once=True),
    "reset before the first byte": Faults(reset_after=20),
    "reset in mid-stream": Faults(reset_after=6_000_000),
    "truncated": Faults(truncate_after=6_000_000),
    "one byte a second": Faults(bytes_per_second=1),
    "silent for ever": Faults(silent=True),
}
EARLY = tuple(FAULTS)[:3] + tuple(FAULTS)[5:]
# A typed database can't hold such a value; the other sources can.
BAD_VALUE_ROW = 50_000


@dataclass(frozen=True, slots=True)
class Rig:
    """The server with one table `rows` of five kinds, published as `<connection>_rows`."""

    site: Site
    postgres: PostgresServer
    mariadb: MariaDBServer
    http: HttpSource
    tokens: Tokens
    proxies: dict[str, FaultProxy]
    directory: Path

    def ask(self, connection: str, form: str = "csv") -> Heard:
        name = f"{connection}_rows"
        path = f"/odata/plant/{name}" if form == "odata" else f"/api/v1/plant/data/{name}?format=csv"
        return exchange(self.site.port, get(path, self.site.key), timeout=60)

    def is_whole(self, connection: str) -> bool:
        heard = self.ask(connection)
        return heard.status == 200 and heard.complete and heard.body.count(b"\r\n") == ROWS + 1

    @contextmanager
    def network(self, connection: str, faults: Faults) -> Iterator[None]:
        """A fault between Viewloom and a source; open connections end, so that none goes around it."""
        proxy = self.proxies[connection]
        proxy.cut()
        proxy.set(faults)
        try:
            yield
        finally:
            proxy.set(Faults())
            proxy.cut()


@pytest.fixture(scope="module")
def rig(
    postgres_database: PostgresServer, mariadb_database: MariaDBServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    directory = tmp_path_factory.mktemp("sources")
    rows = [(number, f"{WIDE}{number}") for number in range(1, ROWS + 1)]
    fill(postgres_database, mariadb_database, directory, rows)
    tokens = Tokens()
    secrets = {"VIEWLOOM_SECRET_PG": postgres_database.password, "VIEWLOOM_SECRET_MY": mariadb_database.password,
               "VIEWLOOM_SECRET_WEB": "shop"}  # fmt: skip
    with (
        start_http_source() as http,
        start_fault_proxy(postgres_database.host, postgres_database.port) as erp,
        start_fault_proxy(mariadb_database.host, mariadb_database.port) as mes,
        start_fault_proxy("127.0.0.1", http.port) as web,
        running_site(tmp_path_factory.mktemp("site"), secrets) as site,
    ):
        http.route("/token", tokens.issue)
        serve(http, tokens, rows)
        made = Rig(
            site,
            postgres_database,
            mariadb_database,
            http,
            tokens,
            {"erp": erp, "mes": mes, "web": web},
            directory,
        )
        connect(made)
        yield made


def fill(postgres: PostgresServer, mariadb: MariaDBServer, directory: Path, rows: list[tuple[int, str]]) -> None:
    make = f"SELECT i, repeat('x', {len(WIDE)}) || i FROM generate_series(1, {ROWS}) i"
    with postgres.connect() as session:
        session.execute("CREATE TABLE rows (id bigint PRIMARY KEY, name text)")
        session.execute(f"INSERT INTO rows {make}")
    with mariadb.connect() as opened, opened.cursor() as cursor:
        cursor.execute("CREATE TABLE rows_ (id bigint PRIMARY KEY, name varchar(400)) CHARACTER SET utf8mb4")
        cursor.execute(f"INSERT INTO rows_ SELECT seq, CONCAT(repeat('x', {len(WIDE)}), seq) FROM seq_1_to_{ROWS}")
        opened.commit()
    write_sqlite(directory / "local.db", rows)
    write_csv(directory / "rows.csv", rows)


def write_sqlite(file: Path, rows: list[tuple[object, str]]) -> None:
    with sqlite3.connect(file) as lite:
        lite.execute("DROP TABLE IF EXISTS rows")
        lite.execute("CREATE TABLE rows (id BIGINT, name TEXT)")
        lite.executemany("INSERT INTO rows VALUES (?, ?)", rows)
    lite.close()


def write_csv(file: Path, rows: list[tuple[object, str]]) -> None:
    file.write_text("id,name\n" + "".join(f"{number},{name}\n" for number, name in rows))


def serve(http: HttpSource, tokens: Tokens, rows: list[tuple[object, str]]) -> None:
    http.route("/rows", tokens.required(json_rows([{"id": number, "name": name} for number, name in rows])))


def connect(rig: Rig) -> None:
    site = rig.site
    patience = {"connect_timeout": 2, "read_timeout": 2, "statement_timeout": 3, "tls": "disable"}
    for name, kind, server in (("erp", "postgres", rig.postgres), ("mes", "mysql", rig.mariadb)):
        proxy, secret = rig.proxies[name], {"erp": "PG", "mes": "MY"}[name]
        site.connect(
            name,
            kind,
            {
                "host": proxy.host,
                "port": proxy.port,
                "database": server.database,
                "user": server.user,
                "password": f"env:VIEWLOOM_SECRET_{secret}",
                **patience,
            },
        )
    columns = {"id": "BIGINT", "name": "VARCHAR"}
    origin = f"http://127.0.0.1:{rig.proxies['web'].port}"
    login = {"auth": "oauth2", "token_url": f"{origin}/token", "client_id": "shop",
             "client_secret": "env:VIEWLOOM_SECRET_WEB"}  # fmt: skip
    site.connect(
        "web",
        "rest",
        {
            "base_url": origin,
            "tls": "disable",
            "connect_timeout": 2,
            "timeout": 2,
            "retries": 1,
            **login,
            "tables": {"rows": {"path": "rows", "columns": columns}},
        },
    )
    site.connect("local", "sqlite", {"directory": str(rig.directory), "file": "local.db"})
    site.connect(
        "lab",
        "files",
        {"directory": str(rig.directory), "tables": {"rows": {"path": "rows.csv", "columns": columns}}},
    )
    tables = {"erp": "public.rows", "mes": "rows_", "web": "rows", "local": "rows", "lab": "rows"}
    for name, table in tables.items():
        site.publish(f"{name}_rows", f"SELECT id, name FROM {name}.{table}", limits={"max_source_time": 5})


def check_fault(rig: Rig, connection: str, heard: Heard, early: bool) -> None:
    """A clean error that names the connection, or an answer that is seen as broken."""
    if early:
        assert heard.status in (502, 503, 504), heard.body[:300]
    if heard.status == 200:
        assert not heard.complete
        assert rig.site.run(str(heard.header("viewloom-run")))["status"] == "broken"
        return
    assert heard.complete
    assert f"'{connection}'".encode() in heard.body or b"longer than" in heard.body, heard.body[:300]
    assert b"x" * 50 not in heard.body


@pytest.mark.parametrize("connection", ALL)
def test_without_a_fault_every_row_comes(rig: Rig, connection: str) -> None:
    assert rig.is_whole(connection)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("connection", NETWORK)
def test_a_fault_of_the_network_is_never_a_short_answer_and_leaves_nothing_behind(
    rig: Rig, connection: str, fault: str
) -> None:
    for form in FORMS if fault in ("reset in mid-stream", "truncated") else FORMS[:1]:
        with rig.network(connection, FAULTS[fault]):
            heard = rig.ask(connection, form)
        check_fault(rig, connection, heard, fault in EARLY)
    until(lambda: rig.site.pool()["busy"] == 0, 10)
    assert rig.is_whole(connection)


@pytest.mark.parametrize("connection", ["erp", "mes"])
def test_sessions_that_the_source_ended_are_replaced_unseen(rig: Rig, connection: str) -> None:
    assert rig.is_whole(connection)
    rig.proxies[connection].cut()  # idle sessions end: nothing was asked, so asking anew is safe
    assert rig.is_whole(connection)


def test_one_lost_answer_of_a_web_api_is_asked_for_again(rig: Rig) -> None:
    """GET changes nothing, and no row of the lost answer had been passed on."""
    whole = rig.http.routes["/rows"]
    lost = iter([True])

    def once(request):  # type: ignore[no-untyped-def]
        return truncated(whole, after=10)(request) if next(lost, False) else whole(request)

    rig.http.route("/rows", once)
    try:
        assert rig.is_whole("web")
    finally:
        rig.http.route("/rows", whole)


def test_an_expired_login_of_a_web_api_is_renewed(rig: Rig) -> None:
    assert rig.is_whole("web")
    issued = rig.tokens.issued
    rig.tokens.expire()
    assert rig.is_whole("web")
    assert rig.tokens.issued == issued + 1


def test_a_login_that_is_refused_for_good_is_an_error_that_says_so(rig: Rig) -> None:
    token = rig.http.routes["/token"]
    rig.http.route("/token", Tokens().issue)  # tokens that the service does not know
    rig.tokens.expire()
    try:
        heard = rig.ask("web")
    finally:
        rig.http.route("/token", token)
    check_fault(rig, "web", heard, True)
    assert rig.is_whole("web")


def with_bad_value(rows: list[tuple[object, str]]) -> list[tuple[object, str]]:
    return [*rows[:BAD_VALUE_ROW], ("no number", "y"), *rows[BAD_VALUE_ROW + 1 :]]


def all_rows() -> list[tuple[object, str]]:
    return [(number, f"{WIDE}{number}") for number in range(1, ROWS + 1)]


BREAK: dict[str, Callable[[Rig, list[tuple[object, str]]], None]] = {
    "web": lambda rig, rows: serve(rig.http, rig.tokens, rows),
    "local": lambda rig, rows: write_sqlite(rig.directory / "local.db", rows),
    "lab": lambda rig, rows: write_csv(rig.directory / "rows.csv", rows),
}


@pytest.mark.parametrize("connection", BREAK)
def test_a_value_of_another_type_in_row_50000_is_no_short_answer(rig: Rig, connection: str) -> None:
    BREAK[connection](rig, with_bad_value(all_rows()))
    try:
        heard = rig.ask(connection)
    finally:
        BREAK[connection](rig, all_rows())
    check_fault(rig, connection, heard, False)
    if heard.status == 200:
        assert heard.body.count(b"\r\n") <= BAD_VALUE_ROW + 1
    assert b"no number" not in heard.body
    assert rig.is_whole(connection)


CHANGED = "ALTER TABLE {} RENAME COLUMN name TO title"
RESTORED = "ALTER TABLE {} RENAME COLUMN title TO name"


def change_schema(rig: Rig, connection: str, statement: str) -> None:
    if connection == "erp":
        with rig.postgres.connect() as session:
            session.execute(statement.format("rows"))
    elif connection == "mes":
        with rig.mariadb.connect() as opened, opened.cursor() as cursor:
            cursor.execute(statement.format("rows_"))
    else:
        with sqlite3.connect(rig.directory / "local.db") as lite:
            lite.execute(statement.format("rows"))
        lite.close()


@pytest.mark.parametrize("connection", ["erp", "mes", "local"])
def test_a_renamed_column_is_named(rig: Rig, connection: str) -> None:
    change_schema(rig, connection, CHANGED)
    try:
        heard = rig.ask(connection)
    finally:
        change_schema(rig, connection, RESTORED)
    assert heard.status == 502
    assert b"source_schema_changed" in heard.body
    assert b"'name'" in heard.body
    assert rig.is_whole(connection)


@pytest.mark.parametrize(("connection", "file"), [("local", "local.db"), ("lab", "rows.csv")])
def test_a_file_that_is_gone_or_cut_is_no_short_answer(rig: Rig, connection: str, file: str) -> None:
    path = rig.directory / file
    content = path.read_bytes()
    try:
        path.unlink()
        gone = rig.ask(connection)
        path.write_bytes(content[: len(content) // 2] if connection == "local" else content + b'60001,"cut')
        cut = rig.ask(connection)
    finally:
        path.write_bytes(content)
    check_fault(rig, connection, gone, True)
    check_fault(rig, connection, cut, False)
    assert rig.is_whole(connection)

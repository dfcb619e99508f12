"""Whatever is asked wrongly gets a status, a stable code and words that help; the server goes on."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.end_to_end.conftest import CANARY, Plant, settled
from tests.end_to_end.raw import exchange, get
from tests.end_to_end.server import Site, done
from tests.engine.workers import until
from tests.servers.fault_proxy import Faults

DEEP = "not (" * 10_000 + "id eq 1" + ")" * 10_000
ODATA = [
    # path below the service root, status, code, a word that the message must have
    ("nothing", 404, "unknown_name", "nothing"),
    ("number", 404, "unknown_name", "numbers"),
    ("numbers(1)/nope", 404, None, "nope"),
    ("numbers(99999)", 404, None, ""),
    ("numbers('x')", 400, None, "id"),
    ("numbers(1,2)", 400, None, ""),
    ("numbers?$filter=nope eq 1", 400, None, "nope"),
    ("numbers?$filter=nam eq 'a'", 400, None, "name"),
    ("numbers?$filter=nofunction(name)", 501, None, "nofunction"),
    ("numbers?$filter=id eq 'x'", 400, None, "id"),
    ("numbers?$filter=id eq", 400, None, ""),
    ("numbers?$filter=at gt 2024-13-45T00:00:00Z", 400, None, ""),
    ("numbers?$filter=contains(name,'zz'' OR 1=1 --')", 200, None, ""),
    ("numbers?$filter=name eq '' OR 1=1", 400, None, ""),
    ("numbers?$select=nope", 400, None, "nope"),
    ("numbers?$orderby=nope", 400, None, "nope"),
    ("numbers?$top=-1", 400, None, "$top"),
    ("numbers?$top=many", 400, None, "$top"),
    ("numbers?$skiptoken=rubbish", 400, None, ""),
    ("numbers?$nope=1", 400, None, "$nope"),
    ("numbers?$format=atom", 406, None, ""),
    ("numbers?$expand=lines", None, None, ""),
    ("numbers?$apply=aggregate(id with sum as s)", 501, None, "$apply"),
    ("numbers?$filter=" + DEEP, None, None, ""),
    ("numbers?$filter=" + "(" * 9_000 + "id eq 1" + ")" * 9_000, None, None, ""),
    ("numbers?$filter=" + " or ".join(["id eq 1"] * 5_000), None, None, ""),
    ("numbers?$filter=name eq '%ZZ'", 400, None, ""),
    ("numbers?$filter=name eq '%ff%fe'", 400, None, ""),
    ("numbers?$filter=name eq '%00'", None, None, ""),
]
REST = [
    ("nothing", 404, "unknown_name"),
    ("numbers?nope=eq.1", 400, None),
    ("numbers?id=zz.1", 400, None),
    ("numbers?id=eq.x", 400, None),
    ("numbers?id=in.(1,2", 400, None),
    ("numbers?select=nope", 400, None),
    ("numbers?order=nope.desc", 400, None),
    ("numbers?limit=-1", 400, None),
    ("numbers?format=xml", 406, None),
    ("numbers?or=" + "(or" * 5_000, None, None),
]
SQL = [
    ("SELEKT 1", 400, "sql_syntax"),
    ("", 400, None),
    ("SELECT 1; SELECT 2", 400, None),
    ("DROP TABLE numbers", 400, None),
    ("INSERT INTO numbers VALUES (1)", 400, None),
    ("WITH x AS (INSERT INTO numbers VALUES (1)) SELECT 1", 400, None),
    ("COPY numbers TO '/tmp/x'", 400, None),
    ("ATTACH '/tmp/x.db'", 400, None),
    ("PRAGMA database_list", 400, None),
    ("SET threads = 1", 400, None),
    ("SELECT * FROM read_csv('/etc/passwd')", 400, None),
    ("SELECT * FROM '/etc/passwd'", None, None),
    ("SELECT * FROM erp.public.numbers", None, None),
    ("SELECT * FROM information_schema.tables", None, None),
    ("SELECT * FROM duckdb_settings()", 400, None),
    ("SELECT getenv('HOME')", 400, None),
    ("SELECT nofunction(id) FROM numbers", 400, "sql_not_allowed"),
    ("SELECT nope FROM numbers", 400, "unknown_column"),
    ("SELECT * FROM numbrs", 404, "unknown_name"),
    ("SELECT name + 1 FROM numbers", None, None),
    ("SELECT CAST(name AS INTEGER) AS a FROM numbers WHERE id = 1", 422, "query_value"),
    ("SELECT 1 / 0 AS a", 200, None),
    ("SELECT " + "(" * 5_000 + "1" + ")" * 5_000, 413, "query_too_large"),
    ("SELECT 1 " + "+ 1" * 60_000, 413, "query_too_large"),
    ("SELECT repeat(name, 100000000) AS a FROM numbers", 422, "memory_limit"),
]


def problem(answer: httpx.Response) -> dict[str, Any]:
    """code, message and hint, whatever the protocol."""
    document = answer.json()
    if "error" in document:
        inner = document["error"]
        more = inner.get("innererror", {})
        text = f"{inner['message']} {more.get('option', '')}"
        return {"code": inner["code"], "message": text, "hint": more.get("hint", "")}
    return {name: document[name] for name in ("code", "message", "hint")}


def check(answer: httpx.Response, status: int | None, code: str | None, word: str = "") -> None:
    if status is not None:
        assert answer.status_code == status, answer.text[:500]
    assert answer.status_code < 500 or answer.status_code == 501, answer.text[:500]
    if answer.status_code == 200:
        return
    found = problem(answer)
    assert code is None or found["code"] == code, found
    assert found["code"] != "internal"
    assert word in found["message"], found
    assert len(found["message"]) > 10 and len(answer.content) < 4_000
    assert "Traceback" not in answer.text and "sqlglot" not in answer.text.lower()


@pytest.mark.parametrize(("path", "status", "code", "word"), ODATA, ids=[row[0][:50] for row in ODATA])
def test_odata_says_what_is_wrong(site: Site, path: str, status: int | None, code: str | None, word: str) -> None:
    began = time.monotonic()
    check(site.client.get(site.odata + path), status, code, word)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("path", "status", "code"), REST, ids=[row[0][:50] for row in REST])
def test_rest_says_what_is_wrong(site: Site, path: str, status: int | None, code: str | None) -> None:
    check(site.client.get(site.data(path)), status, code)


@pytest.mark.parametrize(("sql", "status", "code"), SQL, ids=[row[0][:50] for row in SQL])
def test_sql_says_what_is_wrong(site: Site, sql: str, status: int | None, code: str | None) -> None:
    answer = site.client.post(f"{site.api}/sql", json={"sql": sql})
    check(answer, status, code)
    assert CANARY not in answer.text
    assert status is not None or answer.status_code != 200


def test_an_injection_into_contains_finds_nothing(site: Site) -> None:
    for text in ("zz'' OR 1=1 --", "%25", "_", "zz''||''", "\\"):
        answer = site.client.get(f"{site.odata}numbers?$filter=contains(name,'{text}')")
        assert done(answer)["value"] == []


def test_a_url_of_300_kilobytes_is_refused_in_words(site: Site) -> None:
    heard = exchange(site.port, get("/odata/plant/numbers?$filter=" + "x" * 300_000, site.key))
    assert heard.status in (413, 414) and heard.complete
    assert b"URL" in heard.body


def test_a_head_without_an_end_is_cut_off(site: Site) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Filler: " + b"x" * 4_000_000
    try:
        assert exchange(site.port, request, timeout=10).status >= 400
    except (EOFError, ConnectionError):
        return


def test_a_body_that_is_too_large_or_no_json_is_refused(site: Site) -> None:
    assert site.client.post(f"{site.api}/sql", content=b"x" * 1_100_000).status_code == 413
    for body in (b"{", b"[]", b'{"sql": 1}', b'{"sql": "SELECT 1", "more": 2}', b"\xff"):
        answer = site.client.post(f"{site.api}/sql", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, body
    assert site.client.post(f"{site.api}/sql", content=b"SELECT \xff").status_code == 400


def test_methods_that_a_path_does_not_take_are_told(site: Site) -> None:
    for method, url in (("POST", site.odata + "numbers"), ("DELETE", site.odata + "numbers(1)"),
                        ("PATCH", site.data("numbers")), ("GET", f"{site.api}/sql")):  # fmt: skip
        assert site.client.request(method, url).status_code == 405, (method, url)


def test_paths_that_lead_nowhere(site: Site) -> None:
    for path in ("/nowhere", "/odata", "/odata/", "/api", "/api/v1", "/api/v1/plant/data", "//odata//plant//numbers",
                 "/odata/plant/../other/", "/odata/plant/%2e%2e/other", "/odata/key//plant/", "/.env"):  # fmt: skip
        heard = exchange(site.port, get(path, site.key))
        assert 400 <= heard.status < 500, path
    for path in ("/odata/plant/numbers/", "/odata/plant//numbers", "/odata/plant/%6eumbers?$top=1"):
        assert exchange(site.port, get(path, site.key)).status in (200, 400, 404), path


def test_a_source_that_is_down_is_named_with_what_to_do(plant: Plant) -> None:
    plant.proxy.set(Faults(refuse=True))
    plant.proxy.cut()
    try:
        answer = plant.site.client.get(f"{plant.site.odata}far?$top=1")
    finally:
        plant.proxy.set(Faults())
    assert answer.status_code == 502
    assert "'away'" in problem(answer)["message"]
    assert answer.json()["error"]["innererror"]["source_code"] == "source_unavailable"
    assert plant.site.client.get(f"{plant.site.odata}far?$top=1").status_code == 200


def test_a_source_that_falls_silent_is_a_timeout(plant: Plant) -> None:
    plant.site.client.get(f"{plant.site.odata}patient?$top=1")
    plant.proxy.set(Faults(silent=True))
    began = time.monotonic()
    try:
        answer = plant.site.client.get(f"{plant.site.data('patient')}?format=csv")
    finally:
        plant.proxy.set(Faults())
        plant.proxy.cut()
    assert answer.status_code == 504, answer.text
    assert time.monotonic() - began < 6
    assert problem(answer)["hint"]
    until(lambda: settled(plant), 5)


def test_a_wrong_password_is_told_without_it(plant: Plant) -> None:
    site, database = plant.site, plant.database
    config = {"host": database.host, "port": database.port, "database": database.database, "user": database.user,
              "password": "env:VIEWLOOM_SECRET_BAD", "tls": "disable"}  # fmt: skip
    done(site.admin.put(f"{site.api}/connections/locked", json={"connector": "postgres", "config": config}))
    try:
        tried = site.admin.post(f"{site.api}/connections/locked/test").json()
        assert not tried["ok"]
        assert tried["stages"][-1]["stage"] == "login"
        refreshed = site.admin.post(f"{site.api}/connections/locked/refresh")
        assert refreshed.status_code == 502
        assert "password" in refreshed.text
        assert '"wrong"' not in refreshed.text
    finally:
        site.admin.delete(f"{site.api}/connections/locked")


def test_a_secret_in_clear_text_is_refused_and_not_repeated(plant: Plant) -> None:
    config = {"host": "h", "database": "d", "user": "u", "password": "hunter2-canary"}
    answer = plant.site.admin.put(
        f"{plant.site.api}/connections/careless", json={"connector": "postgres", "config": config}
    )
    assert answer.status_code == 422
    assert "env:" in answer.text
    assert "hunter2" not in answer.text


def test_a_table_that_changed_is_named_with_its_column(plant: Plant) -> None:
    url = f"{plant.site.odata}changing"
    assert done(plant.site.client.get(url))["value"] == [{"id": 1, "name": "one"}]
    try:
        with plant.database.connect() as session:
            session.execute("ALTER TABLE changing RENAME COLUMN name TO title")
        gone = plant.site.client.get(url)
        with plant.database.connect() as session:
            session.execute("ALTER TABLE changing RENAME COLUMN title TO name")
            session.execute("ALTER TABLE changing ALTER COLUMN name TYPE integer USING 7")
        retyped = plant.site.client.get(url)
        with plant.database.connect() as session:
            session.execute("ALTER TABLE changing RENAME TO changed")
        missing = plant.site.client.get(url)
    finally:
        with plant.database.connect() as session:
            session.execute("DROP TABLE IF EXISTS changed, changing")
            session.execute("CREATE TABLE changing (id integer PRIMARY KEY, name text)")
            session.execute("INSERT INTO changing VALUES (1, 'one')")
    for answer in (gone, retyped):
        assert answer.status_code == 502, answer.text
        assert answer.json()["error"]["innererror"]["source_code"] == "source_schema_changed"
        assert "name" in problem(answer)["message"]
        assert problem(answer)["hint"]
    assert missing.status_code == 502
    assert missing.json()["error"]["innererror"]["source_code"] in ("source_table_missing", "source_schema_changed")
    until(lambda: plant.site.client.get(url).status_code == 200, 5)


def test_a_body_that_drips_is_refused_and_its_connection_closed(site: Site) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
        head = f"POST /api/v1/plant/sql HTTP/1.1\r\nHost: a\r\nX-API-Key: {site.key}\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode())
        began = time.monotonic()
        data = b""
        try:
            while piece := connection.recv(4096):
                data += piece
        except ConnectionError:
            data += b""
        assert data.startswith(b"HTTP/1.1 4")
        assert time.monotonic() - began < 6


def test_health_is_quick_while_others_ask_wrongly(site: Site) -> None:
    began = time.monotonic()
    for _ in range(20):
        assert json.loads(site.plain.get(f"{site.root}/healthz").content) == {"status": "ok"}
    assert time.monotonic() - began < 2

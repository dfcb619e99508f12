"""Who asks: every way to carry a key, and one answer for everything that is wrong with it."""

import base64
import json
import socket
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from catalog.errors import CatalogError
from catalog.operator import ensure_workspace
from catalog.store import CatalogStore
from tests.end_to_end.raw import exchange, get, read_answer
from tests.end_to_end.server import Site, done


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_every_transport_of_a_key_works(site: Site) -> None:
    key, plain = site.key, site.plain
    for headers in (
        {"X-API-Key": key},
        {"x-api-key": key},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": basic("anybody", key)},
        {"Authorization": basic("", key)},
        {"Authorization": basic(key, "")},
        {"Authorization": basic("Müller", key)},
    ):
        for url in (site.odata, f"{site.odata}numbers?$top=1", f"{site.data('numbers')}?limit=1"):
            assert plain.get(url, headers=headers).status_code == 200, (url, headers)
    for url in (
        f"{site.odata}?api_key={key}",
        f"{site.odata}numbers?$top=1&api_key={key}",
        f"{site.odata}numbers?api_key={key}&$top=1",
        f"{site.odata}$metadata?api_key={key}",
        f"{site.data('numbers')}?limit=1&api_key={key}",
        f"{site.root}/odata/key/{key}/plant/",
        f"{site.root}/odata/key/{key}/plant",
        f"{site.root}/odata/key/{key}/plant/$metadata",
        f"{site.root}/odata/key/{key}/plant/numbers?$top=1",
    ):
        assert plain.get(url).status_code == 200, url


def test_everything_wrong_with_a_key_is_told_the_same(site: Site) -> None:
    issued = done(site.admin.post(f"{site.api}/keys", json={"name": "to be revoked"}))
    assert site.plain.get(site.odata, headers={"X-API-Key": issued["key"]}).status_code == 200
    assert site.admin.delete(f"{site.api}/keys/{issued['record']['id']}").status_code in (200, 204)
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    expiring = done(site.admin.post(f"{site.api}/keys", json={"name": "short", "expires_at": soon}))["key"]
    time.sleep(2.2)  # its second, and the one for which a server believes what it saw
    wrong = [
        {},
        {"X-API-Key": "ft_" + "A" * 43},
        {"X-API-Key": site.key[:-1] + ("A" if site.key[-1] != "A" else "B")},
        {"X-API-Key": ""},
        {"X-API-Key": issued["key"]},
        {"X-API-Key": expiring},
        {"X-API-Key": "x" * 5000},
        {"X-API-Key": "' OR 1=1 --"},
        {"Authorization": "Basic !!!"},
        {"Authorization": basic("a", "b")},
        {"Authorization": "Negotiate abc"},
        {"Authorization": "Bearer"},
        {"X-API-Key": site.key, "Authorization": basic("a", site.other_key)},
    ]
    answers = [site.plain.get(site.odata, headers=headers) for headers in wrong]
    assert {answer.status_code for answer in answers} == {401}
    bodies = set()
    for answer in answers:
        document = answer.json()
        document["error"]["innererror"].pop("run")
        bodies.add(json.dumps(document, sort_keys=True))
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert answer.headers["odata-version"] == "4.0"
    assert len(bodies) == 1


def test_a_key_of_another_workspace_sees_no_more_than_that_there_is_nothing(site: Site) -> None:
    headers = {"X-API-Key": site.other_key}
    answers: list[httpx.Response] = []
    for workspace in ("plant", "nowhere"):
        for path in (f"/odata/{workspace}/", f"/odata/{workspace}/numbers", f"/api/v1/{workspace}/data/numbers",
                     f"/api/v1/{workspace}/views", f"/api/v1/{workspace}/openapi.json"):  # fmt: skip
            answers.append(site.plain.get(site.root + path, headers=headers))
    assert {answer.status_code for answer in answers} == {404}
    texts = [answer.text.replace("plant", "WS").replace("nowhere", "WS") for answer in answers]
    runs = [answer.headers["viewloom-run"] for answer in answers]
    texts = [text.replace(run, "RUN") for text, run in zip(texts, runs, strict=True)]
    assert texts[:5] == texts[5:]


def test_an_unknown_publication_and_a_forbidden_one_look_the_same(site: Site) -> None:
    issued = done(site.admin.post(f"{site.api}/keys", json={"name": "narrow", "publications": ["numbers"]}))["key"]
    headers = {"X-API-Key": issued}
    assert site.plain.get(f"{site.odata}numbers?$top=1", headers=headers).status_code == 200
    for pattern in (site.odata + "{}", site.odata + "{}(1)", site.odata + "{}/$count", site.data("{}")):
        texts = []
        for name in ("parts", "ports"):
            answer = site.plain.get(pattern.format(name), headers=headers)
            assert answer.status_code == 404
            texts.append(answer.text.replace(name, "X").replace(answer.headers["viewloom-run"], "RUN"))
        assert texts[0] == texts[1]
    sql = [
        site.plain.post(f"{site.api}/sql", json={"sql": f"SELECT * FROM {name}"}, headers=headers)
        for name in ("parts", "ports")
    ]
    assert sql[0].text.replace("parts", "X").replace(sql[0].headers["viewloom-run"], "") == sql[1].text.replace(
        "ports", "X"
    ).replace(sql[1].headers["viewloom-run"], "")
    documents = [site.plain.get(url, headers=headers).text for url in (site.odata, f"{site.odata}$metadata",
                                                                      f"{site.api}/openapi.json")]  # fmt: skip
    assert all("numbers" in text and "parts" not in text and "slow" not in text for text in documents)


def test_a_reader_may_not_administer(site: Site) -> None:
    for method, path, body in (
        ("PUT", "/views/mine", {"sql": "SELECT 1 AS a"}),
        ("PUT", "/connections/x", {"connector": "sqlite", "config": {}}),
        ("GET", "/connections", None),
        ("POST", "/keys", {"name": "more"}),
        ("DELETE", "/publications/numbers", None),
        ("POST", "/preview", {"sql": "SELECT 1"}),
    ):
        answer = site.client.request(method, site.api + path, json=body)
        assert answer.status_code in (403, 404, 405), (method, path, answer.status_code, answer.text)


def test_a_key_in_the_path_is_kept_in_every_link(site: Site) -> None:
    root = f"{site.root}/odata/key/{site.key}/plant/"
    answer = site.plain.get(root + "paged?$top=1500").json()
    assert answer["@odata.context"].startswith(root)
    assert answer["@odata.nextLink"].startswith(root)
    following = site.plain.get(answer["@odata.nextLink"])
    assert following.status_code == 200 and len(following.json()["value"]) == 500
    assert site.plain.get(root).json()["@odata.context"].startswith(root)


def test_a_key_in_the_query_is_never_echoed(site: Site) -> None:
    for url in (f"{site.odata}paged?api_key={site.key}&$top=1500", f"{site.odata}nothing?api_key={site.key}",
                f"{site.odata}paged?api_key={site.key}&$filter=", f"{site.data('nothing')}?api_key={site.key}",
                f"{site.data('paged')}?api_key={site.key}&limit=10", f"{site.odata}?api_key={site.key}"):  # fmt: skip
        answer = site.plain.get(url)
        assert site.key not in answer.text
        assert site.key not in str(answer.headers)


def test_workspace_names_that_mean_something_else_are_reserved(site: Site) -> None:
    with CatalogStore(f"sqlite:///{site.directory / 'catalog.db'}") as store:
        for name in ("key", "v1", "admin"):
            with pytest.raises(CatalogError):
                ensure_workspace(store, "acme", name)


@pytest.mark.parametrize("header", ["X_API_Key", "X-API-Key\x0b", "X-API-Key "])
def test_headers_that_look_like_the_key_s_are_not(site: Site, header: str) -> None:
    request = f"GET /odata/plant/ HTTP/1.1\r\nHost: a\r\n{header}: {site.key}\r\n\r\n".encode()
    try:
        assert exchange(site.port, request, timeout=5).status in (400, 401)
    except EOFError:
        return  # refused without a word is as good


def test_a_forwarded_address_is_believed_of_a_trusted_proxy_only(site: Site) -> None:
    forged = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https", "X_Forwarded_Prefix": "/evil"}
    heard = exchange(site.port, get("/odata/plant/numbers?$top=1", site.key, **forged))
    assert b'"@odata.context":"http://plant.example/odata/plant/' in heard.body
    assert b"evil" not in heard.body
    with socket.socket() as trusted:
        trusted.bind(("127.0.0.2", 0))
        trusted.settimeout(10)
        trusted.connect(("127.0.0.1", site.port))
        trusted.sendall(get("/odata/plant/numbers?$top=1", site.key, X_Forwarded_Host="data.example",
                            X_Forwarded_Proto="https", X_Forwarded_Prefix="/plant-data"))  # fmt: skip
        assert b'"@odata.context":"https://data.example/plant-data/odata/plant/' in read_answer(trusted).body

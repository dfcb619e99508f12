"""The admin API over HTTP: the real application without its authentication, which leaves a Scope in the request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from catalog.records import RunRecord
from catalog.scope import READER, Scope
from server.admin_app import admin_app

from ..operations.shop import Shop

CONNECTION = "/connections/erp"
VIEW = {"sql": "SELECT order_id, status, total FROM erp.orders"}


class Api:
    """Calls of the admin API as one principal."""

    def __init__(self, shop: Shop, scope: Scope) -> None:
        self.root = f"/api/v1/{shop.scope.workspace}"
        self.scope = scope
        self.app = admin_app(shop.state)

    async def _authenticated(self, asgi: Any, receive: Any, send: Any) -> None:
        asgi["state"] = {"scope": self.scope, "run_id": "run-1"}
        await self.app(asgi, receive, send)

    def __call__(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self.call(method, self.root + path, body)

    def call(self, method: str, url: str, body: object = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._authenticated)
            async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
                return await client.request(method, url, json=body)

        return asyncio.run(ask())


@pytest.fixture
def api(shop: Shop) -> Api:
    return Api(shop, shop.scope)


@pytest.fixture
def reader(shop: Shop) -> Api:
    return Api(shop, replace(shop.scope, principal="key:reader", roles=frozenset({READER})))


def connection_body(shop: Shop) -> dict[str, object]:
    return {
        "connector": "sqlite",
        "config": {"directory": str(shop.directory), "file": "shop.db"},
        "time_zone": "UTC",
    }


def test_from_a_connection_to_a_publication(shop: Shop, api: Api) -> None:
    assert api("PUT", CONNECTION, connection_body(shop)).json()["version"] == 1
    assert api("POST", f"{CONNECTION}/test").json()["ok"] is True
    assert api("POST", f"{CONNECTION}/refresh").json()["diff"]["new"] == ["customers", "orders"]
    assert {table["table"] for table in api("GET", f"{CONNECTION}/tables").json()} == {"customers", "orders"}
    assert api("POST", "/views/v/check", VIEW).json()["key"] == ["order_id"]
    assert api("PUT", "/views/v", VIEW).json()["version"] == 1
    assert api("GET", "/views/v/history").json()[0]["sql"] == VIEW["sql"]
    published = api("PUT", "/publications/orders", {"view": "v", "limits": {"page_size": 2}}).json()
    assert published["key_kind"] == "proven" and published["limits"]["page_size"] == 2
    rows = api("POST", "/preview", {"sql": "v", "limit": 1}).json()
    assert rows == {
        "columns": [
            {"name": "order_id", "sql_type": "BIGINT"},
            {"name": "status", "sql_type": "VARCHAR"},
            {"name": "total", "sql_type": "DECIMAL(12,2)"},
        ],
        "rows": [{"order_id": 10, "status": "open", "total": 12.5}],
    }
    explained = api("POST", "/explain", {"sql": "SELECT * FROM orders", "analyze": True}).json()
    assert explained["plan"]["rows"] == 3 and "erp.orders" in explained["text"]
    assert api("DELETE", "/views/v").status_code == 409
    for path in ("/publications/orders", "/views/v", CONNECTION):
        assert api("DELETE", path).status_code == 204


def test_a_key_is_shown_once_and_revoked(api: Api) -> None:
    issued = api("POST", "/keys", {"name": "Excel"})
    assert issued.status_code == 201 and issued.json()["key"].startswith("ft_")
    (listed,) = api("GET", "/keys").json()
    assert "key" not in listed and issued.json()["key"] not in str(listed)
    assert api("DELETE", f"/keys/{listed['id']}").json()["revoked_at"] is not None


def test_a_view_with_problems_is_a_draft(shop: Shop, api: Api) -> None:
    answer = api("PUT", "/views/v", {"sql": "SELECT a FROM nowhere"})
    assert answer.status_code == 422 and answer.json()["details"]["problems"][0]["line"] == 1
    assert api("GET", "/drafts/v").json()["problems"]
    assert api("DELETE", "/drafts/v").status_code == 204


def test_a_lost_race_is_a_conflict(shop: Shop, api: Api) -> None:
    api("PUT", CONNECTION, connection_body(shop))
    answer = api("PUT", f"{CONNECTION}?expected_version=0", connection_body(shop))
    assert answer.status_code == 409 and answer.json()["code"] == "conflict"


def test_a_wrong_body_names_the_field_and_never_what_was_sent(api: Api) -> None:
    answer = api("PUT", CONNECTION, {"connector": "postgres", "config": "hunter2", "pasword": "hunter2"})
    assert answer.status_code == 400
    assert "hunter2" not in answer.text and "pasword" in answer.text


def test_a_secret_in_a_configuration_is_refused_without_showing_it(api: Api) -> None:
    config = {"base_url": "https://mes.example", "auth": "bearer", "token": "hunter2"}
    answer = api("PUT", "/connections/mes", {"connector": "rest", "config": config})
    assert answer.status_code == 422 and answer.json()["code"] == "secret_inline" and "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/connections"),
        ("PUT", CONNECTION),
        ("POST", f"{CONNECTION}/test"),
        ("POST", f"{CONNECTION}/infer"),
        ("GET", "/views"),
        ("PUT", "/views/v"),
        ("GET", "/drafts"),
        ("PUT", "/publications/p"),
        ("GET", "/publications"),
        ("POST", "/keys"),
        ("GET", "/keys"),
        ("POST", "/preview"),
    ],
)
def test_a_reader_may_not_administer(reader: Api, method: str, path: str) -> None:
    answer = reader(method, path, {})
    assert answer.status_code == 403 and answer.json()["code"] == "not_admin"


def test_a_reader_sees_its_own_runs_only(shop: Shop, reader: Api, api: Api) -> None:
    from datetime import UTC, datetime

    from catalog.run_log import RunLog

    place = (shop.scope.tenant, shop.scope.workspace)
    with RunLog(shop.state.store) as log:
        for run_id, principal in (("mine", "key:reader"), ("other", "key:other")):
            now = datetime.now(UTC)
            log.add(RunRecord(run_id, *place, principal, "rest", ("p",), "SELECT 1", "ok", now, 0.1))
    assert [run["id"] for run in reader("GET", "/runs").json()] == ["mine"]
    assert reader("GET", "/runs/mine").status_code == 200
    assert reader("GET", "/runs/other").status_code == 404
    assert {run["id"] for run in api("GET", "/runs").json()} == {"mine", "other"}


def test_another_workspace_looks_like_none(shop: Shop, api: Api) -> None:
    assert api.call("GET", "/api/v1/elsewhere/connections").status_code == 404


def test_the_document_describes_every_route_with_a_summary_and_bodies_with_examples(api: Api) -> None:
    document = api.call("GET", "/api/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            assert route.get("summary"), (method, path)
    bodies = {name: schema for name, schema in document["components"]["schemas"].items() if name.endswith("Body")}
    assert len(bodies) >= 7
    assert all("examples" in str(s) for name, s in bodies.items() if name != "LimitsBody")

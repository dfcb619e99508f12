import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest

from server.demo.build import Mes, start_mes
from server.demo.mes import CLIENT_ID, CLIENT_SECRET
from server.demo.mes_tables import TABLES, rows


def token(mes: Mes, secret: str = CLIENT_SECRET) -> str:
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": secret}
    with urllib.request.urlopen(f"{mes.url}/oauth/token", urllib.parse.urlencode(form).encode()) as answer:
        return str(json.load(answer)["access_token"])


def get(url: str, bearer: str) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {bearer}"})) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def status_of(url: str, bearer: str) -> tuple[int, dict[str, Any], Any]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(url, bearer)
    with caught.value as answer:
        return answer.code, json.load(answer), answer.headers


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_following_next_gives_every_row_once(mes: Mes, table: str) -> None:
    bearer = token(mes)
    url: str | None = f"{mes.url}/api/{table}?page_size=500"
    found, pages = [], 0
    while url:
        answer = get(url, bearer)
        found += answer["data"]
        url = answer["paging"]["next"]
        pages += 1
    assert found == list(rows(table))
    assert pages <= 10


def test_filters_are_kept_in_the_link_to_the_next_page(mes: Mes) -> None:
    bearer = token(mes)
    first = get(f"{mes.url}/api/machine_states?machine=L2-GRD-01&status=running,down&page_size=5", bearer)
    second = get(first["paging"]["next"], bearer)
    both = first["data"] + second["data"]
    assert {row["machine"] for row in both} == {"L2-GRD-01"}
    assert {row["status"] for row in both} == {"running", "down"}
    assert len({row["state_id"] for row in both}) == 10


def test_from_and_to_select_what_overlaps_them(mes: Mes) -> None:
    query = urllib.parse.urlencode({"from": "2026-03-31T14:00:00+02:00", "to": "2026-03-31T14:00:01+02:00"})
    found = get(f"{mes.url}/api/machine_states?{query}", token(mes))["data"]
    assert len(found) == 12
    assert all(row["ended_at"] is None for row in found)


def test_page_size_is_capped(mes: Mes) -> None:
    assert len(get(f"{mes.url}/api/machine_states?page_size=9999", token(mes))["data"]) == 500


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page_size=-1", "colour=red", "from=yesterday", "to=2026-03-31"]
)
def test_a_wrong_parameter_is_refused_and_named(mes: Mes, query: str) -> None:
    code, document, _ = status_of(f"{mes.url}/api/work_orders?{query}", token(mes))
    assert (code, document["error"]) == (400, "bad_parameter")


def test_an_unknown_table_is_not_found(mes: Mes) -> None:
    assert status_of(f"{mes.url}/api/secrets", token(mes))[0] == 404


def test_a_wrong_secret_gets_no_token(mes: Mes) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        token(mes, "wrong")
    with caught.value as answer:
        assert answer.code == 401
        assert json.load(answer)["error"] == "invalid_client"


def test_a_request_without_a_valid_token_is_unauthorized(mes: Mes) -> None:
    code, document, headers = status_of(f"{mes.url}/api/work_orders", "nonsense")
    assert (code, document["error"]) == (401, "invalid_token")
    assert headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_expires() -> None:
    with start_mes(page_seconds=0, token_seconds=0) as mes:
        assert status_of(f"{mes.url}/api/work_orders", token(mes))[0] == 401


def test_every_seventh_request_has_to_wait() -> None:
    with start_mes(page_seconds=0) as mes:
        bearer = token(mes)
        for _ in range(2):
            for _ in range(6):
                get(f"{mes.url}/api/work_orders?page_size=1", bearer)
            code, document, headers = status_of(f"{mes.url}/api/work_orders", bearer)
            assert (code, document["error"], headers["Retry-After"]) == (429, "too_many_requests", "1")

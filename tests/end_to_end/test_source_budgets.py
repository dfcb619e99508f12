"""Budgets of connections, seen from outside: a clear refusal or a broken answer, never a short one."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest

from tests.end_to_end.conftest import Plant


def connect(plant: Plant, name: str, budget: dict[str, Any]) -> None:
    """A connection to the database under a budget, with its tables published as NAME_numbers and NAME_big."""
    database = plant.database
    config = {
        "host": database.host, "port": database.port, "database": database.database, "user": database.user,
        "password": "env:VIEWLOOM_SECRET_DB", "tls": "disable",
    }  # fmt: skip
    plant.site.connect(name, "postgres", config, include=["public.*"], time_zone="UTC", budget=budget)
    for table in ("numbers", "big", "slow", "nap"):
        plant.site.publish(f"{name}_{table}", f"SELECT id, name FROM {name}.public.{table}")


@pytest.mark.parametrize("budget", [{"rows": 5_000}, {"bytes": 1_000_000}], ids=["rows", "bytes"])
def test_a_statement_past_its_budget_never_gives_a_short_answer(plant: Plant, budget: dict[str, int]) -> None:
    name = f"bounded_{next(iter(budget))}"
    connect(plant, name, budget)
    client = plant.site.client
    assert len(client.get(f"{plant.site.data(f'{name}_numbers')}").json()) == 5_000
    url = f"{plant.site.data(f'{name}_big')}?format=csv"
    try:
        answer = client.get(url)
    except httpx.RemoteProtocolError:
        pass  # broken after its head: seen as broken
    else:
        assert answer.status_code == 422
        assert "connection's budget" in answer.json()["message"]
        assert answer.json()["details"]["source_code"] == "scan_budget"
    assert client.get(f"{url}&limit=10").status_code == 200  # the source does the limit


def test_a_slow_statement_is_ended_at_the_source(plant: Plant) -> None:
    connect(plant, "hasty", {"timeout": 1})
    answer = plant.site.client.get(plant.site.data("hasty_slow"))
    assert answer.status_code == 422 and "takes more than 1 seconds" in answer.json()["message"]
    deadline = time.monotonic() + 2.0
    while plant.statements():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_closed_window_answers_with_retry_after_and_asks_nothing(plant: Plant) -> None:
    connect(plant, "shut", {"windows": [{"name": "inventory", "from": "00:00", "to": "24:00", "statements": 0}]})
    answer = plant.site.client.get(f"{plant.site.odata}shut_numbers?$top=1")
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    error = answer.json()["error"]
    assert error["code"] == "source_closed" and "inventory" in error["message"]
    run = plant.site.client.get(f"{plant.site.api}/runs/{answer.headers['viewloom-run']}").json()
    assert run["error"] == "source_closed" and run["sources"] == []
    metrics = plant.site.plain.get(f"{plant.site.root}/metrics").text
    assert 'viewloom_budget_refused{cause="source_closed"}' in metrics


def test_a_key_that_floods_is_told_429_and_another_key_gets_its_answers(plant: Plant) -> None:
    """25 requests of one key may wait (the default); 4 run."""
    connect(plant, "calm", {"statements": 4})
    site = plant.site
    key = site.admin.post(f"{site.api}/keys", json={"name": "greedy", "role": "reader"}).json()["key"]
    urls = (f"{site.data('calm_nap')}?limit=1", f"{site.odata}calm_nap?$top=1")
    answers: list[httpx.Response] = []
    limits = httpx.Limits(max_connections=100)
    with httpx.Client(headers={"X-API-Key": key}, timeout=60, limits=limits) as greedy:
        flood = [threading.Thread(target=lambda u=url: answers.append(greedy.get(u))) for url in urls * 25]
        for asker in flood:
            asker.start()
        while sum(answer.status_code == 429 for answer in answers) < 10:
            time.sleep(0.01)
        modest = [site.client.get(f"{site.data('calm_nap')}?limit=1").status_code for _ in range(3)]
        after = len(answers)
        for asker in flood:
            asker.join()
    assert modest == [200] * 3
    assert after < len(answers) == 50  # it did not wait for the flood to end
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 10 <= len(refused) <= 21 and {answer.status_code for answer in refused} == {429}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    bodies = [answer.json() for answer in refused]
    assert {(body.get("error") or body)["code"] for body in bodies} == {"queue_share"}
    assert any("error" in body for body in bodies) and any("error" not in body for body in bodies)
    run = site.run(refused[0].headers["viewloom-run"])
    assert run["error"] == "queue_share" and run["sources"] == []


def test_a_query_that_needs_more_statements_than_the_budget_is_refused(plant: Plant) -> None:
    connect(plant, "single", {"statements": 1})
    sql = "SELECT a.id FROM single_numbers a JOIN single_big b ON a.name = b.name"
    answer = plant.site.client.post(f"{plant.site.api}/sql", json={"sql": sql})
    assert answer.status_code == 422 and answer.json()["code"] == "connection_budget"
    assert plant.site.client.get(f"{plant.site.odata}single_numbers?$top=1").status_code == 200


def test_the_admin_api_shows_and_refuses_budgets(plant: Plant) -> None:
    connect(plant, "shown", {"statements": 3})
    found = plant.site.admin.get(f"{plant.site.api}/connections/shown").json()
    assert found["budget"]["statements"] == 3 and found["budget"]["rows"] is None
    body = {"connector": "sqlite", "config": {}, "budget": {"statements": 0}}
    answer = plant.site.admin.put(f"{plant.site.api}/connections/wrong", json=body)
    assert answer.status_code == 422 and "budget.statements" in answer.text

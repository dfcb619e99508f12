"""The receipt of an answer: the run whose id stands in its header tells what each source gave, and nothing secret."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import CANARY, Plant
from tests.servers.http_replies import throttled

VIEW_LITERAL, USER_LITERAL = "canary-in-view-77", "canary-of-user-78"


@pytest.fixture(scope="module")
def masked(plant: Plant) -> Plant:
    """A publication over two sources whose view holds a value that nobody need know."""
    plant.site.publish(
        "masked",
        f"SELECT n.id, n.name, p.name AS part, '{VIEW_LITERAL}' AS tag FROM erp.public.numbers n"
        f" JOIN web.parts p ON p.id = n.id WHERE n.name <> '{VIEW_LITERAL}' AND lower(n.name) <> '{VIEW_LITERAL}'"
        " ORDER BY coalesce(n.name, '" + VIEW_LITERAL + "') LIMIT 43219876501",
    )
    return plant


def test_the_reader_finds_what_each_source_gave_under_the_id_in_the_header(masked: Plant) -> None:
    site, asked = masked.site, datetime.now(UTC)
    answer = site.client.get(f"{site.odata}masked?$filter=id lt 4&$count=true&$top=2")
    assert answer.status_code == 200 and answer.json()["@odata.count"] == 3
    run = site.client.get(f"{site.api}/runs/{answer.headers['viewloom-run']}").json()
    assert run["status"] == "ok" and run["rows"] == 2
    assert {(s["connection"], s["counting"]) for s in run["sources"]} == {
        ("erp", True), ("erp", False), ("web", True), ("web", False)
    }  # fmt: skip
    for source in run["sources"]:
        assert asked - timedelta(seconds=5) < datetime.fromisoformat(source["as_of"]) < datetime.now(UTC)
        assert source["retries"] == source["nulls_made"] == 0
        assert (
            source["requests"] == int(source["connection"] == "web") * 2
        )  # for the number of all rows, for the rows
        assert source["rows"] > 0 and source["bytes"] > 0 and source["seconds_to_first_row"] is not None
    numbers = next(s for s in run["sources"] if s["connection"] == "erp" and not s["counting"])
    assert numbers["snapshot"] and "name" in numbers["statement"]
    assert any("LOWER" in text and "?" in text for text in numbers["left"]), numbers["left"]


def test_a_run_of_another_key_looks_like_one_that_never_was(masked: Plant) -> None:
    site = masked.site
    run_id = site.admin.get(f"{site.data('numbers')}?limit=1").headers["viewloom-run"]
    assert site.admin.get(f"{site.api}/runs/{run_id}").status_code == 200
    forbidden, unknown = (site.client.get(f"{site.api}/runs/{one}") for one in (run_id, run_id[::-1]))
    assert forbidden.status_code == unknown.status_code == 404
    assert forbidden.text.replace(run_id, "").replace(forbidden.headers["viewloom-run"], "") == unknown.text.replace(
        run_id[::-1], ""
    ).replace(unknown.headers["viewloom-run"], "")
    assert run_id not in site.client.get(f"{site.api}/runs?limit=1000").text
    other = site.plain.get(f"{site.root}/api/v1/other/runs/{run_id}", headers={"X-API-Key": site.other_key})
    assert other.status_code == 404


def test_requests_that_were_sent_again_are_counted(masked: Plant) -> None:
    site, whole = masked.site, masked.source.routes["/parts"]
    masked.source.route("/parts", throttled(whole, times=2, retry_after="0"))
    try:
        answer = site.client.get(f"{site.data('parts')}?limit=3")
    finally:
        masked.source.route("/parts", whole)
    assert len(answer.json()) == 3
    (source,) = site.client.get(f"{site.api}/runs/{answer.headers['viewloom-run']}").json()["sources"]
    assert (source["requests"], source["retries"]) == (3, 2)


def test_values_that_became_null_are_counted(plant: Plant, tmp_path: Path) -> None:
    site = plant.site
    (tmp_path / "lab.csv").write_text("id,value\n1,2.5\n2,n/a\n3,broken\n4,1.0\n")
    table = {"path": "lab.csv", "columns": {"id": "BIGINT", "value": "DOUBLE"}, "bad_value": "null"}
    site.connect("dirty", "files", {"directory": str(tmp_path), "tables": {"measured": table}})
    site.publish("measured", "SELECT id, value FROM dirty.measured")
    for _ in range(2):
        answer = site.admin.get(f"{site.data('measured')}?order=id")
        assert [row["value"] for row in answer.json()] == [2.5, None, None, 1.0]
        (used,) = site.admin.get(f"{site.api}/runs/{answer.headers['viewloom-run']}").json()["sources"]
        assert used["nulls_made"] == 2


def test_a_cut_answer_says_what_it_had_read(masked: Plant) -> None:
    site = masked.site
    with (
        pytest.raises(httpx.RemoteProtocolError),
        site.client.stream("GET", f"{site.data('torn')}?limit=60000") as answer,
    ):
        answer.read()
    (source,) = site.run(answer.headers["viewloom-run"])["sources"]
    assert source["connection"] == "web" and 0 < source["rows"] <= 50_000


def test_no_receipt_holds_a_literal_a_row_or_a_secret(masked: Plant) -> None:
    site, literal = masked.site, USER_LITERAL
    statements = [
        f"SELECT id FROM masked WHERE name = '{literal}' OR id = 1987654321 -- {literal}",
        f"SELECT date_trunc('{literal}', at) AS d FROM numbers",
        f"SELECT name FROM numbers ORDER BY coalesce(name, '{literal}') LIMIT 1987654321",
        f"SELECT status, count(*) AS n FROM (SELECT name || '{literal}' AS status FROM numbers) AS s GROUP BY 1",
        f"SELECT name FROM numbers WHERE name IN ('{literal}', 'b') AND amount > 1987654321.25",
        f"SELECT max(name) AS m FROM numbers WHERE name LIKE '{literal}%' HAVING max(name) <> '{literal}'",
        f"SELECT n.id FROM numbers n JOIN big b ON b.id = n.id AND b.name <> '{literal}' WHERE n.amount = 1987654321",
        f"SELECT json_extract(name, '$.{literal[:6]}') AS j FROM numbers LIMIT 1",
    ]
    answers = [site.client.post(f"{site.api}/sql", json={"sql": sql}) for sql in statements]
    answers.append(site.client.get(f"{site.odata}masked?$filter=contains(name,'{literal}') or id eq 1987654321"))
    answers.append(site.client.get(f"{site.data('masked')}?name=eq.{literal}&id=in.(1987654321,1987654322)"))
    assert sum(answer.status_code == 200 for answer in answers) >= 8, [a.text[:200] for a in answers]
    for answer in answers:
        record = site.admin.get(f"{site.api}/runs/{answer.headers['viewloom-run']}")
        assert record.status_code == 200
        for secret in (
            literal,
            literal[:6],
            VIEW_LITERAL,
            CANARY,
            "1987654321",
            "43219876501",
            masked.database.password,
        ):
            assert secret not in record.text, (secret, record.text)

"""What an analyst asks over four live sources is what DuckDB answers over the original files."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.end_to_end.flights.answers import arrow_rows, assert_same_rows, csv_rows, json_rows
from tests.end_to_end.flights.questions import (
    BAD_MONTHS,
    CANCELLED,
    EVENING,
    LONGEST_DELAYS,
    OLD_BOEINGS,
    QUESTIONS,
    WINDY_AND_LATE,
    Question,
)
from tests.end_to_end.flights.workspace import FlightsServer
from tests.end_to_end.server import done


def ask(flights: FlightsServer, question: Question) -> httpx.Response:
    answer = flights.client.get(flights.odata + question.publication, params=dict(question.odata))
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_odata_answers_what_duckdb_answers_over_the_files(flights: FlightsServer, question: Question) -> None:
    expected = flights.expected(question.sql)
    assert expected, "a question without an answer proves nothing"
    assert_same_rows(json_rows(ask(flights, question).content)["value"], expected, ordered=question.ordered)


@pytest.mark.parametrize("question", [EVENING, LONGEST_DELAYS, OLD_BOEINGS], ids=lambda question: question.name)
def test_rest_and_sql_answer_the_same_in_every_format(flights: FlightsServer, question: Question) -> None:
    expected = flights.expected(question.sql)
    data = f"{flights.api}/data/{question.publication}"
    rest = flights.client.get(data, params=dict(question.rest))
    assert_same_rows(done_rows(rest), expected, ordered=True)
    as_csv = flights.client.get(data, params={**question.rest, "format": "csv"})
    assert_same_rows(csv_rows(as_csv.text), expected, ordered=True)
    sql = flights.client.post(f"{flights.api}/sql", json={"sql": question.sql})
    assert_same_rows(done_rows(sql), expected, ordered=True)
    as_arrow = flights.client.post(f"{flights.api}/sql?format=arrow", json={"sql": question.sql})
    assert_same_rows(arrow_rows(as_arrow.content), expected, ordered=True)


def done_rows(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return json_rows(answer.content)


def test_a_rest_filter_over_a_grouped_view_answers_the_same(flights: FlightsServer) -> None:
    found = flights.client.get(f"{flights.api}/data/carrier_month", params=dict(BAD_MONTHS.rest))
    sql = (
        "SELECT carrier, month, flights FROM carrier_month WHERE month >= DATE '2013-06-01' AND flights < 1000 "
        "ORDER BY carrier, month"
    )
    assert_same_rows(done_rows(found), flights.expected(sql), ordered=True)


def test_sql_with_parameters_joins_publications_as_duckdb_does(flights: FlightsServer) -> None:
    sql = """
        SELECT r.origin, r.dest, a.tzone, r.flights,
            rank() OVER (PARTITION BY a.tzone ORDER BY r.flights DESC) AS place
        FROM route_punctuality AS r LEFT JOIN airport_lookup AS a ON a.faa = r.dest
        WHERE r.flights > {flights} AND (a.tzone LIKE {zone} OR a.tzone IS NULL)
        QUALIFY place <= 3 ORDER BY a.tzone NULLS LAST, place, r.dest, r.origin
    """
    body = {"sql": sql.format(flights="$1", zone="$2"), "parameters": [400, "America/%"]}
    found = flights.client.post(f"{flights.api}/sql", json=body)
    expected = flights.expected(sql.format(flights="400", zone="'America/%'"))
    assert len(expected) > 10
    assert_same_rows(done_rows(found), expected, ordered=True)


def test_no_source_is_read_beyond_what_a_question_needs(flights: FlightsServer) -> None:
    asked = [(question, ask(flights, question)) for question in QUESTIONS if question.reads]
    for question, answer in asked:
        run = flights.run(answer)
        assert run["status"] == "ok"
        read: dict[str, int] = {}
        for source in run["sources"]:
            name = f"{source['connection']}.{source['table']}"
            read[name] = max(read.get(name, 0), source["rows"])
        beyond = {name: read[name] for name, most in question.reads.items() if read[name] > most}
        assert not beyond, (question.name, run["sources"])


def test_a_run_record_holds_no_value_of_the_question(flights: FlightsServer) -> None:
    run = flights.run(ask(flights, EVENING))
    assert run["protocol"] == "odata" and run["publications"] == ["flights_enriched"]
    assert run["rows"] == len(flights.expected(EVENING.sql))
    assert not re.search(r"JFK|LAX|2013", str(run["statement"]) + str(run["sources"]))


def test_explain_tells_what_each_of_the_four_sources_is_asked(flights: FlightsServer) -> None:
    explained = done(flights.client.post(f"{flights.api}/explain", json={"sql": EVENING.sql, "analyze": True}))
    scans = {f"{scan['connection']}.{scan['table']}": scan for scan in explained["plan"]["scans"]}
    assert len(scans) == 5
    assert '"origin" = ' in scans["ops.public.flights"]["statement"], scans
    assert len(scans["ops.public.flights"]["pushed"]) == 5
    assert scans["fleet.planes"]["keys_from"] and scans["fleet.planes"]["reading"]["rows"] == 5
    assert scans["climate.weather"]["reading"]["rows"] <= 8_706
    assert "GET" in scans["airfields.airports"]["statement"]
    assert explained["plan"]["rows"] == len(flights.expected(EVENING.sql))
    assert "JFK" not in str(scans) and "LAX" not in str(scans)


def test_a_count_tells_all_rows_not_those_of_the_page(flights: FlightsServer) -> None:
    question = CANCELLED
    whole = question.sql.partition("ORDER BY")[0]
    (expected,) = flights.expected(f"SELECT count(*) AS n FROM ({whole})")
    assert ask(flights, question).json()["@odata.count"] == expected["n"]
    alone = flights.client.get(
        f"{flights.odata}{question.publication}/$count", params={"$filter": question.odata["$filter"]}
    )
    assert alone.text.lstrip("\N{ZERO WIDTH NO-BREAK SPACE}") == str(expected["n"])


def test_one_flight_is_found_by_its_key_in_every_form(flights: FlightsServer) -> None:
    (expected,) = flights.expected("SELECT * FROM flights_enriched WHERE flight_id = 104000")
    paths = ("flights_enriched(104000)", "flights_enriched(flight_id=104000)", "flights_enriched/104000")
    answers = [flights.client.get(flights.odata + path) for path in paths]
    for answer in answers:
        found = json_rows(answer.content)
        assert found.pop("@odata.context").endswith("$metadata#flights_enriched/$entity")
        assert_same_rows([found], [expected], ordered=True)
        run = flights.run(answer)
        assert {s["table"]: s["rows"] for s in run["sources"]}["public.flights"] == 1
    assert (
        flights.client.get(flights.odata + "flights_enriched(104000)/dest_name/$value").text == expected["dest_name"]
    )
    assert flights.client.get(flights.odata + "flights_enriched(336777)").status_code == 404


def test_keys_of_several_parts_and_of_text_and_moments_are_found(flights: FlightsServer) -> None:
    for path, sql in (
        ("airport_lookup('JFK')", "SELECT * FROM airport_lookup WHERE faa = 'JFK'"),
        (
            "weather_delay(origin='EWR',hour=2013-02-09T03:00:00Z)",
            "SELECT * FROM weather_delay WHERE origin = 'EWR' AND hour = TIMESTAMPTZ '2013-02-09 03:00:00+00'",
        ),
        (
            "carrier_month(carrier='B6',month=2013-02-01)",
            "SELECT * FROM carrier_month WHERE carrier = 'B6' AND month = DATE '2013-02-01'",
        ),
    ):
        found = json_rows(flights.client.get(flights.odata + path).content)
        found.pop("@odata.context")
        assert_same_rows([found], flights.expected(sql), ordered=True)


def test_pages_through_a_join_of_four_sources_hold_every_row_once_in_order(flights: FlightsServer) -> None:
    link = f"{flights.odata}flights_enriched?$filter=dest eq 'SEA'&$orderby=dep_delay desc,carrier&$count=true"
    rows: list[dict[str, Any]] = []
    sizes, counts = [], []
    while link:
        answer = flights.client.get(link, headers={"Prefer": "odata.maxpagesize=300"})
        assert answer.status_code == 200, answer.text
        assert answer.headers["preference-applied"] == "odata.maxpagesize=300"
        page = json_rows(answer.content)
        sizes.append(len(page["value"]))
        counts.append(page.get("@odata.count"))
        rows += page["value"]
        link = page.get("@odata.nextLink", "")
    expected = flights.expected(
        "SELECT * FROM flights_enriched WHERE dest = 'SEA' ORDER BY dep_delay DESC NULLS LAST, carrier, flight_id"
    )
    assert sizes == [300] * (len(expected) // 300) + [len(expected) % 300]
    assert counts == [len(expected)] + [None] * (len(sizes) - 1)
    assert_same_rows(rows, expected, ordered=True)


def test_each_page_of_a_table_reads_its_own_rows_alone(flights: FlightsServer) -> None:
    link, pages = f"{flights.odata}flights?$orderby=time_hour desc&$select=flight_id,time_hour", []
    for _ in range(3):
        pages.append(flights.client.get(link, headers={"Prefer": "odata.maxpagesize=1000"}))
        link = pages[-1].json()["@odata.nextLink"]
    rows = [row for page in pages for row in json_rows(page.content)["value"]]
    expected = flights.expected(
        "SELECT flight_id, time_hour FROM flights ORDER BY time_hour DESC, flight_id LIMIT 3000"
    )
    assert_same_rows(rows, expected, ordered=True)
    for page in pages:
        (source,) = flights.run(page)["sources"]
        assert source["rows"] <= 1_001, source


def test_pages_over_nulls_first_and_a_top_across_pages(flights: FlightsServer) -> None:
    link = f"{flights.odata}plane_age?$orderby=speed,age desc&$select=tailnum,speed,age&$top=250"
    rows: list[dict[str, Any]] = []
    while link:
        page = flights.client.get(link, headers={"Prefer": "maxpagesize=100"}).json()
        rows += page["value"]
        link = page.get("@odata.nextLink", "")
    expected = flights.expected(
        "SELECT tailnum, speed, age FROM plane_age ORDER BY speed NULLS FIRST, age DESC NULLS LAST, tailnum LIMIT 250"
    )
    assert_same_rows(rows, expected, ordered=True)


def test_what_is_two_views_down_is_pinned_and_told_in_the_publication(flights: FlightsServer) -> None:
    published = done(flights.site.admin.get(f"{flights.api}/publications/{WINDY_AND_LATE.publication}"))
    assert set(published["closure"]) == {"late_arrivals", "flights_enriched", "airport_lookup"}

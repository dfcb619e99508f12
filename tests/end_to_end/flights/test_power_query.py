"""Power Query over the flights: what Excel and Power BI send, in their order, with their headers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import pytest

from tests.end_to_end.flights.answers import assert_same_rows, json_rows
from tests.end_to_end.flights.workspace import FlightsServer

# As captured from a real client.
HEADERS = {
    "User-Agent": "Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)",
    "Accept": "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7",
    "Accept-Encoding": "gzip, deflate",
    "OData-MaxVersion": "4.0",
    "MaxDataServiceVersion": "3.0",
}
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@pytest.fixture
def power_query(flights: FlightsServer) -> Iterator[httpx.Client]:
    """A client that is as strict as Power Query, logged in as it does: by Basic, the key as password."""

    def strict(answer: httpx.Response) -> None:
        if answer.status_code == 200:
            versions = [v for name, v in answer.headers.raw if name.lower() == b"odata-version"]
            assert versions == [b"4.0"], "exactly one OData-Version"
            answer.read()
            if not answer.url.path.endswith("$metadata"):
                assert answer.headers["content-type"].startswith("application/json;odata.metadata=minimal")
                assert answer.json()["@odata.context"].startswith(flights.odata)

    hooks = {"response": [strict]}
    with httpx.Client(headers=HEADERS, auth=("anyone", flights.site.key), timeout=60, event_hooks=hooks) as client:
        yield client


def properties(metadata: bytes) -> dict[str, dict[str, str]]:
    """Entity type → property → Edm type."""
    tree = ElementTree.fromstring(metadata)
    return {
        kind.attrib["Name"]: {p.attrib["Name"]: p.attrib["Type"] for p in kind.iter(f"{EDM}Property")}
        for kind in tree.iter(f"{EDM}EntityType")
    }


def test_without_a_credential_it_is_asked_for_one(flights: FlightsServer) -> None:
    for url in (flights.odata, flights.odata.rstrip("/"), flights.odata + "flights"):
        answer = httpx.get(url, headers=HEADERS)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].lower().startswith("basic realm=")
    for user in ("", "apikey"):
        assert httpx.get(flights.odata, headers=HEADERS, auth=(user, flights.site.key)).status_code == 200


def test_the_navigator_is_filled_and_every_set_is_as_it_was_announced(
    flights: FlightsServer, power_query: httpx.Client
) -> None:
    for root in (flights.odata, flights.odata.rstrip("/")):
        sets = power_query.get(root).json()["value"]
        assert {one["name"] for one in sets} >= {"flights", "flights_enriched", "carrier_month"}
    metadata = power_query.get(flights.odata + "$metadata")
    assert metadata.headers["content-type"].startswith("application/xml")
    known = properties(metadata.content)
    assert known["flights_enriched"]["scheduled_hour"] == "Edm.DateTimeOffset"
    assert known["flights_enriched"]["flight_date"] == "Edm.Date"
    assert known["carrier_month"]["kilometres"] == "Edm.Decimal"
    for one in sets:
        # The preview of a set; a relative address stands below the service root.
        url = httpx.URL(flights.odata).join(one["url"])
        preview = power_query.get(f"{url}?$top=1000").json()["value"]
        assert preview, one["name"]
        assert len(preview) <= 1000
        assert all(list(row) == list(known[one["name"]]) for row in preview), "every property in every row"


def test_what_it_folds_is_answered_as_it_writes_it(flights: FlightsServer, power_query: httpx.Client) -> None:
    # %24, %2C, %27 and %20 as they were seen; the filter of an incremental refresh.
    query = (
        "%24filter=scheduled_hour%20ge%202013-02-08T00%3A00%3A00Z%20and%20scheduled_hour%20lt%202013-02-10T00:00:00Z"
        "%20and%20origin%20eq%20%27LGA%27&$select=flight_id%2Cscheduled_hour%2Cdep_delay%2Cdest_name"
        "&$orderby=scheduled_hour%20desc%2Cflight_id&%24top=1000"
    )
    found = json_rows(power_query.get(f"{flights.odata}flights_enriched?{query}").content)
    expected = flights.expected(
        """
        SELECT flight_id, scheduled_hour, dep_delay, dest_name FROM flights_enriched
        WHERE scheduled_hour >= TIMESTAMPTZ '2013-02-08 00:00:00+00'
            AND scheduled_hour < TIMESTAMPTZ '2013-02-10 00:00:00+00' AND origin = 'LGA'
        ORDER BY scheduled_hour DESC, flight_id LIMIT 1000
        """
    )
    assert len(expected) > 300
    assert any(row["dep_delay"] is None for row in expected), "the blizzard grounded some"
    assert_same_rows(found["value"], expected, ordered=True)
    assert all(row["scheduled_hour"].endswith("Z") for row in found["value"])


def test_an_empty_answer_is_an_empty_list(flights: FlightsServer, power_query: httpx.Client) -> None:
    found = power_query.get(flights.odata + "flights_enriched?$filter=dest eq 'XYZ'").json()
    assert found["value"] == []


def test_its_pages_keep_the_key_of_the_path_and_compress(flights: FlightsServer) -> None:
    """Anonymous access: the key in the address, which Power Query follows exactly as it stands in the links."""
    root = f"{flights.site.root}/odata/key/{flights.site.key}/plant/"
    link, rows, pages = f"{root}carrier_month?$orderby=carrier,month&$select=carrier,month,miles", [], 0
    with httpx.Client(headers={**HEADERS, "Prefer": "odata.maxpagesize=50"}, timeout=60) as anonymous:
        while link:
            answer = anonymous.get(link)
            assert answer.headers["content-encoding"] == "gzip"
            page = json_rows(answer.content)
            assert page["@odata.context"].startswith(f"{root}$metadata#carrier_month")
            rows += page["value"]
            link, pages = page.get("@odata.nextLink", ""), pages + 1
            assert not link or (link.startswith(root) and urlsplit(link).port == urlsplit(flights.site.root).port)
    assert pages == 4
    expected = flights.expected("SELECT carrier, month, miles FROM carrier_month ORDER BY carrier, month")
    assert_same_rows(rows, expected, ordered=True)

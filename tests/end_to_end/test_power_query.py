"""Power Query's own headers, and every rule by which it refuses an answer."""

import re
from collections.abc import Iterator
from decimal import Decimal

import httpx
import orjson
import pytest
from lxml import etree  # type: ignore[import-untyped]

from tests.end_to_end.raw import exchange
from tests.end_to_end.server import Site, done

HEADERS = {
    "User-Agent": "Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)",
    "Accept": "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7",
    "Accept-Encoding": "gzip, deflate",
    "OData-MaxVersion": "4.0",
    "MaxDataServiceVersion": "3.0",
}


@pytest.fixture
def excel(site: Site) -> Iterator[httpx.Client]:
    """Power Query, signed in by Basic with the key as the password."""
    with httpx.Client(base_url=site.odata, headers=HEADERS, auth=("apikey", site.key), timeout=60) as client:
        yield client


def test_without_a_credential_it_is_asked_for_one(site: Site) -> None:
    answer = httpx.get(site.odata, headers=HEADERS)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")


def test_the_order_of_requests_of_a_feed_works(excel: httpx.Client, site: Site) -> None:
    root = excel.get("")
    assert root.status_code == 200
    document = root.json()
    assert document["@odata.context"] == f"{site.odata}$metadata"
    sets = {entry["name"]: (entry["kind"], entry["url"]) for entry in document["value"]}
    assert sets["numbers"] in [("EntitySet", "numbers"), ("EntitySet", f"{site.odata}numbers")]
    metadata = excel.get("$metadata")
    assert metadata.headers["content-type"].startswith("application/xml")
    assert etree.fromstring(metadata.content).tag.endswith("Edmx")
    assert excel.get("numbers").status_code == 200


@pytest.mark.parametrize("path", ["", "$metadata", "numbers?$top=1", "numbers(1)", "nothing", "numbers/$count"])
def test_the_version_is_said_exactly_once(site: Site, path: str) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items() if name != "Accept-Encoding")
    request = f"GET /odata/plant/{path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {site.key}\r\n{lines}\r\n"
    heard = exchange(site.port, request.encode())
    assert [value for name, value in heard.headers if name == "odata-version"] == ["4.0"]
    assert heard.header("content-type")
    assert [value for name, value in heard.headers if name == "cache-control"] == ["private, no-store"]


def test_a_feed_is_json_although_atom_is_named(excel: httpx.Client) -> None:
    answer = excel.get("numbers?$top=1")
    assert answer.headers["content-type"].startswith("application/json;odata.metadata=minimal")
    assert answer.headers["content-encoding"] == "gzip"


def test_context_and_next_links_are_absolute(excel: httpx.Client, site: Site) -> None:
    document = done(excel.get("paged"))
    assert document["@odata.context"].startswith(f"{site.odata}$metadata#paged")
    assert document["@odata.nextLink"].startswith(site.odata)
    part = done(excel.get("numbers?$select=id,name&$top=1"))
    assert part["@odata.context"] == f"{site.odata}$metadata#numbers(id,name)"
    one = done(excel.get("numbers(1)"))
    assert one["@odata.context"] == f"{site.odata}$metadata#numbers/$entity"


def test_every_property_is_present_and_null_is_written(excel: httpx.Client) -> None:
    text = excel.get("numbers?$filter=id eq 10").text
    (row,) = orjson.loads(text)["value"]
    assert list(row) == ["id", "name", "amount", "at", "ok"]
    assert row["name"] is None
    assert '"name":null' in text


def test_an_empty_result_is_an_empty_array(excel: httpx.Client) -> None:
    assert '"value":[]' in excel.get("numbers?$filter=id eq -1").text
    assert excel.get("numbers?$top=0").json()["value"] == []


def test_instants_have_a_zone_and_decimals_no_exponent(excel: httpx.Client) -> None:
    text = excel.get("numbers?$top=20").text
    instants = re.findall(r'"at":"([^"]*)"', text)
    assert instants and all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", at) for at in instants)
    amounts = re.findall(r'"amount":([^,}]*)', text)
    assert amounts[0] == "0.25" and all(re.fullmatch(r"-?\d+\.\d{2}", amount) for amount in amounts)


def test_numbers_are_text_only_when_asked(excel: httpx.Client) -> None:
    plain = done(excel.get("numbers?$top=1"))["value"][0]
    assert isinstance(plain["amount"], float)
    asked = excel.get("numbers?$top=1", headers={"Accept": "application/json;IEEE754Compatible=true"})
    assert Decimal(done(asked)["value"][0]["amount"]) == Decimal("0.25")
    assert "IEEE754Compatible=true" in asked.headers["content-type"]


@pytest.mark.parametrize(
    "query",
    [
        "$filter=name eq 'canary-row-value1'&$select=id%2Cname",
        "%24filter=id%20eq%201&%24select=id%2Cname",
        "$filter=id+eq+1&$select=id,name",
        "$filter=at ge 2024-01-01T01:00:00Z and at lt 2024-01-01T02:00:00Z&$select=id,name",
        "$orderby=id&$top=1&$skip=0&$select=id,name",
        "$top=1&$count=true&$select=id,name",
    ],
)
def test_what_it_folds_is_understood(excel: httpx.Client, query: str) -> None:
    document = done(excel.get(f"numbers?{query}"))
    assert document["value"] == [{"id": 1, "name": "canary-row-value1"}]
    if "count" in query:
        assert document["@odata.count"] == 5000


def test_a_feed_read_page_by_page_is_whole(excel: httpx.Client) -> None:
    seen: list[int] = []
    url = "numbers?$select=id&$orderby=amount desc"
    while url:
        document = done(excel.get(url, headers={"Prefer": "odata.maxpagesize=1700"}))
        seen += [row["id"] for row in document["value"]]
        url = document.get("@odata.nextLink", "")
    assert seen == list(range(5000, 0, -1))


def test_the_count_alone_is_plain_text(excel: httpx.Client) -> None:
    answer = excel.get("numbers/$count?$filter=ok eq true")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.lstrip("\ufeff") == "2500"


def test_the_root_answers_with_and_without_its_slash(excel: httpx.Client, site: Site) -> None:
    for url in (site.odata, site.odata.rstrip("/")):
        answer = httpx.get(url, headers=HEADERS, auth=("", site.key))
        assert answer.status_code == 200 and not answer.history

"""A source that dies in mid-stream breaks the answer: no format, no transport makes it look complete."""

import gzip
import zlib

import pytest

from tests.end_to_end.conftest import BIG_ROWS, Plant, settled
from tests.end_to_end.raw import exchange, get
from tests.engine.workers import until
from tests.servers.fault_proxy import Faults

FORMATS = ["json", "ndjson", "csv", "arrow", "parquet", "xlsx"]
ODATA = "/odata/plant/far"


def path(publication: str, form: str) -> str:
    return f"/api/v1/plant/data/{publication}?format={form}"


@pytest.mark.parametrize("form", FORMATS)
def test_a_whole_answer_has_its_end(plant: Plant, form: str) -> None:
    heard = exchange(plant.site.port, get(path("big", form), plant.site.key))
    assert (heard.status, heard.complete) == (200, True)
    assert heard.header("transfer-encoding") == "chunked"


@pytest.mark.parametrize("fault", [Faults(reset_after=20_000_000), Faults(truncate_after=20_000_000)],
                         ids=["reset", "truncated"])  # fmt: skip
@pytest.mark.parametrize("form", [*FORMATS, "odata"])
def test_a_source_that_dies_breaks_the_answer(plant: Plant, form: str, fault: Faults) -> None:
    plant.proxy.set(fault)
    try:
        request = get(ODATA if form == "odata" else path("far", form), plant.site.key)
        heard = exchange(plant.site.port, request)
    finally:
        plant.proxy.set(Faults())
    if form == "parquet" and heard.status == 502:
        return  # nothing had been written: an error with a status is even better
    assert heard.status == 200
    assert not heard.complete
    if form in ("json", "odata"):
        assert not heard.body.rstrip().endswith((b"]", b"}]}"))
    run = plant.site.run(str(heard.header("viewloom-run")))
    assert (run["status"], run["error"]) == ("broken", "source_error")
    until(lambda: settled(plant), 5)


def test_invalid_json_in_row_50000_is_never_a_complete_answer(plant: Plant) -> None:
    for form in ("json", "csv"):
        heard = exchange(plant.site.port, get(path("torn", form), plant.site.key))
        run = plant.site.run(str(heard.header("viewloom-run")))
        if heard.status == 200:
            assert not heard.complete
            assert heard.body.count(b"part ") <= 50_000
            assert (run["status"], run["error"]) == ("broken", "source_error")
        else:  # it was met before anything had been sent
            assert heard.status == 502
            assert b"'web'" in heard.body
            assert (run["status"], run["error"]) == ("error", "source_error")


def test_a_broken_answer_in_gzip_is_no_whole_gzip_file(plant: Plant) -> None:
    plant.proxy.set(Faults(reset_after=20_000_000))
    try:
        heard = exchange(plant.site.port, get(path("far", "csv"), plant.site.key, Accept_Encoding="gzip"))
    finally:
        plant.proxy.set(Faults())
    assert heard.header("content-encoding") == "gzip"
    assert not heard.complete
    unpack = zlib.decompressobj(31)
    assert unpack.decompress(heard.body).startswith(b"id,name")
    assert not unpack.eof


def test_a_whole_answer_in_gzip_is_the_plain_one(plant: Plant) -> None:
    packed = exchange(plant.site.port, get(path("big", "csv"), plant.site.key, Accept_Encoding="gzip"))
    plain = exchange(plant.site.port, get(path("big", "csv"), plant.site.key))
    assert packed.complete and plain.complete
    assert gzip.decompress(packed.body) == plain.body
    assert plain.body.count(b"\r\n") == BIG_ROWS + 1


@pytest.mark.parametrize("form", FORMATS)
def test_a_row_limit_breaks_the_answer_and_never_shortens_it(plant: Plant, form: str) -> None:
    heard = exchange(plant.site.port, get(path("limited", form), plant.site.key))
    assert not (heard.status == 200 and heard.complete)
    if heard.status != 200:
        assert heard.status == 422
        assert b"answer_limit" in heard.body


def test_a_row_limit_ends_an_odata_page_with_a_next_link(plant: Plant) -> None:
    seen = 0
    url = f"{plant.site.odata}paged?$top=2500"
    while url:
        answer = plant.site.client.get(url)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert [row["id"] for row in document["value"]] == list(range(seen + 1, seen + 1 + len(document["value"])))
        seen += len(document["value"])
        url = document.get("@odata.nextLink", "")
    assert seen == 2500


def test_http_1_0_gets_its_answer_with_a_length_or_not_at_all(plant: Plant) -> None:
    small = exchange(plant.site.port, get(path("parts", "json"), plant.site.key, version="1.0"))
    assert (small.status, small.complete) == (200, True)
    assert small.header("transfer-encoding") is None
    assert small.header("content-length") == str(len(small.body))
    large = exchange(plant.site.port, get(path("big", "json"), plant.site.key, version="1.0"))
    assert large.status == 505
    assert b"proxy_http_version 1.1" in large.body
    torn = exchange(plant.site.port, get(path("torn", "json") + "&limit=59000", plant.site.key, version="1.0"))
    assert torn.status in (502, 505)
    until(lambda: settled(plant), 5)


def test_an_error_before_the_first_byte_is_an_error_with_a_status(plant: Plant) -> None:
    plant.proxy.set(Faults(reset_after=20))
    try:
        heard = exchange(plant.site.port, get(path("far", "csv"), plant.site.key))
    finally:
        plant.proxy.set(Faults())
    assert (heard.status, heard.complete) == (502, True)
    assert b"'away'" in heard.body

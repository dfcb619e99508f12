"""All 336,776 flights, joined with the other three sources, in every format: the same rows as DuckDB's own join."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.end_to_end.flights.workspace import FlightsServer

FLIGHTS = 336_776
COLUMNS = (
    "flight_id BIGINT, flight_date DATE, scheduled_hour TIMESTAMPTZ, carrier VARCHAR, airline VARCHAR, "
    "flight_number INTEGER, tailnum VARCHAR, manufacturer VARCHAR, seats INTEGER, built INTEGER, origin VARCHAR, "
    "dest VARCHAR, dest_name VARCHAR, dest_lat DOUBLE, dest_zone VARCHAR, cancelled BOOLEAN, dep_delay INTEGER, "
    "arr_delay INTEGER, air_time INTEGER, distance INTEGER, temp DOUBLE, wind_speed DOUBLE, visib DOUBLE, "
    "precip DOUBLE"
)
TYPES = dict(column.split(" ") for column in COLUMNS.split(", "))
NAMES = ", ".join(TYPES)
STRUCT = f"{{{', '.join(f'{name!r}: {kind!r}' for name, kind in TYPES.items())}}}"


def download(flights: FlightsServer, url: str, to: Path) -> str:
    """Stream an answer into a file; its content type."""
    with flights.client.stream("GET", url) as answer:
        assert answer.status_code == 200, answer.read()
        with to.open("wb") as file:
            for piece in answer.iter_bytes(1 << 20):
                file.write(piece)
        return str(answer.headers["content-type"])


def assert_all_flights(flights: FlightsServer, relation: str) -> None:
    """A relation of the reference's DuckDB holds exactly the rows of the join; doubles to the last bit."""
    cursor = flights.reference.cursor()
    assert_same(flights, cursor.sql(f"SELECT {NAMES} FROM {relation}").to_arrow_table())


def assert_same(flights: FlightsServer, found: pa.Table) -> None:
    """The table is the join, types included, in whatever order."""
    wanted = flights.reference.cursor().sql("SELECT * FROM flights_enriched").to_arrow_table()
    assert found.schema.equals(wanted.schema), f"{found.schema}\n{wanted.schema}"
    assert found.num_rows == wanted.num_rows == FLIGHTS
    assert found.sort_by("flight_id").combine_chunks().equals(wanted.sort_by("flight_id").combine_chunks())


def test_all_flights_come_as_odata_json(flights: FlightsServer, tmp_path: Path) -> None:
    file = tmp_path / "flights.json"
    content_type = download(flights, flights.odata + "flights_enriched", file)
    assert content_type.startswith("application/json;odata.metadata=minimal")
    # DuckDB reads an array of objects ten times as fast as one object of 160 MB.
    context, _, rows = file.read_bytes().partition(b'"value":')
    assert context == f'{{"@odata.context":"{flights.odata}$metadata#flights_enriched",'.encode()
    assert rows.endswith(b"]}"), "nothing follows: no next link"
    file.write_bytes(rows[:-1])
    assert_all_flights(flights, f"read_json('{file}', format = 'array', columns = {STRUCT})")


def test_all_flights_come_as_csv(flights: FlightsServer, tmp_path: Path) -> None:
    file = tmp_path / "flights.csv"
    assert download(flights, f"{flights.api}/data/flights_enriched?format=csv", file).startswith("text/csv")
    assert_all_flights(flights, f"read_csv('{file}', header = true, auto_detect = false, columns = {STRUCT})")


@pytest.mark.parametrize("format_name", ["arrow", "parquet"])
def test_all_flights_come_with_their_types(flights: FlightsServer, tmp_path: Path, format_name: str) -> None:
    file = tmp_path / f"flights.{format_name}"
    download(flights, f"{flights.api}/data/flights_enriched?format={format_name}", file)
    if format_name == "parquet":
        assert_all_flights(flights, f"read_parquet('{file}')")
        return
    with pa.memory_map(str(file)) as content, pa.ipc.open_stream(content) as stream:
        assert_same(flights, stream.read_all())

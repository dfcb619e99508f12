"""The demo plant's sources loaded into plain DuckDB, typed as Viewloom's connections will show them."""

import re
import sqlite3
from contextlib import closing

import duckdb
import pyarrow as pa
import python_calamine

from server.demo.build import WORKSPACE, DemoPlant
from server.demo.mes_tables import TABLES, rows

VIEWS = WORKSPACE / "views"


def open_warehouse(plant: DemoPlant) -> duckdb.DuckDBPyConnection:
    """A database with the schemas erp, mes, historian and lab, and all views of the workspace created."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    for schema in ("erp", "mes", "historian", "lab"):
        database.execute(f"CREATE SCHEMA {schema}")
    _load_erp(database, plant)
    for table in TABLES:
        _load(database, f"mes.{table.name}", table.columns, [tuple(row.values()) for row in rows(table.name)])
    readings, tags = plant.historian / "readings" / "*.parquet", plant.historian / "tags.parquet"
    database.execute(f"CREATE VIEW historian.readings AS SELECT * FROM read_parquet('{readings}')")
    database.execute(f"CREATE VIEW historian.tags AS SELECT * FROM read_parquet('{tags}')")
    book = python_calamine.CalamineWorkbook.from_path(str(plant.lab / "quality_lab.xlsx"))
    header, *body = book.get_sheet_by_name("measurements").to_python()[3:]
    types = {str(name): "DOUBLE" if str(name).endswith("limit") else "VARCHAR" for name in header}
    _load(
        database,
        "lab.measurements",
        types,
        [tuple(cell if cell != "" else None for cell in row) for row in body if any(row)],
    )
    for name in view_order():
        database.execute((VIEWS / f"{name}.sql").read_text())
    return database


def view_order() -> list[str]:
    """All views, those that others read first."""
    names = sorted(path.stem for path in VIEWS.glob("*.sql"))
    texts = {name: (VIEWS / f"{name}.sql").read_text() for name in names}
    return sorted(names, key=lambda name: sum(bool(re.search(rf"FROM {other}\b", texts[name])) for other in names))


def _load(
    database: duckdb.DuckDBPyConnection, name: str, types: dict[str, str], body: list[tuple[object, ...]]
) -> None:
    texts = [[None if value is None else str(value) for value in column] for column in zip(*body, strict=True)]
    staged = pa.table({column: pa.array(values, pa.string()) for column, values in zip(types, texts, strict=True)})
    database.register("staged", staged)
    casts = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in types.items())
    database.execute(f"CREATE TABLE {name} AS SELECT {casts} FROM staged")
    database.unregister("staged")


def _load_erp(database: duckdb.DuckDBPyConnection, plant: DemoPlant) -> None:
    with closing(sqlite3.connect(plant.erp)) as source:
        # A naive time of this connection means Berlin; the session's zone makes the cast say the same.
        database.execute("SET TimeZone = 'Europe/Berlin'")
        names = source.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        for (name,) in names.fetchall():
            types = {
                column: "TIMESTAMP WITH TIME ZONE" if kind == "TIMESTAMP" else kind
                for _, column, kind, *_ in source.execute(f"PRAGMA table_info({name})")
            }
            _load(database, f"erp.{name}", types, source.execute(f"SELECT * FROM {name}").fetchall())
        database.execute("SET TimeZone = 'UTC'")

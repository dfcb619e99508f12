"""The demo plant's four sources as connections: what `connections.yaml` holds elsewhere.

They can't stand in a file, because their paths and the MES's port are known only when the demo starts.
"""

from __future__ import annotations

import os
from pathlib import Path

from catalog.records import Connection
from server.demo.build import DemoPlant
from server.demo.lab import HEADER_ROW
from server.demo.mes import CLIENT_ID, CLIENT_SECRET
from server.demo.mes_tables import TABLES, Table

ERP_ZONE = "Europe/Berlin"
SECRET_FILE = "mes_client_secret"  # noqa: S105  (a file's name)
PAGE_SIZE = 500
SUPPORTED_FILTERS = ("machine", "line", "status")
LAB_COLUMNS = {
    "sample_no": "VARCHAR",
    "measured_on": "VARCHAR",
    "work_order_no": "VARCHAR",
    "machine": "VARCHAR",
    "characteristic": "VARCHAR",
    "value": "VARCHAR",
    "unit": "VARCHAR",
    "lower_limit": "DOUBLE",
    "upper_limit": "DOUBLE",
    "verdict": "VARCHAR",
    "inspector": "VARCHAR",
    "remark": "VARCHAR",
}


def demo_connections(plant: DemoPlant, mes_url: str, secret: Path) -> tuple[Connection, ...]:
    """The ERP, the MES, the historian and the lab. `secret`: the file that holds the MES's client secret."""
    return (
        Connection(
            "erp",
            "sqlite",
            {"directory": str(plant.erp.parent), "file": plant.erp.name},
            time_zone=ERP_ZONE,
            comment="Customers, orders, products, bills of material and lots; local times.",
        ),
        Connection(
            "historian",
            "files",
            {"directory": str(plant.historian), "tables": {"readings": {"path": "readings/*.parquet"}}},
            time_zone="UTC",
            comment="A million readings of twelve machines, and what each tag means.",
        ),
        Connection(
            "lab",
            "files",
            {"directory": str(plant.lab), "tables": _lab_tables()},
            time_zone=ERP_ZONE,
            comment="The quality lab's workbook and CSV files, as people typed them.",
        ),
        Connection(
            "mes",
            "rest",
            {
                "base_url": f"{mes_url}/api",
                "auth": "oauth2",
                "token_url": "/oauth/token",
                "client_id": CLIENT_ID,
                "client_secret": f"file:{secret}",
                "tables": {table.name: _mes_table(table) for table in TABLES},
            },
            time_zone="UTC",
            comment="Work orders, machine states, counts and scrap, paged by an HTTP API.",
        ),
    )


def write_secret(path: Path) -> Path:
    """Keep the MES's client secret in a file that only this user reads."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(CLIENT_SECRET)
    return path


def _mes_table(table: Table) -> dict[str, object]:
    """One of the MES's tables: 500 rows a page, equality filters on what it filters itself."""
    filters = {
        name: {"parameter": name, "op": "in", "list": "comma", "exact": True}
        for name in SUPPORTED_FILTERS
        if name in table.columns
    }
    return {
        "path": table.name,
        "rows": "data",
        "columns": dict(table.columns),
        "key": [table.key],
        "filters": filters,
        "parameters": {"page_size": str(PAGE_SIZE)},
        "paging": {"style": "next_link", "path": "paging.next"},
    }


def _lab_tables() -> dict[str, object]:
    return {
        "measurements": {
            "path": "quality_lab.xlsx",
            "sheet": "measurements",
            "header_row": HEADER_ROW,
            "columns": LAB_COLUMNS,
        },
        "hardness": {
            "path": "hardness.csv",
            "encoding": "utf-8-sig",
            "delimiter": ";",
            "decimal_comma": True,
            "columns": {
                "probe": "VARCHAR",
                "datum": {"type": "DATE", "form": "%d.%m.%Y"},
                "charge": "VARCHAR",
                "haerte_hrc": "DOUBLE",
                "pruefkraft_n": "DOUBLE",
                "bemerkung": "VARCHAR",
            },
        },
        "oil_cleanliness": {"path": "oil_cleanliness.csv", "delimiter": ";"},
    }

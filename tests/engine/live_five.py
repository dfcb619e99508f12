"""`live` with two sources more: the same tables as Parquet files (lake) and behind HTTP (api)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from connectors.files import Files, FilesConfig
from connectors.rest import Rest, RestConfig
from connectors.sdk import Connector
from engine.dialects import DIALECTS
from tests.engine.live import Live, live_connectors
from tests.servers.http_replies import Paging, pages
from tests.servers.http_source import HttpSource, start_http_source

TABLES = ("facts", "dims", "parts")
KINDS = {"pg": "postgres", "my": "mysql", "lite": "sqlite", "lake": "files", "api": "rest"}
# What JSON says without loss and a REST source declares.
_API = {
    "facts": {"id": "INTEGER", "dim": "INTEGER", "code": "VARCHAR", "txt": "VARCHAR", "n": "INTEGER",
              "small": "SMALLINT", "money": "DECIMAL(12,2)", "day": "DATE", "flag": "BOOLEAN"},
    "dims": {"id": "INTEGER", "code": "VARCHAR", "label": "VARCHAR", "kind": "INTEGER", "rate": "DECIMAL(5,3)"},
    "parts": {"fact": "INTEGER", "no": "INTEGER", "qty": "INTEGER"},
}  # fmt: skip
# How each is served, and read: in pages, ahead and side by side.
_PAGES: dict[str, tuple[Paging, dict[str, Any]]] = {
    "facts": (Paging.OFFSET, {"style": "offset", "size": 60, "total": "total"}),
    "dims": (Paging.NEXT_LINK, {"style": "next_link"}),
    "parts": (Paging.PAGE, {"style": "page", "size_parameter": "per_page", "size": 50}),
}


@contextmanager
def five_connectors(postgres: Any, mariadb: Any, directory: Path) -> Iterator[dict[str, Connector]]:
    """Connectors to all five, filled: pg, my, lite, lake, api."""
    with live_connectors(postgres, mariadb, directory) as found, start_http_source() as http:
        plain = Live(found).plain
        lake = directory / "lake"
        lake.mkdir()
        for table in TABLES:
            rows: Any = plain.sql(f'SELECT * FROM pg."{table}"')
            pq.write_table(rows.to_arrow_table(), lake / f"{table}.parquet")
            _serve(http, table, plain)
        config = {
            "base_url": http.origin,
            "tls": "disable",
            "tables": {
                table: {
                    "path": f"/{table}",
                    "rows": "items",
                    "columns": {name: {"type": kind} for name, kind in columns.items()},
                    "paging": _PAGES[table][1],
                }
                for table, columns in _API.items()
            },
            "pages_at_once": 3,
        }
        found["lake"] = Files(FilesConfig(directory=str(lake)))
        found["api"] = Rest(RestConfig(**config))
        yield found  # closed with the others


def _serve(http: HttpSource, table: str, plain: Any) -> None:
    columns = _API[table]
    rows = plain.sql("SELECT " + ", ".join(f'"{name}"' for name in columns) + f' FROM pg."{table}"').fetchall()
    http.route(f"/{table}", pages([dict(zip(columns, row, strict=True)) for row in rows], _PAGES[table][0], size=60))


def five(connectors: dict[str, Connector], estimates: Mapping[str, int] | None = None) -> Live:
    """The workspace over them. `estimates`: what the planner takes for the tables' sizes."""
    assert {"postgres", "mysql", "sqlite"} <= DIALECTS.keys()
    return Live(connectors, estimates, KINDS)

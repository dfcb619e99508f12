"""REST connectors over the tests' HTTP source, with one table `parts`."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from connectors.rest import Rest
from connectors.sdk.registry import connector_config
from connectors.sdk.scan import ScanRequest, TableName
from tests.servers.http_replies import Paging
from tests.servers.http_source import HttpSource

ROWS = [{"id": n, "name": f"part {n}"} for n in range(1, 251)]
COLUMNS = {"id": "BIGINT", "name": "VARCHAR"}
MADE: list[Rest] = []
STYLES: dict[Paging, dict[str, Any]] = {
    Paging.NEXT_LINK: {"rows": "items", "paging": {"style": "next_link", "path": "next"}},
    Paging.LINK_HEADER: {"rows": "", "paging": {"style": "link_header"}},
    Paging.PAGE: {"rows": "/items", "paging": {"style": "page", "size_parameter": "per_page", "size": 70}},
    Paging.OFFSET: {"rows": "items", "paging": {"style": "offset", "size": 70}},
    Paging.CURSOR: {"rows": "items", "paging": {"style": "cursor", "path": "next_cursor"}},
}


def rest(source: HttpSource, table: dict[str, Any], zone: ZoneInfo | None = None, **changes: Any) -> Rest:
    """A connector that the fixture `source` closes."""
    values = {
        "base_url": source.origin,
        "tables": {"parts": {"path": "parts", "columns": COLUMNS, **table}},
        **changes,
    }
    MADE.append(Rest(connector_config("rest", values), zone))
    return MADE[-1]


def read(connector: Rest, *predicates: Any, limit: int | None = None) -> list[dict[str, Any]]:
    """All rows of `parts`."""
    described = connector.describe(TableName(("parts",)))
    typed = tuple((column.name, column.sql_type) for column in described.columns)
    batches = connector.scan(ScanRequest(described.name, typed, predicates, limit=limit))
    return [row for batch in batches for row in batch.to_pylist()]

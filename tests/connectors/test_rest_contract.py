"""The contract of the REST connector, against a real HTTP server with pages, filters and a password."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from connectors.parts.rest_options import RestConfig
from connectors.rest import Rest
from connectors.sdk import testing
from connectors.sdk.connector import Connector
from connectors.sdk.scan import TableName
from connectors.sdk.testing import ConnectorContract, Fault, SourceTable
from connectors.sdk.values import text_reader
from tests.servers.fault_proxy import FaultProxy, Faults, start_fault_proxy
from tests.servers.http_replies import body
from tests.servers.http_source import HttpSource, Reply, Request, start_http_source

PAGE_ROWS = 20_000
SECRET = "plum-tart-7"
TYPES = (
    *("BOOLEAN", "SMALLINT", "BIGINT", "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "DATE", "TIME", "TIMESTAMP"),
    *("TIMESTAMP WITH TIME ZONE", "UUID", "BLOB", "DECIMAL(18,4)", "DECIMAL(28,10)", "DECIMAL(5,0)"),
)


def written(value: Any) -> str:
    """A value as JSON, decimals and large integers with all their digits."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(str(value))
    if isinstance(value, bytes):
        return json.dumps(base64.b64encode(value).decode())
    if isinstance(value, date | time | datetime):
        return json.dumps(value.isoformat())
    return json.dumps(str(value) if isinstance(value, UUID) else value)


class Service:
    """A paged resource: `?page=1`, and `<column>.<op>=value` keeps what matches, roughly: text ignores case."""

    def __init__(self, table: SourceTable) -> None:
        self.types = dict(table.columns)
        self.names = [name for name, _ in table.columns]
        self.rows = table.rows
        self.texts: dict[int, bytes] = {}

    def handle(self, request: Request) -> Reply:
        if request.headers.get("x-key") != SECRET:
            return body(b'{"error": "who are you?"}', status=401)
        page = int(request.query["page"])
        rows = [row for row in self.rows if self.matches(row, request.query)]
        kept = rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
        texts = (
            "{" + ",".join(f"{json.dumps(n)}:{written(v)}" for n, v in zip(self.names, row, strict=True)) + "}"
            for row in kept
        )
        return body(('{"meta": {"page": 1}, "data": {"rows": [' + ",".join(texts) + "]}}").encode())

    def matches(self, row: tuple[Any, ...], query: Mapping[str, str]) -> bool:
        for parameter, text in query.items():
            column, _, op = parameter.partition(".")
            if not op:
                continue
            value = row[self.names.index(column)]
            if value is None:
                return False
            sql_type = self.types[column]
            if isinstance(value, str):
                left, right = value.casefold(), text.casefold()
                if not (left.startswith(right) if op == "starts_with" else left == right):
                    return False
            else:
                wide = "DECIMAL(38,12)" if sql_type.startswith("DECIMAL") else sql_type
                read: Any = text_reader(wide, zone=ZoneInfo("UTC"))(text)
                same: Any = str(value) if isinstance(value, UUID) else value
                if not {"eq": same == read, "ge": same >= read, "gt": same > read}.get(op, True):
                    return False
                if not {"le": same <= read, "lt": same < read}.get(op, True):
                    return False
        return True


class TestRestContract(ConnectorContract):
    kind = "rest"
    column_types = TYPES
    has_keys = False
    faults = frozenset(Fault)
    secret = SECRET

    @pytest.fixture(autouse=True)
    def _servers(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(testing, "BIG_ROWS", 60_000)
        self.tables: dict[str, Any] = {}
        self.made: list[Rest] = []
        self.proxies: list[FaultProxy] = []
        with start_http_source() as source:
            self.source: HttpSource = source
            source.route(
                "/*", lambda request: body(b"{}", status=404 if request.headers.get("x-key") == SECRET else 401)
            )
            yield
            for connector in self.made:
                connector.close()
            for proxy in self.proxies:
                proxy.close()

    def configuration(self) -> dict[str, object]:
        return self.config(self.source.origin)

    def config(self, base_url: str, **changes: object) -> dict[str, object]:
        return {
            "base_url": base_url,
            "auth": "header",
            "header_name": "X-Key",
            "header_value": SECRET,
            "tables": self.tables,
            **changes,
        }

    def make(self, time_zone: ZoneInfo | None = None) -> Connector:
        return self.keep(Rest(RestConfig.model_validate(self.configuration()), time_zone))

    def keep(self, connector: Rest) -> Rest:
        self.made.append(connector)
        return connector

    def create(self, table: SourceTable) -> TableName:
        self.source.route(f"/{table.name}", Service(table).handle)
        self.tables[table.name] = {
            "path": table.name,
            "rows": "data.rows",
            "columns": dict(table.columns),
            "paging": {"style": "page"},
            "filters": {
                name: filters for name, sql_type in table.columns if (filters := self.filters(name, sql_type))
            },
        }
        for made in self.made:  # a test makes tables behind the connector's back
            made._settings = made._settings.model_copy(
                update={"tables": RestConfig.model_validate(self.configuration()).tables}
            )
        return TableName((table.name,))

    def filters(self, name: str, sql_type: str) -> list[dict[str, object]]:
        if sql_type in ("FLOAT", "BLOB") or name == "label":
            return []
        text = sql_type == "VARCHAR"
        operators = ("eq", "starts_with") if text else ("eq", "ge", "gt", "le", "lt")
        return [{"parameter": f"{name}.{op}", "op": op, "exact": not text} for op in operators]

    def keeps(self, sql_type: str, value: Any) -> bool:
        # The base64 of no bytes is a blank text, which is NULL. JSON has no NaN, and no service orders it as we do.
        return bool(value != b"") and value == value

    def broken(self, fault: Fault) -> Connector:
        if fault is Fault.WRONG_PASSWORD:
            return self.keep(Rest(RestConfig.model_validate(self.config(self.source.origin, header_value="no"))))
        proxy = start_fault_proxy("127.0.0.1", self.source.port)
        self.proxies.append(proxy)
        proxy.set(
            {
                Fault.DEAD_HOST: Faults(refuse=True),
                Fault.SLOW_HOST: Faults(silent=True),
                Fault.CUT: Faults(reset_after=1 << 20),
                Fault.TRUNCATED: Faults(truncate_after=1 << 20),
            }[fault]
        )
        changes: dict[str, object] = {"connect_timeout": 1, "timeout": 1, "retries": 1}
        return self.keep(Rest(RestConfig.model_validate(self.config(f"http://127.0.0.1:{proxy.port}", **changes))))

"""The bodies that the admin API takes. Unknown fields are refused; /docs shows the examples."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from catalog.records import Limits

Protocol = Literal["odata", "rest", "sql"]
Expected = Annotated[int | None, Query(description="The version that you saw; 409 when somebody was faster.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ConnectionBody(_Body):
    """A connection. Secrets stand in `config` as references only: `env:NAME` or `file:PATH` of the server."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {
                    "connector": "postgres",
                    "config": {
                        "host": "erp-db.example",
                        "database": "erp",
                        "user": "viewloom",
                        "password": "env:VIEWLOOM_SECRET_ERP",
                    },
                    "time_zone": "Europe/Berlin",
                    "include": ["public.*"],
                }
            ]
        },
    )
    connector: str
    config: dict[str, Any] = Field(default_factory=dict)
    time_zone: str | None = Field(None, description="IANA name: what timestamps without a zone mean.")
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    comment: str = ""
    budget: dict[str, Any] = Field(
        default_factory=dict,
        description="What the source may be asked for: statements, statements_per_second, rows, bytes, windows, …",
        examples=[
            {"statements": 4, "windows": [{"days": ["last"], "from": "18:00", "to": "06:00", "statements": 0}]}
        ],
    )


class InferBody(_Body):
    """The table whose columns' types are to be proposed."""

    table: Annotated[str, Field(examples=["measurements"])]


class ViewBody(_Body):
    """A view's SELECT, in DuckDB's SQL over other views and `connection.table`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "sql": "SELECT o.order_id, o.status, c.name AS customer FROM erp.orders AS o "
                    "JOIN erp.customers AS c ON c.customer_id = o.customer_id",
                    "comment": "Orders with their customers.",
                    "column_comments": {"customer": "The customer's name."},
                }
            ]
        },
    )
    sql: str
    comment: str = ""
    column_comments: dict[str, str] = Field(default_factory=dict)


class LimitsBody(_Body):
    """What one answer may cost; what is left out is the server's own setting."""

    page_size: Annotated[int, Field(gt=0)] | None = None
    max_rows: Annotated[int, Field(gt=0)] | None = None
    max_bytes: Annotated[int, Field(gt=0)] | None = None
    timeout: Annotated[float, Field(gt=0)] | None = None
    min_client_rate: Annotated[int, Field(gt=0)] | None = None
    max_source_time: Annotated[float, Field(gt=0)] | None = None

    def limits(self) -> Limits:
        return Limits(**self.model_dump())


class PublicationBody(_Body):
    """A view offered at a URL. `key`: left out, the sources' proven key; `[]`: none. A declared key is counted at the
    sources now, unless `check` is false."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"view": "order_backlog", "key": ["order_id"], "limits": {"page_size": 5000}}]
        },
    )
    view: str
    key: tuple[str, ...] | None = None
    protocols: frozenset[Protocol] = frozenset({"odata", "rest", "sql"})
    limits: LimitsBody = Field(default_factory=LimitsBody)
    comment: str = ""
    check: bool = True


class KeyBody(_Body):
    """A new API key. `publications`: the only ones that it may read; left out: all."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Power BI of controlling", "role": "reader", "publications": ["order_backlog"]}]
        },
    )
    name: str
    role: Literal["reader", "admin"] = "reader"
    publications: tuple[str, ...] | None = None
    expires_at: datetime | None = None


class PreviewBody(_Body):
    """A SELECT over views and tables, or the name of one of them."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"sql": "SELECT * FROM erp.orders", "limit": 20}]}
    )
    sql: str
    limit: Annotated[int, Field(ge=1, le=100)] = 100


class ExplainBody(_Body):
    """A SELECT over publications. `workspace_names`: over views and tables instead, for admins. `analyze` runs it and
    tells what it cost; its rows are thrown away."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"sql": "SELECT * FROM order_backlog WHERE late LIMIT 10", "analyze": True}]},
    )
    sql: str
    analyze: bool = False
    verbose: bool = False
    workspace_names: bool = False

"""The configuration of a REST connection, and how pushed predicates become query parameters."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import httpx
from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from connectors.sdk.arrow_filter import exact_operators
from connectors.sdk.columns import SourceColumn
from connectors.sdk.connector import ConnectorConfig
from connectors.sdk.errors import ConfigurationError
from connectors.sdk.formats.options import ColumnOptions
from connectors.sdk.json_rows import json_path
from connectors.sdk.paging import Paging
from connectors.sdk.scan import Comparison, Op, Predicate, Value
from connectors.sdk.tls import Tls
from connectors.sdk.types import family
from connectors.sdk.zones import on_naive

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_GREATER, _LESS = (Op.GE, Op.GT), (Op.LE, Op.LT)
# Set by the client itself; a second one would be read differently by different servers.
_OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


class RestColumn(ColumnOptions):
    """A column: its type, and where it stands in a row (`customer.name`) if not under its own name."""

    path: str | None = None

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str | None) -> str | None:
        if value is not None and not json_path(value):
            raise ValueError("the path of a member is expected, such as customer.name")
        return value


class RestFilter(ConnectorConfig):
    """A query parameter that takes a condition on a column. The source may answer with more rows than those that
    satisfy it, never with fewer; `exact`: it answers with exactly those."""

    parameter: str
    op: Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "starts_with", "ends_with", "contains"] = "eq"
    list: Literal["repeated", "comma"] = "repeated"
    exact: bool = False


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, Mapping | RestFilter) else value


Filters = Annotated[tuple[RestFilter, ...], BeforeValidator(_as_tuple)]


class RestTable(ConnectorConfig):
    """A resource whose answer holds an array of objects. `rows`: the path of the array, empty: the whole answer."""

    path: str
    parameters: dict[str, str] = Field(default_factory=dict)
    rows: str = ""
    columns: dict[str, RestColumn] = Field(default_factory=dict)
    paging: Paging | None = None
    filters: dict[str, Filters] = Field(default_factory=dict)
    required_filters: tuple[str, ...] = ()
    key: tuple[str, ...] = ()

    @field_validator("paging", mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        return None if value == "none" or value == {"style": "none"} else value

    @field_validator("path")
    @classmethod
    def _relative(cls, value: str) -> str:
        plain = value.removeprefix("/")
        if "://" in value or plain.startswith("/") or re.search(r"[\\?#\x00-\x20\x7f]", value):
            raise ValueError("a path below base_url is expected; query parameters go into 'parameters'")
        if any(part in (".", "..") for part in plain.split("/")):
            raise ValueError("a path without '.' and '..' is expected")
        return plain

    @field_validator("rows")
    @classmethod
    def _is_path(cls, value: str) -> str:
        json_path(value)
        return value

    @model_validator(mode="after")
    def _known(self) -> RestTable:
        for field, names in (
            ("filters", self.filters),
            ("required_filters", self.required_filters),
            ("key", self.key),
        ):
            for name in names if self.columns else ():
                if name not in self.columns:
                    raise ValueError(f"{field} names {name!r}, which is not among the columns")
        for name in self.required_filters:
            if not any(item.op in ("eq", "in") for item in self.filters.get(name, ())):
                raise ValueError(f"required_filters names {name!r}, for which no filter with op eq or in is declared")
        for name, filters in self.filters.items():
            possible = exact_operators(self.columns[name].type) if self.columns else dict.fromkeys(Op)
            for item in filters:
                if Op(item.op) not in possible:
                    raise ValueError(f"filters of {name!r}: {item.op} is not possible on its type")
        return self

    def operators(self, column: str) -> dict[Op, bool]:
        """The operators that a column's filters take, and whether each is exact."""
        found: dict[Op, bool] = {}
        for item in self.filters.get(column, ()):
            for op in (Op.EQ, Op.IN) if item.op == "in" else (Op(item.op),):
                found[op] = item.exact or found.get(op, False)
        return found


class RestConfig(ConnectorConfig):
    """JSON over HTTP from one origin. Times in seconds, sizes in bytes; caps hold for one scan."""

    base_url: str
    auth: Literal["none", "basic", "bearer", "header", "oauth2"] = "none"
    username: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    header_name: str | None = None
    header_value: SecretStr | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    scope: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    tls: Tls = Tls.VERIFY_FULL
    ca_file: Path | None = None
    connect_timeout: Annotated[float, Field(gt=0, le=120)] = 10.0
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0
    total_timeout: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    max_bytes: Annotated[int, Field(gt=0)] = 1 << 30
    max_decoded_bytes: Annotated[int, Field(gt=0)] = 8 << 30
    max_ratio: Annotated[float, Field(ge=1)] = 100.0
    max_pages: Annotated[int, Field(ge=1)] = 10_000
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    pages_at_once: Annotated[int, Field(ge=1, le=16)] = 1
    ahead_bytes: Annotated[int, Field(ge=0)] = 8 << 20
    tables: dict[str, RestTable] = Field(default_factory=dict)

    @field_validator("base_url", "token_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and "://" not in value and value.startswith("/"):
            return value  # a token_url below the origin; refused for base_url below
        if value is not None:
            try:
                url = httpx.URL(value)
            except httpx.InvalidURL:
                raise ValueError("an address such as https://mes.example.com/api is expected") from None
            if url.scheme not in ("http", "https") or not url.host:
                raise ValueError("an address that starts with http:// or https:// is expected")
            if url.userinfo or url.query or url.fragment:
                raise ValueError("an address without user, query and fragment is expected")
        return value

    @field_validator("headers")
    @classmethod
    def _plain(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _HEADER.fullmatch(name) or re.search(r"[\r\n\0]", text):
                raise ValueError(f"{name!r} is not a header, or its value holds a line break")
            if name.lower() in _OWN_HEADERS or name.lower() == "authorization":
                raise ValueError(f"{name!r} can't be set here; credentials go into 'auth' and its fields")
        return value

    @model_validator(mode="after")
    def _complete(self) -> RestConfig:
        if self.base_url.startswith("/"):
            raise ValueError("base_url: an address that starts with http:// or https:// is expected")
        needed = {
            "none": (),
            "basic": ("username", "password"),
            "bearer": ("token",),
            "header": ("header_name", "header_value"),
            "oauth2": ("token_url", "client_id", "client_secret"),
        }[self.auth]
        missing = [field for field in needed if getattr(self, field) in (None, "")]
        if missing:
            raise ValueError(f"auth {self.auth!r} needs {', '.join(missing)}")
        if self.auth == "header" and not _HEADER.fullmatch(self.header_name or ""):
            raise ValueError("header_name is not the name of a header")
        return self


def to_parameters(table: RestTable, predicates: Iterable[Predicate], zone: ZoneInfo | None) -> list[tuple[str, str]]:
    """Query parameters whose rows contain those that satisfy the predicates; each parameter is used once.

    What has no parameter (an OR over columns, a second bound on the same side) is left out: the rows are filtered
    here anyway.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for predicate in predicates:
        if not isinstance(predicate, Comparison):
            continue
        for item in table.filters.get(predicate.column, ()):
            if item.parameter not in found:
                texts = _texts(table, predicate, item, zone)
                if texts is not None:
                    found[item.parameter] = [(item.parameter, text) for text in texts]
    return [pair for pairs in found.values() for pair in pairs]


def _texts(table: RestTable, comparison: Comparison, item: RestFilter, zone: ZoneInfo | None) -> list[str] | None:
    """The parameter's values, None if it can't take the comparison."""
    as_list = item.op == "in" and comparison.op in (Op.EQ, Op.IN)
    if not as_list and comparison.op is not Op(item.op):
        return None
    column = table.columns[comparison.column]
    if column.type == "TIMESTAMP" and zone is not None:
        if comparison.op is Op.NE:
            return None
        naive = on_naive(comparison, zone)
        if not isinstance(naive, Comparison) or naive.op is not comparison.op:
            return None
        comparison = naive
    values = [_written(value, comparison.op, column) for value in comparison.values]
    if as_list and item.list == "comma":
        return None if any("," in value for value in values) else [",".join(values)]
    return values


def _written(value: Value, op: Op, column: RestColumn) -> str:
    """A value as a parameter. Bounds in time are widened to the whole second: many sources cut fractions off."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        if op in _LESS and value.microsecond and value < _latest(value):
            value = value.replace(microsecond=0) + timedelta(seconds=1)
        elif op in _GREATER:
            value = value.replace(microsecond=0)
        if column.form is not None and "%" in column.form:
            return value.strftime(column.form)
        if column.form is not None:
            instant = value if value.tzinfo else value.replace(tzinfo=UTC)
            return str(
                int(instant.timestamp()) * {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}[column.form]
            )
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, date) and column.form is not None and "%" in column.form:
        return value.strftime(column.form)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        raise ValueError("binary values have no form as a parameter")
    return str(value).lower() if family(column.type) == "uuid" else str(value)


def _latest(like: datetime) -> datetime:
    return datetime.max.replace(microsecond=0, tzinfo=like.tzinfo)


def source_columns(options: RestTable) -> list[SourceColumn]:
    """`name` of each is its path as a JSON pointer or dotted path; one without a path stands under its own name."""
    return [
        SourceColumn(column.path or "/" + name.replace("~", "~0").replace("/", "~1"), column.type, name, column.form)
        for name, column in options.columns.items()
    ]


def tls_context(config: RestConfig) -> ssl.SSLContext | bool:
    """How certificates are checked; only this connection is affected."""
    if not config.base_url.startswith("https:") and not (config.token_url or "").startswith("https:"):
        return False
    try:
        context = ssl.create_default_context(cafile=str(config.ca_file) if config.ca_file else None)
    except OSError:
        raise ConfigurationError("field 'ca_file': it can't be read as certificates") from None
    if config.tls is not Tls.VERIFY_FULL:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

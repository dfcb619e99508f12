"""The tables of the metadata database, as SQLAlchemy Core.

Every table below `workspaces` has `tenant_id` and `workspace_id`, NOT NULL, first in its primary key and in each of
its foreign keys: a row can't refer to another tenant's row, whatever a program does. Columns named `folded` hold a
name in lower case; `name` is the spelling. Changing this file means a new file in `catalog/migrations/versions`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in Python, `timestamptz` in PostgreSQL, naive UTC in SQLite, which has no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the catalog keeps moments: a datetime without time zone is not one")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


def _json(name: str) -> Column[Any]:
    return Column(name, JSON, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=nullable)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _scoped(name: str, *columns: Any, key: tuple[str, ...]) -> Table:
    """A table of one workspace's rows; `key`: what identifies a row in its workspace."""
    return Table(
        name,
        metadata,
        _text("tenant_id"),
        _text("workspace_id"),
        *columns,
        PrimaryKeyConstraint("tenant_id", "workspace_id", *key),
        ForeignKeyConstraint(["tenant_id", "workspace_id"], ["workspaces.tenant_id", "workspaces.workspace_id"]),
    )


def _reference(columns: tuple[str, ...], table: str, referred: tuple[str, ...]) -> ForeignKeyConstraint:
    scope = ("tenant_id", "workspace_id")
    return ForeignKeyConstraint([*scope, *columns], [f"{table}.{column}" for column in (*scope, *referred)])


tenants = Table("tenants", metadata, _text("tenant_id", primary_key=True), _moment("created_at"))

# `version` goes up with every change that planning can see; `schemas_version` with changes of source schemas only.
workspaces = Table(
    "workspaces",
    metadata,
    _text("tenant_id"),
    _text("workspace_id"),
    _count("version"),
    _count("schemas_version"),
    _moment("created_at"),
    PrimaryKeyConstraint("tenant_id", "workspace_id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
)

# The one space of names that connections and views share.
relations = _scoped(
    "relations",
    _text("folded"),
    _text("kind"),
    _text("name"),
    CheckConstraint("kind IN ('connection', 'view')", name="kind"),
    UniqueConstraint("tenant_id", "workspace_id", "folded", "kind"),
    key=("folded",),
)

connections = _scoped(
    "connections",
    _text("folded"),
    _text("kind"),
    _text("connector"),
    _json("config"),
    Column("time_zone", Text),
    _json("include"),
    _json("exclude"),
    _json("budget"),
    _text("comment"),
    Column("version", Integer, nullable=False),
    CheckConstraint("kind = 'connection'", name="kind"),
    _reference(("folded", "kind"), "relations", ("folded", "kind")),
    key=("folded",),
)

# When a connection's next statement may begin (seconds since 1970), for all API processes together.
source_paces = _scoped(
    "source_paces",
    _text("connection"),
    Column("next_at", Float(53), nullable=False),
    key=("connection",),
)

source_schemas = _scoped(
    "source_schemas",
    _text("connection"),
    _text("table_name"),
    _json("definition"),
    _moment("seen_at"),
    _reference(("connection",), "connections", ("folded",)),
    key=("connection", "table_name"),
)

drafts = _scoped(
    "drafts",
    _text("folded"),
    _text("name"),
    _text("sql"),
    _json("problems"),
    _moment("updated_at"),
    key=("folded",),
)

views = _scoped(
    "views",
    _text("folded"),
    _text("kind"),
    Column("latest", Integer, nullable=False),
    CheckConstraint("kind = 'view'", name="kind"),
    _reference(("folded", "kind"), "relations", ("folded", "kind")),
    key=("folded",),
)

view_versions = _scoped(
    "view_versions",
    _text("folded"),
    Column("version", Integer, nullable=False),
    _text("sql"),
    _text("expanded_sql"),
    _json("columns"),
    _json("uses_views"),
    _json("uses_tables"),
    _json("row_key"),
    _text("comment"),
    _text("source"),
    _moment("created_at"),
    _text("created_by"),
    _reference(("folded",), "views", ("folded",)),
    key=("folded", "version"),
)

publications = _scoped(
    "publications",
    _text("folded"),
    _text("name"),
    _text("view"),
    _json("row_key"),
    Column("key_kind", Text),
    _json("protocols"),
    _json("limits"),
    _text("comment"),
    Column("version", Integer, nullable=False),
    _reference(("view",), "views", ("folded",)),
    key=("folded",),
)

# A publication's closure: the view versions that it pins. The foreign key keeps each of them in place.
publication_pins = _scoped(
    "publication_pins",
    _text("publication"),
    _text("view"),
    Column("version", Integer, nullable=False),
    _reference(("publication",), "publications", ("folded",)),
    _reference(("view", "version"), "view_versions", ("folded", "version")),
    key=("publication", "view"),
)

api_keys = _scoped(
    "api_keys",
    _text("id"),
    _text("name"),
    _text("label"),
    _text("hash", unique=True),
    _text("role"),
    _text("issuer"),
    Column("publications", JSON(none_as_null=True)),
    _count("uses"),
    _moment("created_at"),
    _moment("last_used_at", nullable=True),
    _moment("expires_at", nullable=True),
    _moment("revoked_at", nullable=True),
    key=("id",),
)

runs = _scoped(
    "runs",
    _text("id"),
    _text("principal"),
    _text("protocol"),
    _json("publications"),
    _text("statement"),
    _text("status"),
    _moment("started_at"),
    Column("seconds", Float(53), nullable=False),
    _count("rows"),
    _count("bytes"),
    _text("error"),
    _json("sources"),
    Index(None, "tenant_id", "workspace_id", "started_at"),
    key=("id",),
)

SCOPED = tuple(table for table in metadata.sorted_tables if table is not tenants and table is not workspaces)

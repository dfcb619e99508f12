"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCOPED = (
    "api_keys",
    "connections",
    "drafts",
    "publication_pins",
    "publications",
    "relations",
    "runs",
    "source_schemas",
    "view_versions",
    "views",
)


def upgrade() -> None:
    """Bring the tables to this revision; there is no way back but a backup."""
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "workspaces",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("schemas_version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_workspaces_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", name=op.f("pk_workspaces")),
    )
    op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("publications", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_api_keys_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    op.create_table(
        "drafts",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sql", sa.Text(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_drafts_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "folded", name=op.f("pk_drafts")),
    )
    op.create_table(
        "relations",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('connection', 'view')", name=op.f("ck_relations_kind")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_relations_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "folded", name=op.f("pk_relations")),
        sa.UniqueConstraint("tenant_id", "workspace_id", "folded", "kind", name=op.f("uq_relations_tenant_id")),
    )
    op.create_table(
        "runs",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("publications", sa.JSON(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_runs_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "id", name=op.f("pk_runs")),
    )
    op.create_index(
        op.f("ix_runs_tenant_id_workspace_id_started_at"), "runs", ["tenant_id", "workspace_id", "started_at"]
    )

    op.create_table(
        "connections",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("include", sa.JSON(), nullable=False),
        sa.Column("exclude", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind = 'connection'", name=op.f("ck_connections_kind")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id", "folded", "kind"],
            ["relations.tenant_id", "relations.workspace_id", "relations.folded", "relations.kind"],
            name=op.f("fk_connections_relations"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_connections_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "folded", name=op.f("pk_connections")),
    )
    op.create_table(
        "views",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("latest", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind = 'view'", name=op.f("ck_views_kind")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id", "folded", "kind"],
            ["relations.tenant_id", "relations.workspace_id", "relations.folded", "relations.kind"],
            name=op.f("fk_views_relations"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_views_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "folded", name=op.f("pk_views")),
    )
    op.create_table(
        "publications",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("row_key", sa.JSON(), nullable=False),
        sa.Column("key_kind", sa.Text(), nullable=True),
        sa.Column("protocols", sa.JSON(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id", "view"],
            ["views.tenant_id", "views.workspace_id", "views.folded"],
            name=op.f("fk_publications_views"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_publications_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "folded", name=op.f("pk_publications")),
    )
    op.create_table(
        "source_schemas",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id", "connection"],
            ["connections.tenant_id", "connections.workspace_id", "connections.folded"],
            name=op.f("fk_source_schemas_connections"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_source_schemas_workspaces"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "workspace_id", "connection", "table_name", name=op.f("pk_source_schemas")
        ),
    )
    op.create_table(
        "view_versions",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sql", sa.Text(), nullable=False),
        sa.Column("expanded_sql", sa.Text(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("uses_views", sa.JSON(), nullable=False),
        sa.Column("uses_tables", sa.JSON(), nullable=False),
        sa.Column("row_key", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id", "folded"],
            ["views.tenant_id", "views.workspace_id", "views.folded"],
            name=op.f("fk_view_versions_views"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_view_versions_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "folded", "version", name=op.f("pk_view_versions")),
    )
    op.create_table(
        "publication_pins",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("publication", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id", "publication"],
            ["publications.tenant_id", "publications.workspace_id", "publications.folded"],
            name=op.f("fk_publication_pins_publications"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id", "view", "version"],
            [
                "view_versions.tenant_id",
                "view_versions.workspace_id",
                "view_versions.folded",
                "view_versions.version",
            ],
            name=op.f("fk_publication_pins_view_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_publication_pins_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "publication", "view", name=op.f("pk_publication_pins")),
    )
    if op.get_bind().dialect.name == "postgresql":
        secure_rows()


def secure_rows() -> None:
    """PostgreSQL's row level security, the second wall: a statement that forgot its tenant finds no rows.

    It binds the tables' owner too, but no superuser: the server should log in as an ordinary role.
    """
    tenant = "tenant_id = current_setting('viewloom.tenant', true)"
    workspace = f"{tenant} AND workspace_id = current_setting('viewloom.workspace', true)"
    operator = "current_setting('viewloom.operator', true) = 'on'"
    rules = dict.fromkeys(SCOPED, workspace)
    rules |= {"tenants": f"{tenant} OR {operator}", "workspaces": f"({workspace}) OR {operator}"}
    for table, rule in rules.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} USING ({rule}) WITH CHECK ({rule})")
    # Authentication knows no tenant yet: it may read the one row whose hash it names.
    by_hash = "hash = current_setting('viewloom.key_hash', true)"
    op.execute(f"CREATE POLICY credential ON api_keys FOR SELECT USING ({by_hash})")

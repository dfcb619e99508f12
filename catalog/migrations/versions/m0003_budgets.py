"""Budgets of connections, and when the next statement of one may begin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision; there is no way back but a backup."""
    op.add_column("connections", sa.Column("budget", sa.JSON(), nullable=False, server_default="{}"))
    op.create_table(
        "source_paces",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("next_at", sa.Float(53), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["workspaces.tenant_id", "workspaces.workspace_id"],
            name=op.f("fk_source_paces_workspaces"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "workspace_id", "connection", name=op.f("pk_source_paces")),
    )
    if op.get_bind().dialect.name == "postgresql":
        rule = (
            "tenant_id = current_setting('viewloom.tenant', true)"
            " AND workspace_id = current_setting('viewloom.workspace', true)"
        )
        op.execute("ALTER TABLE source_paces ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE source_paces FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON source_paces USING ({rule}) WITH CHECK ({rule})")

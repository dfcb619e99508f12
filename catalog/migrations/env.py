"""Alembic's entry: runs migrations in the transaction of `catalog.migrate`, and nowhere else.

On PostgreSQL the owner of the tables is under row level security too: a migration that moves rows lifts it for
its own transaction (ALTER TABLE … NO FORCE ROW LEVEL SECURITY) and puts it back.
"""

from __future__ import annotations

from alembic import context

from catalog.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's too: the driver leaves BEGIN to us
    render_as_batch=True,
    compare_server_default=True,
)
context.run_migrations()

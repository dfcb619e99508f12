"""Brings the metadata database to the newest form of its tables, under a lock, in one transaction."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from catalog.database import begin
from catalog.errors import CatalogVersionError

# The newest file in migrations/versions; a test holds the two together.
HEAD = "0003"
SCRIPTS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x76696577_6C6F6F6D  # "viewloom"


def upgrade(engine: Engine) -> None:
    """Create or upgrade the tables; nothing is done, and Alembic not even imported, when they are up to date.

    Two servers that start at once don't meet: the first holds PostgreSQL's advisory lock, or SQLite's write lock,
    until it has committed; the second then finds nothing to do. A migration that fails leaves nothing behind.
    """
    with begin(engine, {}, writes=False) as connection:
        if current_revision(connection) == HEAD:
            return
    with begin(engine, {}, writes=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
        run_migrations(connection)


def current_revision(connection: Connection) -> str | None:
    """The revision that the database's tables have; None: there are none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def run_migrations(connection: Connection) -> None:
    """Run what is missing, inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    found = current_revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise CatalogVersionError(
            f"The metadata database has the form {found!r}, which this version of Viewloom does not know.",
            hint="Start the newer version that made it, or restore a backup.",
        )
    command.upgrade(config, "head")

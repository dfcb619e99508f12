"""A catalog of before budgets keeps its connections, which then have none."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from catalog import migrate
from catalog.database import begin, open_engine
from catalog.operator import operator_scope
from catalog.records import Budget
from catalog.store import CatalogStore


@pytest.fixture
def old_catalog(tmp_path: Path) -> str:
    """An SQLite catalog of revision 0001 with one connection."""
    url = f"sqlite:///{tmp_path}/catalog.db"
    engine = open_engine(url)
    with begin(engine, {}, writes=True) as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        place = "'acme', 'plant'"
        for statement in (
            "INSERT INTO tenants VALUES ('acme', '2026-01-01')",
            f"INSERT INTO workspaces VALUES ({place}, 1, 1, '2026-01-01')",
            f"INSERT INTO relations VALUES ({place}, 'erp', 'connection', 'erp')",
            "INSERT INTO connections (tenant_id, workspace_id, folded, kind, connector, config, include, exclude,"
            f" comment, version) VALUES ({place}, 'erp', 'connection', 'sqlite', '{{}}', '[\"*\"]', '[]', '', 1)",
        ):
            connection.execute(text(statement))
    engine.dispose()
    return url


def test_old_connections_have_no_budget(old_catalog: str) -> None:
    with CatalogStore(old_catalog) as store:
        (found,) = store.workspace(operator_scope("acme", "plant")).list_connections()
    assert (found.name, found.budget) == ("erp", Budget())

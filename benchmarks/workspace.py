"""The workspace `bench`: connections, views, publications, a key; made by the code that `viewloom` itself runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from catalog.operator import ensure_workspace
from catalog.records import Connection
from catalog.scope import Scope
from engine.check_view import ViewSource
from server.operations.connections import save_connection
from server.operations.publish import publish
from server.operations.refresh import refresh
from server.operations.views import save_view
from server.settings import Settings
from server.state import ServerState, open_state
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

TENANT = WORKSPACE = "bench"


@dataclass(frozen=True, slots=True)
class Offer:
    """A view and its publication, of the same name. `key` None: what the sources prove."""

    name: str
    sql: str
    key: tuple[str, ...] | None = None


def database_connection(
    name: str, connector: str, database: PostgresServer | MariaDBServer, data_directory: Path
) -> Connection:
    """A connection to a database of the rig; its password goes into a file among the server's secrets."""
    secret = data_directory.absolute() / "secrets" / name
    secret.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret.touch(0o600)
    secret.write_text(database.password, "utf-8")
    config = {
        "host": database.host,
        "port": database.port,
        "database": database.database,
        "user": database.user,
        "password": f"file:{secret}",
        "tls": "disable",
    }
    return Connection(name, connector, config, time_zone="UTC")


def files_connection(name: str, directory: Path) -> Connection:
    """A connection to the files of a directory."""
    return Connection(name, "files", {"directory": str(directory)}, time_zone="UTC")


def make_workspace(
    state: ServerState, connections: Sequence[Connection], offers: Sequence[Offer], tenant: str = TENANT
) -> Scope:
    """Save, look at the sources, publish. Raises the errors of `server.operations`."""
    scope = ensure_workspace(state.store, tenant, WORKSPACE)
    for connection in connections:
        save_connection(state, scope, connection)
        refresh(state, scope, connection.name)
    for offer in offers:
        save_view(state, scope, ViewSource(offer.name, offer.sql))
        publish(state, scope, offer.name, key=offer.key)
    return scope


def make_catalog(data_directory: Path, connections: Sequence[Connection], offers: Sequence[Offer]) -> tuple[str, ...]:
    """A catalog for a server that is started later; the texts of two readers' keys."""
    with closing(open_state(Settings(data_directory=data_directory), spare_workers=1)) as state:
        scope = make_workspace(state, connections, offers)
        workspace = state.store.workspace(scope)
        return tuple(workspace.issue_key(name)[1] for name in ("reader", "another reader"))

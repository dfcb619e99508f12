"""`viewloom demo`: the demo plant and the server, in one command. The second start finds everything made."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from catalog.files import CatalogFiles
    from catalog.scope import Scope
    from server.demo.build import DemoPlant, Mes
    from server.settings import Settings
    from server.state import ServerState

TENANT, WORKSPACE = "default", "plant"
KEY_DAYS = 30
PORTS_TRIED = 50
STAMP = "applied"
WELCOME = """
Viewloom is running, with the demo plant in the workspace '{workspace}'.

  OData      {root}/odata/{workspace}/
  REST       {root}/api/v1/{workspace}/data/order_backlog?late=is.true&limit=5
  Documents  {root}/docs
  API key    {key}   (reads the workspace for {days} days)

  curl       curl -H 'X-API-Key: {key}' '{root}/api/v1/{workspace}/data/orders_at_risk?format=csv'
  SQL        curl -H 'X-API-Key: {key}' -H 'Content-Type: text/plain' '{root}/api/v1/{workspace}/sql?format=csv' \\
               -d 'SELECT line, round(avg(oee), 3) AS oee FROM oee_by_line_shift GROUP BY line ORDER BY line'

  Excel      Data > Get Data > From Other Sources > From OData Feed; URL: the OData root above;
             choose Basic, any user name, the API key as password.
  Power BI   Get data > OData feed; the same URL and the same Basic credentials.
             Where a program asks for no password: {root}/odata/key/{key}/{workspace}/

  Look into it: viewloom views list --workspace {workspace}{where}
  Stop with Ctrl+C.
"""


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="[default: 8080, or the next free one]")
@click.option("--data-directory", type=click.Path(path_type=Path, file_okay=False), help="[default: .viewloom]")
def demo(port: int | None, data_directory: Path | None) -> None:
    """Start a factory's data (ERP, MES, historian, lab) and the server, and say how to look at it.

    Nothing but Python is needed. The first start makes the data, which takes some seconds.

    \b
    Example:  viewloom demo --port 9000
    """
    from server.app import serve
    from server.settings import read_settings

    settings = read_settings(port=port, data_directory=data_directory)
    settings = replace(settings, host="127.0.0.1", port=free_port(settings.port))
    if "VIEWLOOM_LOG_LEVEL" not in os.environ:  # a line per request would bury what the demo has to say
        settings = replace(settings, log_level="WARNING")
    with ExitStack() as stack:
        state, key = stack.enter_context(prepared_demo(settings))
        where = f" --data-directory {settings.data_directory}" if data_directory is not None else ""

        def started() -> None:
            root = f"http://127.0.0.1:{settings.port}"
            click.echo(WELCOME.format(root=root, workspace=WORKSPACE, key=key, days=KEY_DAYS, where=where))

        with suppress(KeyboardInterrupt):  # Ctrl+C has ended the server already, in good order
            serve(state, started)


@contextmanager
def prepared_demo(settings: Settings) -> Iterator[tuple[ServerState, str]]:
    """The open server state with the demo in its catalog, and a fresh key; the MES runs as long as this lasts.

    The MES, the workers and the catalog start side by side: each takes about a second.
    """
    from server.demo.build import build_demo, start_mes
    from server.state import open_state

    directory = settings.data_directory.absolute()
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        mes_started = pool.submit(start_mes)
        plant_built = pool.submit(_built, directory / "demo")
        state = open_state(settings)
        stack.callback(state.close)
        mes: Mes = mes_started.result()
        stack.callback(mes.stop)
        plant: DemoPlant = plant_built.result() or build_demo(directory / "demo")
        yield state, fill_workspace(state, plant, mes.url)


def _built(directory: Path) -> DemoPlant:
    from server.demo.build import build_demo, content_version

    if not (directory / f"plant-{content_version()}").is_dir():
        click.echo("Making the plant's data (once) …", err=True)
    return build_demo(directory)


def fill_workspace(state: ServerState, plant: DemoPlant, mes_url: str) -> str:
    """The demo's connections, views and publications in the catalog, unless they are there; a fresh key."""
    from catalog.files import read_files
    from catalog.operator import ensure_workspace
    from server.demo.build import WORKSPACE as FILES
    from server.demo.connections import SECRET_FILE, demo_connections, write_secret
    from server.operations.apply import apply_files, secret_fields
    from server.operations.connections import save_connection

    directory = state.settings.data_directory.absolute()
    scope = ensure_workspace(state.store, TENANT, WORKSPACE)
    secret = write_secret(directory / "secrets" / SECRET_FILE)
    wanted = read_files(FILES, secret_fields)
    wanted = replace(wanted, connections=demo_connections(plant, mes_url, secret))
    stamp, content = directory / "demo" / STAMP, fingerprint(wanted, mes_url, state.settings.catalog_url)
    if _is_there(state, scope, stamp, content):
        for connection in wanted.connections:  # only the MES's port is another at each start
            save_connection(state, scope, connection)
    else:
        click.echo("Filling the workspace …", err=True)
        apply_files(state, scope, wanted, check_keys=False)
        stamp.write_text(content)
    expires = datetime.now(UTC) + timedelta(days=KEY_DAYS)
    _, key = state.store.workspace(scope).issue_key("demo", expires_at=expires)
    return key


def fingerprint(files: CatalogFiles, mes_url: str, catalog_url: str) -> str:
    """A hash of all that the workspace is made of, but for the MES's address."""
    from catalog.publication_file import write_publications

    connections = json.dumps([[c.name, c.connector, c.config, c.time_zone] for c in files.connections])
    parts = [
        connections.replace(mes_url, ""),
        write_publications(files.publications),
        *(view.source for view in files.views),
    ]
    return hashlib.sha256("\0".join([*parts, catalog_url]).encode()).hexdigest()


def _is_there(state: ServerState, scope: Scope, stamp: Path, content: str) -> bool:
    if not stamp.is_file() or stamp.read_text() != content:
        return False
    catalog = state.store.workspace(scope).read()
    return bool(catalog.publications) and bool(catalog.schemas)


def free_port(wanted: int) -> int:
    """The wanted port of localhost, or the next one that is free. 0: any."""
    for port in [wanted] if wanted == 0 else range(wanted, min(wanted + PORTS_TRIED, 65536)):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise click.ClickException(f"no port from {wanted} to {wanted + PORTS_TRIED} is free; choose one with --port")

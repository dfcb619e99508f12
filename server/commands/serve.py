"""`viewloom serve`: the server over a catalog."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click


@click.command()
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="[default: 8080]")
@click.option("--catalog", metavar="URL", help="The catalog's database: sqlite:///PATH or postgresql://….")
@click.option("--data-directory", type=click.Path(path_type=Path, file_okay=False), help="[default: .viewloom]")
def serve(host: str | None, port: int | None, catalog: str | None, data_directory: Path | None) -> None:
    """Serve all workspaces of a catalog as OData, REST and SQL, with the admin API.

    Every setting is an environment variable VIEWLOOM_…; docs/reference/settings.md lists them.

    \b
    Example:  viewloom serve --port 9000
              VIEWLOOM_SECRET_ERP=… viewloom serve --host 0.0.0.0
    """
    from server.app import serve as run_server
    from server.settings import read_settings
    from server.state import open_state

    settings = read_settings(host=host, port=port, catalog=catalog, data_directory=data_directory)
    state = open_state(settings)

    def started() -> None:
        click.echo(f"Viewloom listens on http://{settings.host}:{settings.port}/ (documents: /docs)", err=True)

    with suppress(KeyboardInterrupt):  # Ctrl+C has ended the server already, in good order
        run_server(state, started)

"""What a command works on: a workspace of a catalog, opened directly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catalog.scope import Scope

if TYPE_CHECKING:
    from catalog.workspace_store import WorkspaceStore
    from server.settings import Settings
    from server.state import ServerState

WORKERS = 2


@dataclass(frozen=True, slots=True)
class Opened:
    """An open catalog, and the operator's scope in one workspace."""

    state: ServerState
    scope: Scope

    @property
    def workspace(self) -> WorkspaceStore:
        return self.state.store.workspace(self.scope)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the options of a command point to. `as_json`: for scripts, the output is one JSON document."""

    settings: Settings
    tenant: str
    workspace: str
    as_json: bool

    @contextmanager
    def open(self, *, create: bool = False) -> Iterator[Opened]:
        """Open it; workers are started only when something is read from a source. `create`: it need not be there."""
        from catalog.errors import NotFoundError
        from catalog.operator import ensure_workspace, operator_scope
        from server.state import open_state

        settings = replace(self.settings, workers=WORKERS, reserved_workers=0)
        state = open_state(settings, spare_workers=0)
        try:
            scope = operator_scope(self.tenant, self.workspace)
            if create:
                scope = ensure_workspace(state.store, self.tenant, self.workspace)
            try:
                state.store.version(scope)
            except NotFoundError:
                raise click.ClickException(
                    f"there is no workspace {self.workspace!r} of the tenant {self.tenant!r} in this catalog.\n"
                    f"  `viewloom init --workspace {self.workspace}` creates it."
                ) from None
            yield Opened(state, scope)
        finally:
            state.close()


def on_workspace(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that say where it works, as its first argument `target`."""

    @click.option("--catalog", metavar="URL", help="The catalog's database: sqlite:///PATH or postgresql://….")
    @click.option(
        "--data-directory",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where the catalog is when no URL is given.  [default: .viewloom]",
    )
    @click.option("--tenant", default="default", show_default=True)
    @click.option("--workspace", default="main", show_default=True, envvar="VIEWLOOM_WORKSPACE")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
    @wraps(command)
    def with_target(
        catalog: str | None,
        data_directory: Path | None,
        tenant: str,
        workspace: str,
        as_json: bool,
        **options: Any,
    ) -> Any:
        from server.settings import read_settings

        settings = read_settings(catalog=catalog, data_directory=data_directory)
        return command(Target(settings, tenant, workspace, as_json), **options)

    return with_target

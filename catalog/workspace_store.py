"""All reads and writes of one workspace, for one principal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count

from sqlalchemy import Engine

from catalog import api_keys, connections, drafts, publications, runs, source_schemas, views
from catalog.errors import NotAdminError
from catalog.records import (
    ApiKey,
    Connection,
    Draft,
    Publication,
    RunRecord,
    SourceSchema,
    View,
    WorkspaceCatalog,
)
from catalog.scope import READER, Scope
from catalog.transaction import WorkspaceTransaction, read_workspace, write_workspace
from catalog.workspace_catalog import read_catalog

UNCOMMITTED = count(1)


class WorkspaceStore:
    """One workspace of the catalog. Every method is one transaction; whatever writes asks for the role `admin`.

    Names are found without regard to case. `expected_version`: the version that the caller saw (0: none yet);
    ConflictError when somebody else was faster; None: don't check. Saving what is already there changes nothing.
    """

    def __init__(
        self,
        engine: Engine,
        scope: Scope,
        read_snapshot: Callable[[Scope], WorkspaceCatalog],
        transaction: WorkspaceTransaction | None = None,
    ) -> None:
        self._engine = engine
        self._scope = scope
        self._read_snapshot = read_snapshot
        self._transaction = transaction

    @contextmanager
    def together(self) -> Iterator[WorkspaceStore]:
        """The same workspace, all of whose methods are one transaction: it is committed at the end.

        An exception that leaves it undoes everything; don't catch one inside and go on. Other writers wait.
        """
        with self._writing() as tx:
            yield WorkspaceStore(self._engine, self._scope, self._read_snapshot, tx)

    @contextmanager
    def _reading(self) -> Iterator[WorkspaceTransaction]:
        if self._transaction is not None:
            yield self._transaction
            return
        with read_workspace(self._engine, self._scope) as tx:
            yield tx

    @contextmanager
    def _writing(self) -> Iterator[WorkspaceTransaction]:
        if not self._scope.is_admin:
            raise NotAdminError(
                f"{self._scope.principal!r} may read the workspace {self._scope.workspace!r}, but not change it.",
                hint=f"Use a key with the role admin instead of {READER}.",
            )
        if self._transaction is not None:
            yield self._transaction
            return
        with write_workspace(self._engine, self._scope) as tx:
            yield tx

    def read(self) -> WorkspaceCatalog:
        """The workspace as it is now, immutable; the same object as long as nothing changes.

        Inside `together` it holds what is not committed yet, under a negative version that no other snapshot has.
        """
        if self._transaction is None:
            return self._read_snapshot(self._scope)
        return replace(read_catalog(self._transaction, None), version=-next(UNCOMMITTED))

    # Connections

    def save_connection(
        self, connection: Connection, secret_fields: Collection[str] = (), expected_version: int | None = None
    ) -> Connection:
        """Create or change a connection. `secret_fields`: fields of its config that must hold references."""
        with self._writing() as tx:
            return connections.save_connection(tx, connection, secret_fields, expected_version)

    def get_connection(self, name: str) -> Connection:
        with self._reading() as tx:
            return connections.get_connection(tx, name)

    def list_connections(self) -> tuple[Connection, ...]:
        with self._reading() as tx:
            return connections.list_connections(tx)

    def drop_connection(self, name: str) -> None:
        """Drop a connection and its source schemas. ConnectionInUseError names the views that read it."""
        with self._writing() as tx:
            connections.drop_connection(tx, name)

    # Source schemas

    def save_schemas(self, schemas: Iterable[SourceSchema]) -> int:
        """Keep tables as they were just seen, in place of what was known of them; how many."""
        with self._writing() as tx:
            return source_schemas.save_schemas(tx, schemas)

    def save_statistics(self, schemas: Iterable[SourceSchema], *, replan: bool) -> int:
        """Keep known tables with new statistics; how many. `replan`: plans are to be made anew."""
        with self._writing() as tx:
            return source_schemas.save_statistics(tx, schemas, replan=replan)

    def list_schemas(self, connection: str | None = None) -> tuple[SourceSchema, ...]:
        with self._reading() as tx:
            return source_schemas.list_schemas(tx, connection)

    def drop_schemas(self, connection: str, tables: Collection[str] | None = None) -> int:
        """Forget tables of a connection (exact names), or all; how many there were."""
        with self._writing() as tx:
            return source_schemas.drop_schemas(tx, connection, tables)

    # Drafts

    def save_draft(self, draft: Draft) -> Draft:
        with self._writing() as tx:
            return drafts.save_draft(tx, draft)

    def get_draft(self, name: str) -> Draft:
        with self._reading() as tx:
            return drafts.get_draft(tx, name)

    def list_drafts(self) -> tuple[Draft, ...]:
        with self._reading() as tx:
            return drafts.list_drafts(tx)

    def drop_draft(self, name: str) -> None:
        with self._writing() as tx:
            drafts.drop_draft(tx, name)

    # Views

    def save_view(self, view: View, expected_version: int | None = None) -> View:
        """Keep a view that the engine has checked: a new version when it says something new. Its draft goes.

        NotFoundError, ViewCycleError: what it uses was changed since the check.
        """
        with self._writing() as tx:
            return views.save_view(tx, view, expected_version)

    def get_view(self, name: str, version: int | None = None) -> View:
        with self._reading() as tx:
            return views.get_view(tx, name, version)

    def list_views(self) -> tuple[View, ...]:
        """The latest version of each view, by name."""
        with self._reading() as tx:
            return views.latest_views(tx)

    def view_history(self, name: str) -> tuple[View, ...]:
        """All versions of a view, the latest first."""
        with self._reading() as tx:
            return views.view_history(tx, name)

    def drop_view(self, name: str) -> None:
        """Drop a view with its history. ViewInUseError names the views and publications that use it."""
        with self._writing() as tx:
            views.drop_view(tx, name)

    # Publications

    def save_publication(self, publication: Publication, expected_version: int | None = None) -> Publication:
        """Create or change a publication, with the closure as given; it must be whole."""
        with self._writing() as tx:
            return publications.save_publication(tx, publication, expected_version)

    def get_publication(self, name: str) -> Publication:
        with self._reading() as tx:
            return publications.get_publication(tx, name)

    def list_publications(self) -> tuple[Publication, ...]:
        with self._reading() as tx:
            return publications.list_publications(tx)

    def drop_publication(self, name: str) -> None:
        with self._writing() as tx:
            publications.drop_publication(tx, name)

    # API keys

    def issue_key(
        self,
        name: str,
        role: str = READER,
        publications: Collection[str] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key's record, and its text, which nobody can ever show again."""
        with self._writing() as tx:
            return api_keys.issue_key(tx, name, role, publications, expires_at)

    def list_keys(self) -> tuple[ApiKey, ...]:
        with self._reading() as tx:
            return api_keys.list_keys(tx)

    def revoke_key(self, key_id: str) -> ApiKey:
        """End a key now, by its record's `id`."""
        with self._writing() as tx:
            return api_keys.revoke_key(tx, key_id)

    # Runs; `catalog.run_log` writes them

    def list_runs(
        self,
        limit: int = 100,
        before: datetime | None = None,
        status: str | None = None,
        principal: str | None = None,
    ) -> tuple[RunRecord, ...]:
        """The newest runs first, at most 1,000; `before`: only those that started earlier; `principal`: its own."""
        with self._reading() as tx:
            return runs.list_runs(tx, limit, before, status, principal)

    def get_run(self, run_id: str) -> RunRecord:
        with self._reading() as tx:
            return runs.get_run(tx, run_id)

    def drop_runs(self, before: datetime) -> int:
        """Forget runs that started before a moment; how many."""
        with self._writing() as tx:
            return runs.drop_runs(tx, before)

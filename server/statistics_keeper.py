"""Keeps statistics fresh behind the requests' back: one connection at a time, when there is room on it.

Only workspaces that this process has served lately are looked at. A connection that is busy, resting or failing is
tried again later; that is logged and harms nobody, since planning goes on with the statistics that are there.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from catalog.errors import CatalogError
from catalog.operator import workspaces_in_use
from catalog.records import WorkspaceCatalog
from catalog.scope import Scope
from engine.errors import EngineError, SourceError
from server.budgets import Budgets
from server.errors import ServerError
from server.operations.statistics import due_connections, renew_statistics
from server.request_log import LOGGER
from server.shared_budgets import Taken
from server.state import ServerState

LOOK_SECONDS = 60.0
RETRY_SECONDS = 900.0
PRINCIPAL = "statistics"  # its own place in a connection's queue

Tables = tuple[tuple[str, ...], ...]


class StatisticsKeeper:
    """The loop and what it remembers: when each connection is due again at the earliest."""

    def __init__(self, state: ServerState, budgets: Budgets) -> None:
        self._state = state
        self._budgets = budgets
        self._not_before: dict[tuple[str, str, str], float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look again and again; never when the setting says so."""
        if self._state.settings.statistics_age > 0:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more. What a worker does ends with the worker."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception:  # the next look may fare better; this one is nobody's request
                LOGGER.exception("statistics could not be looked at")

    async def look(self) -> None:
        """Renew what is due, one connection after another."""
        most = timedelta(seconds=self._state.settings.statistics_age)
        for scope in await asyncio.to_thread(workspaces_in_use, self._state.store):
            try:
                catalog = await asyncio.to_thread(self._state.store.workspace(scope).read)
            except CatalogError:  # dropped meanwhile
                continue
            for connection, tables in due_connections(catalog, datetime.now(UTC), most).items():
                place = (scope.tenant, scope.workspace, connection)
                if time.monotonic() >= self._not_before.get(place, 0.0):
                    well = await self._renew(replace(scope, principal=PRINCIPAL), catalog, connection, tables)
                    wait = most.total_seconds() if well else RETRY_SECONDS
                    self._not_before[place] = time.monotonic() + wait

    async def _renew(self, scope: Scope, catalog: WorkspaceCatalog, connection: str, tables: Tables) -> bool:
        """Whether it went well. The source's budget counts it as one statement that is not small."""
        fields = {"tenant": scope.tenant, "workspace": scope.workspace, "connection": connection}
        taken: list[Taken] = []
        try:
            taken = await self._budgets.enter(scope, {connection: 1}, small=False, connections=catalog.connections)
            found = await asyncio.to_thread(renew_statistics, self._state, scope, connection, tables)
        except (EngineError, ServerError, CatalogError) as error:
            if isinstance(error, SourceError):
                self._budgets.note(scope, connection, error.source_code)
            LOGGER.warning("statistics not renewed", extra={**fields, "code": error.code})
            return False
        finally:
            self._budgets.leave(taken)
        self._budgets.note(scope, connection, None)
        LOGGER.info("statistics renewed", extra={**fields, "tables": found.tables, "replanned": found.replanned})
        return True

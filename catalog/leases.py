"""What API processes over one PostgreSQL catalog share: slots of a source's statements, and its pace.

A slot is a session's advisory lock, so those of a process that dies are free at once, without a clock or a clean-up.
They need a session of their own: a pooler in front of the catalog must keep sessions, not transactions.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from catalog.database import begin
from catalog.errors import CatalogUnavailableError
from catalog.scope import Scope
from catalog.transaction import settings_of

_TAKE = text(
    "SELECT slot FROM (SELECT unnest(CAST(:slots AS bigint[])) AS slot) AS free"
    " WHERE pg_try_advisory_lock(slot) LIMIT :wanted"
)
_LOOK = text("SELECT pg_try_advisory_xact_lock_shared(:slot)")
_GIVE = text("SELECT pg_advisory_unlock(slot) FROM (SELECT unnest(CAST(:slots AS bigint[])) AS slot) AS mine")
_PACE = text("""
    INSERT INTO source_paces AS p (tenant_id, workspace_id, connection, next_at)
    SELECT :tenant, :workspace, :connection, extract(epoch FROM clock_timestamp()) + :span
    ON CONFLICT (tenant_id, workspace_id, connection) DO UPDATE
    SET next_at = greatest(p.next_at, excluded.next_at - :span) + :span
    WHERE p.next_at - (excluded.next_at - :span) <= :most
    RETURNING next_at - :span - extract(epoch FROM clock_timestamp())
""")


class Leases:
    """Slots of connections, for one API process. Synchronous and slow as a database is: for threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session: Connection | None = None
        self._held: set[int] = set()
        self._lock = threading.Lock()

    def take(self, scope: Scope, connection: str, wanted: int, limit: int) -> tuple[int, ...]:
        """So many of the connection's `limit` slots; () when not as many are free. Raises CatalogUnavailableError."""
        with self._lock:
            # A session may lock twice what it holds already: those are not free for us.
            free = [slot for slot in map(_slot_of(scope, connection), range(limit)) if slot not in self._held]
            if len(free) < wanted:
                return ()
            try:
                taken = self._take(free, wanted)
            except CatalogUnavailableError:
                taken = self._take(free, wanted)  # the session was lost while nobody used it
            self._held |= set(taken)
            return taken

    def _take(self, free: list[int], wanted: int) -> tuple[int, ...]:
        with self._answering():
            session = self._open()
            taken = tuple(session.execute(_TAKE, {"slots": free, "wanted": wanted}).scalars())
            if len(taken) == wanted:
                return taken
            session.execute(_GIVE, {"slots": list(taken)})
            return ()

    def is_taken(self, scope: Scope, connection: str) -> bool:
        """Whether another process has the connection's first slot. Raises CatalogUnavailableError."""
        slot = _slot_of(scope, connection)(0)
        with self._lock:
            try:
                return self._is_taken(slot)
            except CatalogUnavailableError:
                return self._is_taken(slot)  # the session was lost while nobody used it

    def _is_taken(self, slot: int) -> bool:
        with self._answering():
            return not self._open().execute(_LOOK, {"slot": slot}).scalar()

    def give(self, slots: tuple[int, ...]) -> None:
        """Slots are free again. When the session is lost they are free already."""
        with self._lock, contextlib.suppress(CatalogUnavailableError), self._answering():
            mine = [slot for slot in slots if slot in self._held]
            self._held -= set(mine)
            if mine and self._session is not None:
                self._session.execute(_GIVE, {"slots": mine})

    def close(self) -> None:
        """Let go of the session, and with it of every slot."""
        with self._lock:
            self._forget()
            self._held.clear()

    def _open(self) -> Connection:
        """The session; a new one takes again what statements that still run had, as far as it is free."""
        if self._session is None:
            self._session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if self._held:
                self._session.execute(_TAKE, {"slots": sorted(self._held), "wanted": len(self._held)}).all()
        return self._session

    def _forget(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            # Not back to the pool: its locks live as long as it does.
            with contextlib.suppress(DBAPIError):
                session.invalidate()
                session.close()

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError:
            self._forget()
            raise CatalogUnavailableError(
                "The metadata database can't be reached, and it knows what runs at the sources.",
                hint="See the server's log for the cause, and repeat the request.",
            ) from None


def _slot_of(scope: Scope, connection: str) -> Callable[[int], int]:
    """The lock of each slot of a connection. Two that met by chance would bound each other, no more."""

    def slot(number: int) -> int:
        name = "\0".join(("viewloom slot", scope.tenant, scope.workspace, connection.lower(), str(number)))
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)

    return slot


def reserve(engine: Engine, scope: Scope, connection: str, span: float, most: float) -> float | None:
    """In how many seconds statements that take `span` seconds of the connection's pace may begin; None: in more than
    `most`, and nothing is reserved."""
    values = {
        "tenant": scope.tenant, "workspace": scope.workspace, "connection": connection.lower(),
        "span": span, "most": most,
    }  # fmt: skip
    with begin(engine, settings_of(scope), writes=True) as session:
        wait = session.execute(_PACE, values).scalar()
    return None if wait is None else max(0.0, float(wait))

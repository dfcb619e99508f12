"""The engine: plans queries over a workspace's catalog, makes jobs of plans, and runs jobs in workers.

Synchronous. The server awaits the pool's futures and reads workers' sockets itself; `run` here is for commands,
checks and tests.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sqlglot import exp

from catalog.records import Connection, Limits, WorkspaceCatalog
from connectors.sdk import Value
from engine.clock import clock_parameters
from engine.encoders.encoding import Encoding
from engine.encoders.writer import Sink
from engine.errors import DeadlineError, NoWorkerError, ParameterValueError, UnknownNameError
from engine.frames import event_frame
from engine.job import Job, JobConnection, Statement, job_to_json
from engine.outcome import error_from_event, error_from_exit
from engine.plan import Plan
from engine.planner import duckdb_sql, plan_query
from engine.pool import PoolSettings, WorkerPool
from engine.query import Parameter, Query, parameter_index
from engine.scans import bind
from engine.small_statements import is_small_statement
from engine.statement_shape import statement_shape
from engine.tree_key import Shape, tree_key
from engine.trees import copied, nodes_of, put
from engine.worker_process import WorkerProcess

PLAN_CACHE_SIZE = 2_000
SecretResolver = Callable[[Connection], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with its DuckDB statement in pieces: text, and between the texts indexes of parameters.

    `shape`: the caller's own statement without its literals, for run records. `names`: of the output columns.
    `types`: as the publication promises them, None where the output is no plain column of it. `small`: a worker may
    keep DuckDB's plan of it.
    """

    plan: Plan
    pieces: tuple[str | int, ...]
    shape: str = ""
    names: tuple[str, ...] = ()
    types: tuple[str | None, ...] = ()
    small: bool = False

    def statement(self, parameters: Sequence[Parameter], now: datetime | None = None) -> Statement:
        """The statement and scans with the caller's values in. `now`: the run's clock, when there are several."""
        parameters = (*parameters, *clock_parameters(now or datetime.now(UTC)))
        sql = "".join(
            piece if isinstance(piece, str) else sql_literal(parameters[piece].value) for piece in self.pieces
        )
        scans = bind(self.plan.scans, [p.value for p in parameters])
        # A value that could not be given to the source leaves work to DuckDB.
        plain = self.plan.plain if all(scan.exact for scan in scans) else None
        few = plain is not None and self.plan.few
        if not self.small:
            return Statement(sql, scans, plain, self.types, few=few)
        # A parameter has one type, whatever its value; the cast to the value's own stands around it.
        given = sorted({piece for piece in self.pieces if isinstance(piece, int)})
        kept = "".join(
            piece if isinstance(piece, str) else f"CAST(${given.index(piece) + 1} AS VARCHAR)"
            for piece in self.pieces
        )
        values = tuple(sql_literal(parameters[index].value) for index in given)
        return Statement(sql, scans, plain, self.types, kept, values, few)


class Engine:
    """Plans and runs queries. `resolve` gives a connection's configuration with its secrets in."""

    def __init__(self, pool: PoolSettings, resolve: SecretResolver, directory: Path | None = None) -> None:
        self.pool = WorkerPool(pool, directory)
        self._resolve = resolve
        self._plans: OrderedDict[tuple[object, ...], Prepared] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(
        self,
        query: Query,
        catalog: WorkspaceCatalog,
        readable: frozenset[str] | None = None,
        workspace_names: bool = False,
    ) -> Prepared:
        """The query's plan: from the cache when a query of this shape was planned over this catalog version."""
        found = self.cached(query, catalog, readable, workspace_names)
        if found is not None:
            return found
        plan = plan_query(query, catalog, readable, workspace_names=workspace_names)
        names = output_names(query.select, plan, catalog)
        prepared = replace(
            prepared_plan(plan),
            shape=statement_shape(query.select),
            names=names,
            types=promised_types(query.select, plan, catalog),
        )
        with self._lock:
            self._plans[_plan_key(query, catalog, readable, workspace_names)] = prepared
            while len(self._plans) > PLAN_CACHE_SIZE:
                self._plans.popitem(last=False)
        return prepared

    def cached(
        self,
        query: Query,
        catalog: WorkspaceCatalog,
        readable: frozenset[str] | None = None,
        workspace_names: bool = False,
    ) -> Prepared | None:
        """The plan if it is in the cache; quick enough for an event loop."""
        key = _plan_key(query, catalog, readable, workspace_names)
        with self._lock:
            found = self._plans.get(key)
            if found is not None:
                self._plans.move_to_end(key)
            return found

    def run_job(
        self,
        prepared: Prepared,
        query: Query,
        catalog: WorkspaceCatalog,
        encoding: Encoding,
        run: str,
        limits: Limits | None = None,
        count: tuple[Prepared, Query] | None = None,
        cpu_seconds: int = 600,
    ) -> Job:
        """The job that runs a prepared query and writes its answer."""
        limits = limits or Limits()
        now = datetime.now(UTC)
        statement = prepared.statement(query.parameters, now)
        counting = count[0].statement(count[1].parameters, now) if count else None
        scans = [scan for one in (statement, counting) if one is not None for scan in one.scans]
        # A source that is not asked need not be there.
        names = dict.fromkeys(scan.connection for scan in scans if not scan.skipped)
        return Job(
            kind="run",
            run=run,
            connections={name: self.job_connection(catalog, name) for name in names},
            statement=statement,
            count=counting,
            encoding=encoding,
            max_rows=limits.max_rows,
            max_bytes=limits.max_bytes,
            cpu_seconds=cpu_seconds,
        )

    def job_connection(self, catalog: WorkspaceCatalog, name: str) -> JobConnection:
        """A connection of the catalog with its secrets resolved. Raises UnknownNameError."""
        connection = catalog.connection(name)
        if connection is None:
            raise UnknownNameError(f"there is no connection {name!r}")
        return self.resolved(connection)

    def resolved(self, connection: Connection) -> JobConnection:
        """A connection's job form: its configuration with the secrets in."""
        budget = connection.budget
        return JobConnection(
            connection.connector,
            dict(self._resolve(connection)),
            connection.time_zone,
            budget.rows,
            budget.bytes,
            budget.timeout,
        )

    def run(
        self,
        job: Job,
        tenant: str,
        sink: Sink | None = None,
        timeout: float = 600.0,
        on_event: Callable[[dict[str, object]], None] | None = None,
        small: bool = True,
    ) -> dict[str, object]:
        """Run a job and give its result; the answer's bytes go to `sink`. Raises EngineError.

        For commands, checks and tests; the server reads the worker's socket without blocking instead. `small`: it
        may have one of the workers that are kept for small queries.
        """
        deadline = time.monotonic() + timeout
        future = self.pool.acquire(tenant, small)
        try:
            worker = future.result(timeout=timeout)
        except FutureTimeoutError:
            future.cancel()
            raise NoWorkerError("no worker was free in time", hint="try again in a few seconds") from None
        healthy = False
        try:
            result = self._converse(worker, job, sink, deadline, on_event)
            healthy = True
            return result
        except _JobError as failed:
            healthy = True
            raise error_from_event(failed.event) from None
        finally:
            self.pool.release(worker, healthy)

    def _converse(
        self,
        worker: WorkerProcess,
        job: Job,
        sink: Sink | None,
        deadline: float,
        on_event: Callable[[dict[str, object]], None] | None,
    ) -> dict[str, object]:
        worker.socket.settimeout(30.0)
        worker.socket.sendall(event_frame(job_to_json(job)))
        while True:
            worker.socket.settimeout(max(0.05, deadline - time.monotonic()))
            try:
                received = worker.socket.recv(262_144)
            except TimeoutError:
                worker.kill()
                raise DeadlineError(
                    "the query took longer than it may", hint="filter earlier or ask for less"
                ) from None
            except OSError:
                received = b""
            if not received:
                raise error_from_exit(worker.process.wait(), worker.over_memory)
            for message in worker.reader.feed(received):
                event = message.event
                if event is None:
                    if sink is not None:
                        sink.data(message.data)
                elif event["event"] == "done":
                    return event
                elif event["event"] == "error":
                    raise _JobError(event)
                elif event["event"] == "head" and sink is not None:
                    sink.head(event)
                elif on_event is not None:
                    on_event(event)

    def close(self) -> None:
        """End every worker."""
        self.pool.close()


class _JobError(Exception):
    """A job ended in an error; its worker is fine."""

    def __init__(self, event: dict[str, object]) -> None:
        super().__init__(str(event["code"]))
        self.event = event


def _plan_key(
    query: Query, catalog: WorkspaceCatalog, readable: frozenset[str] | None, workspace_names: bool
) -> tuple[object, ...]:
    types = tuple(p.sql_type for p in query.parameters)
    shape = query.shape or Shape(tree_key(query.select))
    return catalog.tenant, catalog.workspace, catalog.version, readable, workspace_names, types, shape


def output_names(select: exp.Query, plan: Plan, catalog: WorkspaceCatalog) -> tuple[str, ...]:
    """The names of a statement's output columns: as written, else as the publication spells them, else the
    expression's own text; never one twice."""
    spelled: dict[str, str] = {}
    for name in plan.publications:
        publication = catalog.publication(name)
        view = catalog.view(publication.view, publication.closure.get(publication.view)) if publication else None
        spelled |= {column.name.lower(): column.name for column in view.columns} if view else {}
    written = select.selects
    spelled |= {p.alias_or_name.lower(): p.alias_or_name for p in written if p.alias_or_name not in ("", "*")}
    names: list[str] = []
    for position, name in enumerate(plan.select.named_selects):
        shown = spelled.get(name, name)
        if name.startswith("_col_") and len(written) == len(plan.select.named_selects):
            shown = written[position].sql(dialect="duckdb").lower()
        taken = {other.lower() for other in names}
        number = 2
        unique = shown
        while unique.lower() in taken:
            unique, number = f"{shown}_{number}", number + 1
        names.append(unique)
    return tuple(names)


def promised_types(select: exp.Query, plan: Plan, catalog: WorkspaceCatalog) -> tuple[str | None, ...]:
    """The types that a publication promises for the outputs that are plain columns of it; a source whose column was
    retyped since then must not answer with another type in silence."""
    publication = catalog.publication(plan.publications[0]) if len(plan.publications) == 1 else None
    view = catalog.view(publication.view, publication.closure.get(publication.view)) if publication else None
    if view is None or not isinstance(select, exp.Select) or len(select.selects) != len(plan.select.selects):
        return ()
    types = {column.name.lower(): column.sql_type for column in view.columns}
    inner = [p.unalias() for p in select.selects]
    return tuple(types.get(node.name.lower()) if isinstance(node, exp.Column) else None for node in inner)


def prepared_plan(plan: Plan) -> Prepared:
    """A plan's statement cut at its parameters.

    They are marked by a word that no query can hold, because it is drawn anew for each plan: a caller's text that
    looked like a marker would otherwise be taken for one.
    """
    marker = f"p{secrets.token_hex(16)}_"
    select = copied(plan.select)
    small = is_small_statement(select, plan.scans)
    for node in nodes_of(select, exp.Placeholder):
        index = parameter_index(node)
        if index is not None:
            put(exp.Var(this=f"{marker}{index}_"), instead_of=node)
    parts = duckdb_sql(plan, select).split(marker)
    pieces: list[str | int] = [parts[0]]
    for part in parts[1:]:
        index_text, _, rest = part.partition("_")
        pieces += [int(index_text), rest]
    return Prepared(plan, tuple(pieces), small=small)


def sql_literal(value: Value | None) -> str:
    """A value as DuckDB text that stands under a CAST to its type: a quoted string, or NULL."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        text = "".join(f"\\x{byte:02X}" for byte in value)
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, float):
        text = repr(value)
    else:
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    if "\x00" in text:
        raise ParameterValueError("a text may not hold the character NUL")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ParameterValueError("a text holds half of a surrogate pair", hint="send it as valid Unicode")
    return "'" + text.replace("'", "''") + "'"

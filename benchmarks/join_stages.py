"""What a worker does for one small join, step by step, in this process: CPU time of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson

from benchmarks.workspace import TENANT, WORKSPACE
from catalog.operator import ensure_workspace
from engine.duckdb_session import open_session
from engine.encoders.encoding import Encoding, Format
from engine.executor import Execution
from engine.job import Job, job_from_json, job_to_json
from engine.kept_statements import KeptStatements
from engine.parse import parse_query
from engine.query import Query
from engine.scan_stream import ScanStream
from engine.worker import Connectors
from server.settings import Settings
from server.state import open_state
from tests.engine.workspace import Bytes

ROWS = 10_000


def join_stages(data: Path, sql: str, repeat: int) -> dict[str, float]:
    """CPU seconds of each step of an answer to a statement over the workspace of a data directory."""
    job = made_job(data, sql)
    assert job.statement is not None and job.encoding is not None
    text = orjson.dumps(job_to_json(job))
    anew = replace(job, statement=replace(job.statement, kept=None))
    opened = Connectors()
    connectors = {name: opened.get(name, wanted) for name, wanted in job.connections.items()}
    streams = [ScanStream(s, connectors[s.connection], threading.Event()) for s in job.statement.scans]

    def answer(asked: Job) -> None:
        Execution(session, connectors, asked, kept).run(Bytes())

    def read(stream: ScanStream) -> None:
        ScanStream(stream.scan, connectors[stream.scan.connection], threading.Event()).read_now(ROWS)

    with closing(open_session(1024, 2, data, 1024)) as session:
        kept = KeptStatements(session)
        for stream in streams:
            stream.read_here(ROWS)
            stream.gather(ROWS)
        plan = kept.find(job.statement, job.encoding, streams)
        assert plan is not None
        values = job.statement.values
        found = {"the job out of its JSON": per_call(lambda: job_from_json(orjson.loads(text)), repeat)}
        for stream in streams:
            kind = job.connections[stream.scan.connection].kind
            found[f"{stream.rows} rows of {kind}"] = per_call(lambda stream=stream: read(stream), repeat)  # type: ignore[misc]
        found["DuckDB, by a plan that is kept"] = per_call(lambda: plan.run(values, streams), repeat)
        found["all of the worker's part"] = per_call(lambda: answer(job), repeat)
        found["the same, planned anew"] = per_call(lambda: answer(anew), repeat)
    for connector in connectors.values():
        connector.close()
    return found


def made_job(data: Path, sql: str) -> Job:
    """The job that the server would make of a statement."""
    with closing(open_state(Settings(data_directory=data), spare_workers=0)) as state:
        catalog = state.store.workspace(ensure_workspace(state.store, TENANT, WORKSPACE)).read()
        query = Query(parse_query(sql))
        prepared = state.engine.prepare(query, catalog)
        encoding = Encoding(Format.JSON, prepared.names, prefix="[", suffix="]")
        return state.engine.run_job(prepared, query, catalog, encoding, "r")


def per_call(step: Callable[[], object], repeat: int) -> float:
    """CPU seconds of this process, all its threads, for one call."""
    for _ in range(20):
        step()
    began = time.process_time()
    for _ in range(repeat):
        step()
    return (time.process_time() - began) / repeat

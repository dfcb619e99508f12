"""Asks one query: planned by the engine, run by a real worker; and the same of DuckDB over the same rows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa

from benchmarks.tpch.data import TABLES
from benchmarks.tpch.workspace import TpchWorkspace
from engine.encoders.encoding import Encoding, Format
from engine.engine import prepared_plan
from engine.explain import NativeStatement, explain_plan, explanation_text, with_run, with_statements
from engine.job import Job
from engine.optimizer import RULES, Rule
from engine.parse import parse_query
from engine.plan import Plan
from engine.planner import plan_query
from engine.query import Query
from tests.engine.compare import same
from tests.engine.workspace import Answer, answer_of


@dataclass(slots=True)
class Collected:
    """A sink that keeps the answer's bytes."""

    pieces: list[bytes] = field(default_factory=list)

    def head(self, head: dict[str, object]) -> None:
        """Nothing of it is needed."""

    def data(self, data: bytes) -> None:
        self.pieces.append(data)


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer with what it cost. `done`: the worker's last message, which reports on each scan."""

    answer: Answer
    plan: Plan
    job: Job
    done: dict[str, Any]
    planning: float
    seconds: float

    @property
    def sources(self) -> list[dict[str, Any]]:
        """What each scan cost."""
        return cast("list[dict[str, Any]]", self.done["sources"])

    @property
    def rows(self) -> int:
        """Rows that came from the sources."""
        return sum(int(source["rows"]) for source in self.sources)

    @property
    def bytes(self) -> int:
        """Bytes of them, as Arrow."""
        return sum(int(source["bytes"]) for source in self.sources)


def rules_without(left_out: Sequence[str]) -> tuple[Rule, ...]:
    """The engine's rules but for these names; `all` leaves none. Raises SystemExit for an unknown name."""
    known = {rule.__name__ for rule in RULES}
    for name in left_out:
        if name not in known | {"all"}:
            raise SystemExit(f"there is no rule {name!r}; there are {', '.join(sorted(known))} and all")
    return tuple(rule for rule in RULES if rule.__name__ not in left_out and "all" not in left_out)


def ask(workspace: TpchWorkspace, sql: str, rules: tuple[Rule, ...] = RULES) -> Asked:
    """Plan with these rules and run in a worker; the answer comes as Arrow. Raises EngineError."""
    state, catalog = workspace.state, workspace.catalog
    query = Query(parse_query(sql))
    began = time.perf_counter()
    prepared = prepared_plan(plan_query(query, catalog, rules=rules))
    planned = time.perf_counter()
    encoding = Encoding(Format.ARROW, tuple(prepared.plan.select.named_selects))
    job = state.engine.run_job(prepared, query, catalog, encoding, secrets.token_hex(12))
    sink = Collected()
    done = state.engine.run(job, catalog.tenant, sink)
    ended = time.perf_counter()
    answer = answer_of(pa.ipc.open_stream(b"".join(sink.pieces)).read_all())
    return Asked(answer, prepared.plan, job, done, planned - began, ended - began)


def explained(workspace: TpchWorkspace, asked: Asked) -> str:
    """The plan as EXPLAIN ANALYZE prints it, with the statements as they are sent."""
    told = workspace.state.engine.run(replace(asked.job, kind="explain"), workspace.catalog.tenant)
    found = cast("list[dict[str, str | None]]", told["statements"])
    statements = {str(one["scan"]): NativeStatement(one["text"], str(one["problem"])) for one in found}
    explanation = with_statements(explain_plan(asked.plan), statements)
    return explanation_text(with_run(explanation, asked.done, asked.seconds))


class Reference:
    """DuckDB over the Parquet files of all eight tables: what answers are compared with, and the floor of times."""

    def __init__(self, directory: str) -> None:
        self.session = duckdb.connect()
        self.session.execute("SET TimeZone = 'UTC'")
        for name in TABLES:
            path = str(Path(directory) / f"{name}.parquet").replace("'", "''")
            self.session.execute(f"CREATE VIEW {name} AS FROM read_parquet('{path}')")

    def answer(self, sql: str) -> Answer:
        """DuckDB's answer."""
        with closing(self.session.cursor()) as cursor:
            relation: Any = cursor.sql(sql)
            return answer_of(relation.to_arrow_reader(10_000).read_all())

    def difference(self, found: Answer, sql: str) -> str | None:
        """None, or how an answer is another: exact, floats within 1e-9, in order where the query says one."""
        ordered = parse_query(sql).args.get("order") is not None
        return same(found, self.answer(sql), ordered)

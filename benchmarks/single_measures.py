"""Single questions over six million rows of PostgreSQL, through the HTTP server, beside what users would pick."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from benchmarks.measure import in_turns, progress
from benchmarks.peers.process import PEERS, PeerMissingError, PeerProcess, environment
from benchmarks.processes import RunningServer, start_viewloom
from benchmarks.report import Aim, Report, ms, times
from benchmarks.rig import Rig
from benchmarks.tpch.ask import Reference
from benchmarks.tpch.runners import different, peer_order
from benchmarks.tpch.sources import Sources
from benchmarks.tpch.workspace import OFFERS, connections
from benchmarks.workspace import Offer, make_catalog
from tests.engine.compare import same
from tests.engine.workspace import answer_of

OURS, POSTGRES, ATTACH = "Viewloom", "PostgreSQL", "DuckDB 1.5.5 with ATTACH"
KEYS = 50


@dataclass(frozen=True, slots=True)
class Question:
    """`sql` for all; `by_hand`: what psycopg is asked instead, with the file's keys as its parameter."""

    name: str
    sql: str
    by_hand: str | None = None


QUESTIONS = (
    Question(
        f"{KEYS} keys from a file × lineitem",
        "SELECT w.partkey, l.l_orderkey, l.l_quantity FROM wanted w JOIN lineitem l ON l.l_partkey = w.partkey",
        "SELECT l_partkey, l_orderkey, l_quantity FROM lineitem WHERE l_partkey = ANY(%s)",
    ),
    Question(
        "top 10 of lineitem by a number",
        "SELECT l_orderkey, l_linenumber, l_extendedprice FROM lineitem\n"
        "ORDER BY l_extendedprice DESC, l_orderkey, l_linenumber LIMIT 10",
    ),
    Question("count by flag", "SELECT l_returnflag, count(*) AS lines FROM lineitem GROUP BY l_returnflag"),
    Question(
        "aggregate over a join inside PostgreSQL",
        "SELECT c_mktsegment, count(*) AS orders, sum(o_totalprice) AS total\n"
        "FROM customer JOIN orders ON o_custkey = c_custkey GROUP BY c_mktsegment",
    ),
)


class Asking:
    """A connection to the server that is kept for several requests, as clients do."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=120)

    def ask(self, sql: str, form: str = "json") -> bytes:
        """The body of the answer to a posted statement. RuntimeError when it is an error."""
        headers = self._server.headers() | {"Content-Type": "text/plain", "Accept": "*/*"}
        self._connection.request("POST", f"/api/v1/bench/sql?format={form}", sql.encode(), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the server answered {answer.status}: {body[:500].decode('utf-8', 'replace')}")
        return body

    def timed(self, sql: str, repeat: int) -> float:
        """The median of `repeat` answers in a row, each whole and as JSON, in seconds."""
        self._connection.close()  # opened anew by the next request: the server ends those that were idle meanwhile
        taken = []
        for _ in range(repeat):
            began = time.perf_counter()
            self.ask(sql)
            taken.append(time.perf_counter() - began)
        return median(taken)

    def close(self) -> None:
        """Leave."""
        self._connection.close()


def run(rig: Rig) -> Report:
    """Each question in turns by all; the answers are compared first."""
    sources = with_wanted(rig.tpch, rig.directory / "single")
    reference = Reference(sources.reference)
    wanted = f"{sources.files}/wanted.parquet"
    reference.session.execute(f"CREATE VIEW wanted AS FROM read_parquet('{wanted}')")
    keys = pq.read_table(wanted)["partkey"].to_pylist()
    left_out: list[str] = []
    found: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        server = serve(sources, rig.directory / "single-server")
        stack.callback(server.close)
        asking = stack.enter_context(closing(Asking(server)))
        whole = stack.enter_context(sources.postgres.connect())
        peers: dict[str, PeerProcess] = {}
        for peer in PEERS:
            try:
                order = peer_order(sources)
                process = stack.enter_context(PeerProcess(peer, environment(peer, rig.without), order))
                peers[peer.title] = process
            except PeerMissingError as error:
                left_out.append(str(error))
        for question in QUESTIONS:
            check(asking, question, reference)
            variants = asked(asking, question, peers, whole, keys, reference)
            samples = in_turns(variants, rig.rounds, lambda seconds: f"{ms(seconds)} ms")
            found[question.name] = {name: median(values) for name, values in samples.items()}
            progress(f"{question.name}: {', '.join(f'{n} {ms(v)} ms' for n, v in found[question.name].items())}")
    return report(found, left_out, rig, sources)


def asked(
    asking: Asking,
    question: Question,
    peers: dict[str, PeerProcess],
    whole: Any,
    keys: Sequence[int],
    reference: Reference,
) -> dict[str, Callable[[], float]]:
    """Who answers, and how long one answer takes. RuntimeError when a peer's answer is another."""
    repeat = 20 if question.by_hand else 1

    def by_psycopg() -> float:
        taken = []
        for _ in range(repeat):
            began = time.perf_counter()
            if question.by_hand:
                whole.execute(question.by_hand, (keys,), prepare=True).fetchall()
            else:
                whole.execute(question.sql).fetchall()
            taken.append(time.perf_counter() - began)
        return median(taken)

    def by(process: PeerProcess) -> Callable[[], float]:
        return lambda: process.ask(question.sql).seconds

    asking.timed(question.sql, 3)  # workers start, the plan is kept
    by_psycopg()
    variants: dict[str, Callable[[], float]] = {
        OURS: lambda: asking.timed(question.sql, repeat),
        POSTGRES: by_psycopg,
    }
    expected = reference.answer(question.sql)
    for title, process in peers.items():
        answer = process.ask(question.sql)
        wrong = answer.error if answer.rows is None else different(answer.rows, expected)
        if wrong:
            progress(f"{question.name}: {title} is wrong: {wrong}")
            continue
        variants[title] = by(process)
    return variants


def check(asking: Asking, question: Question, reference: Reference) -> None:
    """RuntimeError when our answer is not DuckDB's over the same rows."""
    mine = answer_of(pa.ipc.open_stream(asking.ask(question.sql, "arrow")).read_all())
    wrong = same(mine, reference.answer(question.sql), "ORDER BY" in question.sql)
    if wrong:
        raise RuntimeError(f"{question.name}: {wrong}")


def with_wanted(sources: Sources, directory: Path) -> Sources:
    """The same sources whose files also hold `wanted`: fifty keys of parts, spread over all of them."""
    directory.mkdir()
    for path in Path(sources.files).iterdir():
        shutil.copy(path, directory)
    parts = pq.read_metadata(Path(sources.reference) / "part.parquet").num_rows
    keys = [1 + number * parts // KEYS for number in range(KEYS)]
    pq.write_table(pa.table({"partkey": pa.array(keys, pa.int64())}), directory / "wanted.parquet")
    return replace(sources, files=str(directory))


def serve(sources: Sources, data: Path) -> RunningServer:
    """The server with its default settings over the workspace, `wanted` published too."""
    data.mkdir(mode=0o700)
    offers = [*OFFERS, Offer("wanted", "SELECT * FROM files.wanted", ())]
    keys = make_catalog(data, connections(sources, data), offers)
    return start_viewloom(data, keys)


def report(found: dict[str, dict[str, float]], left_out: list[str], rig: Rig, sources: Sources) -> Report:
    """The table, the statements and the aims."""
    made = Report("single_measures", "Single questions over lineitem in PostgreSQL")
    made.say(
        f"Scale {sources.scale:g}. *Viewloom*: end to end, `POST /api/v1/bench/sql` on a kept connection until the "
        "last byte of the JSON. *PostgreSQL*: the same SELECT through psycopg, rows as Python values; for the keys "
        "from a file a prepared SELECT with the keys as its parameter. The others: in their own process, no HTTP. "
        f"Milliseconds, median of {rig.rounds} in turns after a first run, for the keys of 20 in a row for Viewloom "
        "and PostgreSQL. All answers shown are those of DuckDB over the same rows."
    )
    for sentence in left_out:
        made.say(sentence)
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    rows = []
    for question, values in found.items():
        ours = values[OURS]
        rows.append(
            [
                question,
                *(ms(values[name]) if name in values else "wrong" for name in names),
                times(ours / values[POSTGRES]),
                times(values[ATTACH] / ours) if ATTACH in values else "-",
            ]
        )
    made.table(["", *names, "ours ÷ PostgreSQL", "ATTACH ÷ ours"], rows)
    for question in QUESTIONS:
        made.say(f"{question.name}:")
        made.say(f"```sql\n{question.sql}\n```")
    first, *others = QUESTIONS
    ours = found[first.name][OURS]
    made.aims.append(Aim(f"{first.name} ≤ 15 ms end to end", f"{ms(ours)} ms", ours <= 0.015))
    if ATTACH in found[first.name]:
        ratio = found[first.name][ATTACH] / ours
        made.aims.append(Aim("the same ≥ 90 times faster than ATTACH", times(ratio), ratio >= 90))
    for question in others:
        ratio = found[question.name][OURS] / found[question.name][POSTGRES]
        made.aims.append(Aim(f"{question.name} ≤ 1.1 times PostgreSQL", times(ratio), ratio <= 1.1))
    return made

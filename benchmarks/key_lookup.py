"""Key lookups over PostgreSQL through OData, beside the same SELECT through psycopg and beside bare HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from random import Random

import psutil

from benchmarks.measure import finish_child, in_turns, middle, quantile, start_child
from benchmarks.orders import SELECT
from benchmarks.processes import RunningServer
from benchmarks.report import Aim, Report, ms, times
from benchmarks.rig import Rig
from tests.servers.postgres import PostgresServer

TITLE = "Key lookup over PostgreSQL through OData"
CLIENTS = (1, 8)
Sample = dict[str, float]


def run(rig: Rig) -> Report:
    """p50, p99 and requests per second at 1 and 8 clients."""
    seconds = 2.0 if rig.quick else 8.0
    server = rig.viewloom()
    numbers = Random(1).sample(range(1, rig.rows + 1), 5_000)
    found = json.loads(server.get(f"/odata/bench/orders({numbers[0]})"))
    if found["id"] != numbers[0]:
        raise RuntimeError(f"asked for order {numbers[0]}, found {found['id']}")
    hello = rig.hello(len(json.dumps(found)))
    paths = [f"/odata/bench/orders({number})" for number in numbers]
    # Workers start when they are first wanted, a second each: not while the clock runs.
    http_lookups(server, paths, max(CLIENTS), 4.0 if rig.quick else 10.0)
    variants: dict[str, Callable[[], Sample]] = {}
    for clients in CLIENTS:
        variants[f"psycopg, {clients}"] = partial(psycopg_lookups, rig.orders, numbers, clients, seconds)
        variants[f"bare HTTP, {clients}"] = partial(http_lookups, hello, ["/"], clients, seconds)
        variants[f"OData, {clients}"] = partial(http_lookups, server, paths, clients, seconds)
        variants[f"OData gzip, {clients}"] = partial(http_lookups, server, paths, clients, seconds, gzip=True)
    samples = in_turns(variants, rig.rounds, lambda s: f"{s['rate']:,.0f}/s, p50 {ms(s['p50'])} ms")
    spent = {clients: cpu_of_a_lookup(rig, server, paths, clients, seconds) for clients in CLIENTS}
    for one in (hello, server):
        one.close()
    return report(samples, spent, rig, seconds)


def cpu_of_a_lookup(
    rig: Rig, server: RunningServer, paths: list[str], clients: int, seconds: float
) -> dict[str, float]:
    """CPU seconds per lookup of the API process, the workers, PostgreSQL and the client process."""
    postgres = psutil.Process(rig.postgres.pid)
    parts = {
        "API process": [server.process],
        "workers": server.workers,
        "PostgreSQL": [postgres, *postgres.children(recursive=True)],
    }
    before = {name: sum(map(busy, processes)) for name, processes in parts.items()}
    sample = http_lookups(server, paths, clients, seconds, warm_up=0.0)
    spent = {name: (sum(map(busy, parts[name])) - before[name]) / sample["requests"] for name in parts}
    return spent | {"client": sample["cpu"] / sample["requests"]}


def busy(process: psutil.Process) -> float:
    """CPU seconds of a process so far; of one that ended none."""
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.NoSuchProcess:
        return 0.0


def report(samples: dict[str, list[Sample]], spent: dict[int, dict[str, float]], rig: Rig, seconds: float) -> Report:
    """The tables and the aims."""

    def value(what: str, clients: int, name: str) -> float:
        return middle(samples[f"{what}, {clients}"], lambda sample: sample[name])

    made = Report("key_lookup", TITLE)
    made.say(
        f"`GET /odata/bench/orders(…)` of random keys among {rig.rows:,} orders of 12 columns. Floors: the same "
        "SELECT, prepared, through psycopg in one process (a thread per client), and a bare uvicorn that sends an "
        "answer of the same size to the same client. "
        f"Median of {rig.rounds} rounds of {seconds:.0f} s each, in turns."
    )
    rows = []
    for clients in CLIENTS:
        for what in ("psycopg", "bare HTTP", "OData", "OData gzip"):
            p50, p99, rate = (value(what, clients, name) for name in ("p50", "p99", "rate"))
            floor = value("psycopg", clients, "p50"), value("psycopg", clients, "rate")
            rows.append(
                [what, clients, ms(p50), ms(p99), f"{rate:,.0f}", times(p50 / floor[0]), times(rate / floor[1])]
            )
    made.table(["", "clients", "p50 ms", "p99 ms", "requests/s", "p50 ÷ psycopg", "requests/s ÷ psycopg"], rows)
    made.say("Where the time of both cores goes, in CPU milliseconds per lookup (identity):")
    names = list(spent[CLIENTS[0]])
    made.table(
        ["", *names, "together"],
        [
            [f"{clients} clients", *(ms(cpu[name]) for name in names), ms(sum(cpu.values()))]
            for clients, cpu in spent.items()
        ],
    )
    for encoding, what in (("identity", "OData"), ("gzip", "OData gzip")):
        p50 = value(what, 1, "p50") * 1000
        rate = max(value(what, clients, "rate") for clients in CLIENTS)
        found = f"{p50:.1f} ms, {rate:,.0f} requests/s"
        made.aims.append(Aim(f"p50 ≤ 10 ms and ≥ 300 requests/s, {encoding}", found, p50 <= 10 and rate >= 300))
        reached = p50 <= 4 and rate >= 800
        made.aims.append(Aim(f"later: p50 ≤ 4 ms and ≥ 800 requests/s, {encoding}", found, reached))
    return made


def http_lookups(
    server: RunningServer,
    paths: list[str],
    clients: int,
    seconds: float,
    gzip: bool = False,
    warm_up: float = 1.0,
    may_refuse: bool = False,
    keys: list[str] | None = None,
) -> Sample:
    """One measurement by a client process. RuntimeError when a request is refused. `keys`: one for each path in turn,
    in place of the server's first reader's."""
    order = {
        "port": server.port,
        "paths": paths,
        "headers": server.headers(gzip),
        "clients": clients,
        "warm_up": warm_up,
        "seconds": seconds,
        "may_refuse": may_refuse,
        "keys": keys,
    }
    return finish_child(start_child("benchmarks.lookups", order))


def psycopg_lookups(database: PostgresServer, numbers: list[int], clients: int, seconds: float) -> Sample:
    """The floor: the same SELECT, prepared, fetched as Python values, in this process."""
    latencies: list[list[float]] = [[] for _ in range(clients)]
    end = time.perf_counter() + seconds

    def ask(own: list[float], start: int) -> None:
        with database.connect() as connection:
            connection.prepare_threshold = 1
            position = start
            while (began := time.perf_counter()) < end:
                number = numbers[position % len(numbers)]
                row = connection.execute(f"{SELECT} WHERE id = %s", (number,)).fetchone()
                own.append(time.perf_counter() - began)
                if row is None or row[0] != number:
                    raise RuntimeError(f"order {number} is not there")
                position += 1

    threads = [threading.Thread(target=ask, args=(own, at * 601)) for at, own in enumerate(latencies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = sorted(value for own in latencies for value in own)
    return {"rate": len(ordered) / seconds, "p50": quantile(ordered, 0.5), "p99": quantile(ordered, 0.99)}

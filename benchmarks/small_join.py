"""A join of two sources, 50 × 100 rows, through OData: what a small question over two databases costs when warm."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from benchmarks.join_stages import join_stages
from benchmarks.key_lookup import Sample, busy, http_lookups
from benchmarks.measure import in_turns, middle
from benchmarks.processes import RunningServer
from benchmarks.report import Aim, Report, ms
from benchmarks.rig import Rig
from benchmarks.workspace import Offer, database_connection, make_catalog

TITLE = "A join of two sources, 50 × 100 rows"
MACHINES = """
CREATE TABLE machines (id int PRIMARY KEY, name text NOT NULL, hall text NOT NULL, rate numeric(10,2) NOT NULL)"""
STOPS = """
CREATE TABLE stops (id int PRIMARY KEY, machine_id int NOT NULL, minutes int NOT NULL, began datetime NOT NULL)"""
VIEW = """
SELECT s.id, m.name, m.hall, m.rate, s.minutes, s.began
FROM plant.public.machines AS m JOIN shop.stops AS s ON s.machine_id = m.id"""
FILTERED = "/odata/bench/machine_stops?$filter=minutes%20gt%20{}"


def run(rig: Rig) -> Report:
    """p50 and p99 of the whole join, and of a filtered one, by one client."""
    seconds = 2.0 if rig.quick else 10.0
    plant = rig.postgres.new_database("plant")
    shop = rig.mariadb.new_database("shop")
    with plant.connect() as connection:
        connection.execute(MACHINES)
        connection.execute(
            "INSERT INTO machines SELECT g, 'M' || g, 'H' || g % 5, g * 1.25 FROM generate_series(1, 50) g"
        )
        connection.execute("ANALYZE machines")
    with shop.connect() as connection, connection.cursor() as cursor:
        cursor.execute(STOPS)
        rows = ", ".join(f"({n}, {n % 50 + 1}, {n * 7 % 90}, '2024-01-01 06:00:00')" for n in range(1, 101))
        cursor.execute(f"INSERT INTO stops VALUES {rows}")
        cursor.execute("ANALYZE TABLE stops")

    directories: list[Path] = []

    def make(data: Path) -> tuple[str, ...]:
        directories.append(data)
        connections = [
            database_connection("plant", "postgres", plant, data),
            database_connection("shop", "mysql", shop, data),
        ]
        return make_catalog(data, connections, [Offer("machine_stops", VIEW, ())])

    server = rig.serving(make)
    whole = ["/odata/bench/machine_stops"]
    found = len(json.loads(server.get(whole[0]))["value"])
    if found != 100:
        raise RuntimeError(f"the join gave {found} rows of 100")
    filtered = [FILTERED.format(minutes) for minutes in range(40, 80)]
    variants: dict[str, Callable[[], Sample]] = {
        "all 100 rows": partial(http_lookups, server, whole, 1, seconds),
        "filtered": partial(http_lookups, server, filtered, 1, seconds),
    }
    samples = in_turns(variants, min(rig.rounds, 3), lambda s: f"p50 {ms(s['p50'])} ms")
    spent = cpu_of_an_answer(rig, server, whole, seconds)
    server.close()
    stages = join_stages(directories[0], "SELECT * FROM machine_stops", 50 if rig.quick else 500)
    made = Report("small_join", TITLE)
    made.say(
        "50 machines in PostgreSQL joined with their 100 stops in MariaDB, all rows and with a filter whose number "
        f"changes; one client, warm. Median of {min(rig.rounds, 3)} rounds of {seconds:.0f} s each, in turns."
    )
    numbers = {
        name: [middle(of, lambda s, key=key: s[key]) for key in ("p50", "p99", "rate")]  # type: ignore[misc]
        for name, of in samples.items()
    }
    rows_of = [[name, ms(p50), ms(p99), f"{rate:,.0f}"] for name, (p50, p99, rate) in numbers.items()]
    made.table(["", "p50 ms", "p99 ms", "requests/s"], rows_of)
    made.say("Where the time of both cores goes, in CPU milliseconds per answer (all 100 rows):")
    made.table([*spent, "together"], [[*(ms(cpu) for cpu in spent.values()), ms(sum(spent.values()))]])
    made.say("The worker's part, its steps one by one in a process of their own, in CPU milliseconds:")
    made.table(["", "ms"], [[name, ms(cpu)] for name, cpu in stages.items()])
    p50 = numbers["all 100 rows"][0] * 1000
    made.aims.append(Aim("p50 ≤ 12 ms, all rows", f"{p50:.1f} ms", p50 <= 12))
    return made


def cpu_of_an_answer(rig: Rig, server: RunningServer, paths: list[str], seconds: float) -> dict[str, float]:
    """CPU seconds per answer of each process that has a part in it."""
    postgres, mariadb = psutil.Process(rig.postgres.pid), psutil.Process(rig.mariadb.pid)
    parts = {
        "API process": [server.process],
        "workers": server.workers,
        "PostgreSQL": [postgres, *postgres.children(recursive=True)],
        "MariaDB": [mariadb, *mariadb.children(recursive=True)],
    }
    before = {name: sum(map(busy, processes)) for name, processes in parts.items()}
    sample = http_lookups(server, paths, 1, seconds, warm_up=0.0)
    spent = {name: (sum(map(busy, parts[name])) - before[name]) / sample["requests"] for name in parts}
    return spent | {"client": sample["cpu"] / sample["requests"]}

"""What grouping `lineitem` costs PostgreSQL: hashed as it plans itself, sorted, and the rows sent instead.

Processor time of the server and its workers, from /proc: it stays what it is when others use the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.tpch.sources import Sources

KEYS = ("l_orderkey", "l_partkey, l_suppkey", "l_partkey", "l_suppkey", "l_shipdate")
WORK_MEM = ("4MB", "64MB")
OTHERS = "o_comment NOT LIKE '%special%requests%'"
JOINED_FIRST = (
    f"SELECT c_custkey, count(o_orderkey) FROM customer LEFT JOIN orders ON c_custkey = o_custkey AND {OTHERS} "
    "GROUP BY c_custkey"
)
GROUPED_FIRST = (
    "SELECT c_custkey, coalesce(n, 0) FROM customer LEFT JOIN (SELECT o_custkey, count(o_orderkey) AS n FROM orders "
    f"WHERE {OTHERS} GROUP BY o_custkey) AS o ON c_custkey = o_custkey"
)


def costs(sources: Sources) -> Iterator[str]:
    """A line for each set of keys and each way."""
    with sources.postgres.connect() as connection:
        server = parent(connection.info.backend_pid)
        for keys in KEYS:
            groups = f"SELECT {keys}, sum(l_quantity) FROM lineitem GROUP BY {keys}"
            for memory in WORK_MEM:
                for hashed in ("on", "off"):
                    connection.execute(f"SET work_mem = '{memory}'")
                    connection.execute(f"SET enable_hashagg = {hashed}")
                    seconds, size = copied(connection, groups, server)
                    way = "as planned" if hashed == "on" else "sorted"
                    yield f"{keys:24} {memory:5} {way:11} {seconds:6.2f} s of processor, {size / 1e6:6.1f} MB"
            connection.execute("SET work_mem = '64MB'")
            seconds, size = copied(connection, f"SELECT {keys}, l_quantity FROM lineitem", server)
            yield f"{keys:24}       rows        {seconds:6.2f} s of processor, {size / 1e6:6.1f} MB"

        connection.execute("SET enable_hashagg = off")
        for parts in (1, 3):
            began = time.perf_counter()
            seconds, _ = copied(connection, in_parts(sources.scale, parts), server)
            wall = time.perf_counter() - began
            yield f"Q18's groups, ranges: {parts}                {seconds:6.2f} s of processor, {wall:6.2f} s"

        connection.execute("RESET ALL")
        for way, select in (("joined first", JOINED_FIRST), ("grouped first", GROUPED_FIRST)):
            seconds, _ = copied(connection, select, server)
            yield f"Q13's groups, {way:13}            {seconds:6.2f} s of processor"


def in_parts(scale: float, parts: int) -> str:
    """Q18's groups in so many ranges of the key."""
    ends = [None, *(int(6_000_000 * scale * part / parts) for part in range(1, parts)), None]
    selects = []
    for low, high in pairwise(ends):
        terms = [f"l_orderkey {sign} {end}" for sign, end in ((">=", low), ("<", high)) if end is not None]
        where = f" WHERE {' AND '.join(terms)}" if terms else ""
        select = f"SELECT l_orderkey, sum(l_quantity) FROM lineitem{where} GROUP BY l_orderkey"
        selects.append(f"{select} HAVING sum(l_quantity) > 300")
    return " UNION ALL ".join(selects)


def copied(connection: Any, select: str, server: int) -> tuple[float, int]:
    """Processor seconds of the server for one COPY, and its bytes."""
    before = spent(server)
    with connection.cursor().copy(f"COPY ({select}) TO STDOUT (FORMAT csv)") as copy:
        size = sum(len(piece) for piece in copy)
    return spent(server) - before, size


def spent(server: int) -> float:
    """Processor seconds of a process, its children that are there, and those that are gone."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = stat(int(entry.name))
            if int(entry.name) == server:
                ticks += sum(map(int, fields[11:15]))
            elif fields and int(fields[1]) == server:
                ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def parent(pid: int) -> int:
    """The process that started another."""
    return int(stat(pid)[1])


def stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat behind the name; none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []

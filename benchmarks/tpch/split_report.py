"""What the split found: right answers, times and bytes of each runner, beside the aims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log
from statistics import median

from benchmarks.report import Aim, Report, megabytes, times
from benchmarks.tpch.ask import Reference
from benchmarks.tpch.least import FETCHED, least
from benchmarks.tpch.plot import PICTURE
from benchmarks.tpch.queries import QUERIES
from benchmarks.tpch.runners import Result
from benchmarks.tpch.sources import MARIADB_SETTINGS, POSTGRES_SETTINGS, Sources

OURS, WHOLE, FLOOR = "Viewloom", "all in one PostgreSQL", "DuckDB on Parquet"
ATTACH, CHDB = "DuckDB 1.5.5 with ATTACH", "ClickHouse (chdb 4.4.0)"

SHORT = {ATTACH: "ATTACH", CHDB: "chdb", "Spark 4.3.0 over JDBC": "Spark", WHOLE: "PostgreSQL", FLOOR: "Parquet"}


@dataclass(slots=True)
class Measured:
    """By runner and query: timed results, the counted one, bytes its sources sent then. `left_out`: sentences."""

    samples: dict[str, dict[int, list[Result]]] = field(default_factory=dict)
    counted: dict[str, dict[int, Result]] = field(default_factory=dict)
    wire: dict[str, dict[int, int]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def seconds(self, name: str, number: int) -> float:
        """The median of the timed runs."""
        return median(result.seconds for result in self.samples[name][number])

    def wrong(self, name: str, number: int) -> str:
        """What was wrong in any run, or nothing."""
        results = list(self.samples[name][number])
        if name in self.counted:
            results.append(self.counted[name][number])
        return next((result.wrong for result in results if result.wrong), "")

    def right(self, name: str) -> list[int]:
        """The queries that a runner answered rightly."""
        return [number for number in self.samples[name] if not self.wrong(name, number)]

    def ratio(self, name: str) -> float:
        """Our time over another's: the geometric mean over the queries that both got right."""
        both = [number for number in self.right(OURS) if number in self.right(name)]
        return geometric([self.seconds(OURS, number) / self.seconds(name, number) for number in both])


def geometric(values: Sequence[float]) -> float:
    """The geometric mean; NaN of nothing."""
    return exp(sum(map(log, values)) / len(values)) if values else float("nan")


def split_report(measured: Measured, sources: Sources, reference: Reference, pictured: bool) -> Report:
    """The tables and the aims."""
    made = Report("tpch_split", "TPC-H split over PostgreSQL, MariaDB and Parquet")
    rounds = len(measured.samples[OURS][1])
    made.say(
        f"Scale {sources.scale:g}: customer, orders and lineitem in PostgreSQL, part, partsupp and supplier in "
        "MariaDB, nation and region in Parquet. The 22 queries of the validation run. "
        f"Median of {rounds}, all runners in turns, query by query, after a first run of each. "
        "*Viewloom*: planned anew each time and run in a worker process with the server's default settings, without "
        "HTTP, the answer as Arrow. Seconds: until the last row was there. *Right*: as DuckDB over the same rows; "
        "Viewloom's sums exactly and its floats within 1e-9, the others' numbers all within 1e-9. *MB over the "
        "wire*: what the two databases sent, counted by a proxy in a run of its own. Means and sums are over the "
        "queries that a runner got right, *ours ÷ it* over those that both did."
    )
    settings = [f"{name}={value}" for name, value in POSTGRES_SETTINGS.items()] + list(MARIADB_SETTINGS)
    made.say("The databases' settings beside their defaults: " + ", ".join(f"`{one}`" for one in settings) + ".")
    for sentence in measured.left_out:
        made.say(sentence)
    made.table(
        ["", "right of 22", "geometric mean s", "sum s", "MB over the wire", "ours ÷ it"],
        [_summary(measured, name) for name in measured.samples],
    )
    others = [name for name in measured.samples if name != OURS]
    heads = ["", "rows fetched", "MB as Arrow", "MB over the wire", "s", *(f"s, {SHORT[name]}" for name in others)]
    made.table([*heads, *(f"÷ {SHORT[name]}" for name in others)], [_line(measured, n, others) for n in QUERIES])
    for name in measured.samples:
        for number in QUERIES:
            wrong = measured.wrong(name, number)
            if wrong:
                made.say(f"Wrong: {name}, Q{number}: `{wrong[:300]}`")
    made.aims += _aims(measured)
    made.aims.append(_least(made, measured, reference))
    if pictured:
        made.say(f"Plot: `docs/explanation/{PICTURE}`.")
    return made


def _summary(measured: Measured, name: str) -> list[str]:
    seconds = [measured.seconds(name, number) for number in measured.right(name)]
    wire = sum(measured.wire[name].values()) if name in measured.wire else None
    return [
        name,
        str(len(measured.right(name))),
        f"{geometric(seconds):.3f}",
        f"{sum(seconds):.1f}",
        "-" if wire is None else megabytes(wire),
        "" if name == OURS else times(measured.ratio(name)),
    ]


def _line(measured: Measured, number: int, others: Sequence[str]) -> list[str]:
    counted = measured.counted[OURS][number]
    ours = measured.seconds(OURS, number)
    seconds = [None if measured.wrong(name, number) else measured.seconds(name, number) for name in others]
    return [
        f"Q{number}" + ("*" if measured.wrong(OURS, number) else ""),
        f"{counted.rows or 0:,}",
        megabytes(counted.bytes or 0),
        megabytes(measured.wire[OURS][number]),
        f"{ours:.3f}",
        *("wrong" if value is None else f"{value:.3f}" for value in seconds),
        *("-" if value is None else times(ours / value) for value in seconds),
    ]


def _aims(measured: Measured) -> list[Aim]:
    right = len(measured.right(OURS))
    aims = [Aim("22 of 22 right", str(right), right == 22)]
    for name, bounds in ((ATTACH, (0.5, 0.33)), (CHDB, (0.35,)), (WHOLE, (1.2,))):
        if name in measured.samples:
            ratio = measured.ratio(name)
            aims += [Aim(f"≤ {bound:g} of the time of {name}", times(ratio), ratio <= bound) for bound in bounds]
    aims += [
        Aim(f"beside {name}", times(measured.ratio(name)), None)
        for name in measured.samples
        if name not in (OURS, ATTACH, CHDB, WHOLE)
    ]
    return aims


def _least(made: Report, measured: Measured, reference: Reference) -> Aim:
    """Adds the table of what is fetched beside the least by hand."""
    made.say(
        "Fetched beside the least that a plan by hand fetches (`benchmarks/tpch/least.py`), as Arrow. The plan by "
        "hand asks the small side first, sends its keys up, and lets each source join, filter and group its own."
    )
    rows, fetched_bytes, least_bytes = [], 0, 0
    for number in FETCHED:
        few, size = least(reference, number)
        counted = measured.counted[OURS][number]
        fetched = counted.bytes or 0
        fetched_bytes, least_bytes = fetched_bytes + fetched, least_bytes + size
        rows.append(
            [
                f"Q{number}",
                f"{few:,}",
                f"{counted.rows or 0:,}",
                megabytes(size),
                megabytes(fetched),
                times(fetched / size),
            ]
        )
    rows.append(
        ["all five", "", "", megabytes(least_bytes), megabytes(fetched_bytes), times(fetched_bytes / least_bytes)]
    )
    made.table(["", "least rows", "rows fetched", "least MB", "MB fetched", "fetched ÷ least"], rows)
    ratio = fetched_bytes / least_bytes
    return Aim("bytes fetched ≤ 1.5 times the least, five queries together", times(ratio), ratio <= 1.5)

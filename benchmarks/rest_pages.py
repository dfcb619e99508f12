"""Reading a REST table of forty pages, each of which the source takes 50 ms to answer, beside curl."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from benchmarks.measure import ending, in_turns, middle, start_child
from benchmarks.report import Aim, Report, times
from benchmarks.rig import Rig
from connectors.rest import Rest
from connectors.sdk import ScanRequest, TableName
from connectors.sdk.registry import connector_config
from tests.servers.http_replies import body, encoded, link_to
from tests.servers.http_source import Handler, Reply, Request, start_http_source

TITLE = "Reading pages of a REST source"
PAGES, LATENCY = 40, 0.05
SIZES = (100, 1_000)  # rows of a page
COLUMNS = {
    "id": "BIGINT", "machine": "VARCHAR", "article": "VARCHAR", "status": "VARCHAR", "started": "TIMESTAMP",
    "good": "INTEGER", "scrap": "INTEGER", "weight": "DECIMAL(12,3)",
}  # fmt: skip
Sample = tuple[int, float, float]  # rows, seconds, seconds of this process's processor time


def run(rig: Rig) -> Report:
    """Seconds for all pages, each way."""
    report = Report("rest_pages", TITLE)
    report.say(
        f"{PAGES} pages of rows of {len(COLUMNS)} columns from an HTTP server in another process, which answers each "
        f"page after {LATENCY * 1000:.0f} ms. curl asks for the same addresses, which it knows beforehand, on one "
        "connection, and throws the bodies away; Viewloom reads them into Arrow, and nothing works on them further. "
        f"CPU: of Viewloom's process. Median of {rig.rounds} rounds, in turns."
    )
    with ending(start_child("benchmarks.rest_pages", {})) as child:
        assert child.stdout is not None
        origin = child.stdout.readline().strip()
        for size in SIZES:
            measure(report, rig.rounds, origin, size)
    return report


def measure(report: Report, rounds: int, origin: str, size: int) -> None:
    """One size of pages."""
    ways: dict[str, Callable[[], Sample]] = {
        "curl, one after the other": partial(by_curl, origin, size, 1),
        "curl, four at once": partial(by_curl, origin, size, 4),
    }
    for style in ("next_link", "page"):
        ways[f"{style}, no page ahead"] = partial(read, origin, size, style, {"ahead_bytes": 0})
        ways[f"{style}, as it is set"] = partial(read, origin, size, style, {})
    for at_once in (2, 4, 8):
        ways[f"page, pages_at_once: {at_once}"] = partial(read, origin, size, "page", {"pages_at_once": at_once})
    samples = in_turns(ways, rounds, lambda s: f"{s[1]:.2f} s")
    seconds = {name: middle(found, lambda s: s[1]) for name, found in samples.items()}
    floor = seconds["curl, one after the other"]
    rows = [
        [name, f"{seconds[name]:.2f}", times(seconds[name] / floor), f"{middle(found, lambda s: s[2]):.2f}"]
        for name, found in samples.items()
    ]
    report.table([f"{size:,} rows a page", "s", "of curl, one after the other", "CPU s"], rows)
    for way, before, most in (
        ("next_link, as it is set", "next_link, no page ahead", None),
        ("page, as it is set", "page, no page ahead", None),
        ("page, pages_at_once: 4", "page, no page ahead", 0.5),
    ):
        ratio = seconds[way] / seconds[before]
        wanted = f"{size:,} rows a page: time of {way!r} ÷ {before!r}" + (f" ≤ {most:g}" if most else "")
        report.aims.append(Aim(wanted, times(ratio), None if most is None else ratio <= most))


def read(origin: str, size: int, style: str, changes: dict[str, int]) -> Sample:
    """All rows by the connector, the rows worked on in this process as a query would."""
    paging = {"style": "page", "total": "total"} if style == "page" else {"style": "next_link"}
    tables = {"counts": {"path": f"counts/{size}", "rows": "items", "columns": COLUMNS, "paging": paging}}
    source = Rest(connector_config("rest", {"base_url": origin, "tables": tables, **changes}))
    request = ScanRequest(TableName(("counts",)), tuple(COLUMNS.items()))
    began, processor = time.perf_counter(), time.process_time()
    rows = sum(batch.num_rows for batch in source.scan(request))
    sample = rows, time.perf_counter() - began, time.process_time() - processor
    source.close()
    assert rows == PAGES * size
    return sample


def by_curl(origin: str, size: int, at_once: int) -> Sample:
    """The bodies alone."""
    urls = f"{origin}/counts/{size}?page=[1-{PAGES}]"
    command = ["curl", "-sSf", "--no-progress-meter", "-o", "/dev/null", urls]
    if at_once > 1:
        command[1:1] = ["--parallel", "--parallel-max", str(at_once)]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return PAGES * size, time.perf_counter() - began, 0.0


def serve() -> None:
    """The source, until standard input ends."""
    with start_http_source() as source:
        for size in SIZES:
            source.route(f"/counts/{size}", counts([page_items(number, size) for number in range(PAGES)], size))
        print(source.origin, flush=True)
        sys.stdin.read()


def counts(items: Sequence[bytes], size: int) -> Handler:
    """Answers a page, slowly."""

    def handle(request: Request) -> Reply:
        time.sleep(LATENCY)
        number = int(request.query.get("page", "1"))
        following = link_to(request, page=str(number + 1)) if number < PAGES else None
        beside = encoded({"next": following, "total": PAGES * size})
        return body(b'{"items": ' + items[number - 1] + b", " + beside[1:])

    return handle


def page_items(number: int, size: int) -> bytes:
    """The rows of a page as JSON."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return json.dumps(
        [
            {
                "id": n, "machine": f"M-{n % 40:03d}", "article": f"A-{n * 7919 % 5000:05d}", "status": "running",
                "started": (start + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%S"), "good": n % 900,
                "scrap": n % 7, "weight": n % 10_000 / 8,
            }
            for n in range(number * size, (number + 1) * size)
        ]
    ).encode()  # fmt: skip


if __name__ == "__main__":
    serve()

"""Reading a REST table of forty pages, each of which the source takes 50 ms to answer, beside curl."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from benchmarks.measure import ending, in_turns, middle, start_child
from benchmarks.report import Aim, Report, times
from benchmarks.rig import Rig
from connectors.rest import Rest
from connectors.sdk import ScanRequest, TableName
from connectors.sdk.registry import connector_config
from tests.servers.http_replies import body, encoded, link_to
from tests.servers.http_source import Reply, Request, start_http_source

TITLE = "Reading pages of a REST source"
PAGES, PAGE_ROWS, LATENCY = 40, 1_000, 0.05
COLUMNS = {
    "id": "BIGINT", "machine": "VARCHAR", "article": "VARCHAR", "status": "VARCHAR", "started": "TIMESTAMP",
    "good": "INTEGER", "scrap": "INTEGER", "weight": "DECIMAL(12,3)",
}  # fmt: skip
Sample = tuple[int, float, float]  # rows, seconds, seconds of this process's processor time


def run(rig: Rig) -> Report:
    """Seconds for all pages, each way."""
    report = Report("rest_pages", TITLE)
    report.say(
        f"{PAGES} pages of {PAGE_ROWS:,} rows of {len(COLUMNS)} columns from an HTTP server in another process, "
        f"which answers each page after {LATENCY * 1000:.0f} ms. curl asks for the same addresses, which it knows "
        "beforehand, on one connection, and throws the bodies away; Viewloom reads them into Arrow. CPU: of "
        f"Viewloom's process. Median of {rig.rounds} rounds, in turns."
    )
    with ending(start_child("benchmarks.rest_pages", {})) as child:
        assert child.stdout is not None
        origin = child.stdout.readline().strip()
        ways: dict[str, Callable[[], Sample]] = {
            "curl, one after the other": partial(by_curl, origin, 1),
            "curl, four at once": partial(by_curl, origin, 4),
        }
        for style in ("next_link", "page"):
            ways[f"{style}, no page ahead"] = partial(read, origin, style, {"ahead_bytes": 0})
            ways[f"{style}, as it is set"] = partial(read, origin, style, {})
        for at_once in (2, 4, 8):
            ways[f"page, pages_at_once: {at_once}"] = partial(read, origin, "page", {"pages_at_once": at_once})
        samples = in_turns(ways, rig.rounds, lambda s: f"{s[1]:.2f} s")
    floor = middle(samples["curl, one after the other"], lambda s: s[1])
    rows = [
        [name, f"{middle(s, lambda x: x[1]):.2f}", times(middle(s, lambda x: x[1]) / floor),
         f"{middle(s, lambda x: x[2]):.2f}"]
        for name, s in samples.items()
    ]  # fmt: skip
    report.table(["way", "s", "of curl, one after the other", "CPU s"], rows)
    for way, most in (("next_link, as it is set", 1.3), ("page, pages_at_once: 4", 0.4)):
        ratio = middle(samples[way], lambda s: s[1]) / floor
        report.aims.append(Aim(f"{way}: time ≤ {most:g} of curl's, one after the other", times(ratio), ratio <= most))
    return report


def read(origin: str, style: str, changes: dict[str, int]) -> Sample:
    """All rows by the connector, the rows worked on in this process as a query would."""
    paging = {"style": "page", "total": "total"} if style == "page" else {"style": "next_link"}
    tables = {"counts": {"path": "counts", "rows": "items", "columns": COLUMNS, "paging": paging}}
    source = Rest(connector_config("rest", {"base_url": origin, "tables": tables, **changes}))
    request = ScanRequest(TableName(("counts",)), tuple(COLUMNS.items()))
    began, processor = time.perf_counter(), time.process_time()
    rows = sum(batch.num_rows for batch in source.scan(request))
    sample = rows, time.perf_counter() - began, time.process_time() - processor
    source.close()
    assert rows == PAGES * PAGE_ROWS
    return sample


def by_curl(origin: str, at_once: int) -> Sample:
    """The bodies alone."""
    urls = f"{origin}/counts?page=[1-{PAGES}]"
    command = ["curl", "-sSf", "--no-progress-meter", "-o", "/dev/null", urls]
    if at_once > 1:
        command[1:1] = ["--parallel", "--parallel-max", str(at_once)]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return PAGES * PAGE_ROWS, time.perf_counter() - began, 0.0


def serve() -> None:
    """The source, until standard input ends."""
    items = [page_items(number) for number in range(PAGES)]

    def handle(request: Request) -> Reply:
        time.sleep(LATENCY)
        number = int(request.query.get("page", "1"))
        following = link_to(request, page=str(number + 1)) if number < PAGES else None
        beside = encoded({"next": following, "total": PAGES * PAGE_ROWS})
        return body(b'{"items": ' + items[number - 1] + b", " + beside[1:])

    with start_http_source() as source:
        source.route("/counts", handle)
        print(source.origin, flush=True)
        sys.stdin.read()


def page_items(number: int) -> bytes:
    """The rows of a page as JSON."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return json.dumps(
        [
            {
                "id": n, "machine": f"M-{n % 40:03d}", "article": f"A-{n * 7919 % 5000:05d}", "status": "running",
                "started": (start + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%S"), "good": n % 900,
                "scrap": n % 7, "weight": n % 10_000 / 8,
            }
            for n in range(number * PAGE_ROWS, (number + 1) * PAGE_ROWS)
        ]
    ).encode()  # fmt: skip


if __name__ == "__main__":
    serve()

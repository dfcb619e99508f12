"""A long differential run over five kinds of sources; what it found goes into a file.

    python -m tests.engine.federated_long --queries 200000 --seed 1 --report docs/evidence/differential.md

Each query is run with all rules, with none, every tenth with each rule off in turn, and in plain DuckDB over the same
rows. It starts its own PostgreSQL, MariaDB and HTTP server. A difference is written down and does not end the run.
Runs in parts add up: each adds its line to the report.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.engine.federated import LARGE, STRANGE, Federated, Tally
from tests.engine.live_five import five, five_connectors
from tests.servers.mariadb import start_mariadb
from tests.servers.postgres import start_postgres


def run(first: int, queries: int, seconds: float, tell: bool) -> Tally:
    """So many queries from this number on, or fewer when the time is over."""
    tally, ends = Tally(), time.monotonic() + seconds
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="viewloom-long-")))
        directory.chmod(0o711)
        postgres = start_postgres(directory / "postgres")
        stack.callback(postgres.close)
        mariadb = start_mariadb(directory / "mariadb")
        stack.callback(mariadb.close)
        databases = postgres.new_database("long"), mariadb.new_database("long")
        connectors = stack.enter_context(five_connectors(*databases, directory))
        federated = Federated([five(connectors), five(connectors, LARGE), five(connectors, STRANGE)])
        gc.freeze()
        gc.set_threshold(100_000, 20, 50)  # an eighth of the time went to finding rubbish, tree after tree
        for number in range(first, first + queries):
            if time.monotonic() > ends:
                break
            problem = federated.check(number, tally)
            if problem is not None:
                tally.differences.append(problem)
                print(f"\n{problem}\n", file=sys.stderr, flush=True)
            if tell and tally.queries % 200 == 0:
                found = f"{tally.queries:,} of {queries:,} queries, {len(tally.differences)} differences"
                print(f"\r{found}", end="", file=sys.stderr, flush=True)
    return tally


HEAD = """# Differential runs over five kinds of sources

`python -m tests.engine.federated_long`: PostgreSQL, MariaDB, SQLite, Parquet and a REST source at once. Each query is
run with all rules, with none, every tenth with each rule off in turn, over few rows once more with other values,
and in plain DuckDB over the same rows; floats at 1e-9 relative. *Refused*: plain DuckDB has no answer (types that
chance mixed), or ours has none with and without rules (a value that can't be computed with, filtered out later here
than there). *Same plan*: a rule set that gave a plan which had been run. *Doubtful*: plain DuckDB's answer was
another one without its optimizer, then ours.

"""
COLUMNS = "ended, UTC|commit|first query|queries|refused|compared|same plan|fragments|keys|differences|doubtful|s"


def report(page: str, tally: Tally, seed: int, seconds: float) -> str:
    """The page of all runs with this one added: a line of the table, and below what was found."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    numbers = [tally.queries, tally.refused, tally.runs, tally.same, tally.made, tally.keys]
    counts = [*numbers, len(tally.differences), len(tally.doubtful), round(seconds)]
    line = f"| {datetime.now(UTC):%Y-%m-%d %H:%M} | {asked.stdout.strip()} | {seed} | "
    line += " | ".join(f"{count:,}" for count in counts) + " |\n"
    table = f"| {COLUMNS.replace('|', ' | ')} |\n" + "|---|---" + "|---:" * 10 + "|\n"
    lines = (page or HEAD + table).splitlines(keepends=True)
    last = max(number for number, text in enumerate(lines) if text.startswith("|"))
    lines.insert(last + 1, line)
    kinds = {"difference": tally.differences, "doubtful": tally.doubtful, "slow": tally.slow}
    found = [(kind, text) for kind, texts in kinds.items() for text in texts]
    return "".join(lines) + "".join(f"\n```text\n{kind}: {problem}\n```\n" for kind, problem in found[:50])


def main() -> int:
    """1 when there was a difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1, help="number of the first query")
    parser.add_argument("--minutes", type=float, default=24 * 60.0, help="end after so long, whatever was reached")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--report", type=Path, help="page that gets a line for this run, and what it found")
    options = parser.parse_args()
    began = time.monotonic()
    share = -(-options.queries // options.processes)
    parts = [
        (options.seed + n * share, min(share, options.queries - n * share), options.minutes * 60, n == 0)
        for n in range(options.processes)
    ]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        tallies = pool.starmap(run, parts)
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    kept = options.report.read_text("utf-8") if options.report is not None and options.report.exists() else ""
    text = report(kept, whole, options.seed, time.monotonic() - began)
    print(f"\n{text}")
    if options.report is not None:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(text, "utf-8")
    return 1 if whole.differences else 0


if __name__ == "__main__":
    sys.exit(main())

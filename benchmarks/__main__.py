"""`python -m benchmarks [names…] [--quick] [--output DIR]`: run figures, print their reports, keep them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    bulk,
    gone_clients,
    growth,
    join_memory,
    key_lookup,
    pair_keys,
    planning,
    reading,
    rest_pages,
    rows_moved,
    single_measures,
    slow_client,
    slow_others,
    small_join,
    tenants,
    tpch_split,
)
from benchmarks.machine import describe_machine
from benchmarks.measure import ROOT, progress
from benchmarks.report import Report, summary
from benchmarks.rig import Rig
from tests.servers.process import ServerMissingError

FIGURES: dict[str, Callable[[Rig], Report]] = {
    "key_lookup": key_lookup.run,
    "bulk": bulk.run,
    "reading": reading.run,
    "rest_pages": rest_pages.run,
    "slow_client": slow_client.run,
    "planning": planning.run,
    "rows_moved": rows_moved.run,
    "pair_keys": pair_keys.run,
    "slow_others": slow_others.run,
    "tpch_split": tpch_split.run,
    "single_measures": single_measures.run,
    "join_memory": join_memory.run,
    "small_join": small_join.run,
    "tenants": tenants.run,
    "gone_clients": gone_clients.run,
    "growth": growth.run,
}


def main() -> int:
    """Run what was asked for; 1 when something could not run. A missed aim is told, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FIGURES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: shows only that all runs")
    parser.add_argument(
        "--output",
        type=Path,
        help="where to keep reports and plots (default: benchmarks/results and docs/explanation; nowhere when quick)",
    )
    parser.add_argument("--without", action="append", default=[], metavar="PEER", help="leave out a peer (spark, …)")
    parser.add_argument(
        "--tpch-state", type=Path, help="use the sources that `python -m benchmarks.tpch serve` keeps up"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(FIGURES))
    if unknown:
        parser.error(f"no figure is called {unknown[0]!r}; there are {', '.join(FIGURES)}")
    results = options.output or (None if options.quick else ROOT / "benchmarks" / "results")
    pictures = options.output or (None if options.quick else ROOT / "docs" / "explanation")
    for directory in (results, pictures):
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
    status = 0
    reports: list[Report] = []
    with Rig(options.quick, pictures, options.tpch_state, options.without) as rig:
        for name in options.names or FIGURES:
            began = time.monotonic()
            print(f"{name} …", file=sys.stderr, flush=True)
            machine = describe_machine(options.quick)
            try:
                report = FIGURES[name](rig)
            except ServerMissingError as error:
                progress(f"{name} can't run here: {error}")
                status = 1
                continue
            reports.append(report)
            progress(f"{name} took {time.monotonic() - began:.0f} s")
            text = report.markdown(machine)
            print(text, flush=True)
            if results is not None:
                (results / f"{name}.md").write_text(text, "utf-8")
    print(summary(reports), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())

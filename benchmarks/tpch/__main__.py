"""`python -m benchmarks.tpch serve|run|groups`: keep the three sources up, run queries of TPC-H over them, group."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from benchmarks.measure import progress
from benchmarks.tpch.ask import Reference, ask, explained, rules_without
from benchmarks.tpch.groups import costs
from benchmarks.tpch.queries import QUERIES, query
from benchmarks.tpch.sources import Sources, read_sources, running
from benchmarks.tpch.workspace import opened
from engine.errors import EngineError


def main() -> int:
    """Do what the arguments say; 1 when an answer is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tpch", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="fill the databases and keep them up until this process is ended")
    serve.add_argument("--scale", type=float, default=1.0)
    serve.add_argument("--state", type=Path, required=True, help="where to write hosts, ports and passwords")
    serve.add_argument("--whole", action="store_true", help="also all eight tables in one PostgreSQL database")
    one = commands.add_parser("run", help="run queries, and compare the answers with DuckDB's over the same rows")
    one.add_argument("--state", type=Path, required=True, help="what `serve` wrote")
    one.add_argument("--query", type=int, nargs="*", help="which of the 22 (default: all)")
    one.add_argument("--sql", help="another query over the eight tables")
    one.add_argument(
        "--off", action="append", default=[], metavar="RULE", help="leave a rule out; `all` for every one"
    )
    one.add_argument("--explain", action="store_true", help="print the plan and what each scan cost")
    one.add_argument("--rows", action="store_true", help="print the answer's first 20 rows")
    one.add_argument("--rounds", type=int, default=1, help="run each so often; the quickest counts")
    grouping = commands.add_parser("groups", help="what grouping costs PostgreSQL: hashed, sorted, the rows sent")
    grouping.add_argument("--state", type=Path, required=True, help="what `serve` wrote")
    options = parser.parse_args()
    return {"serve": keep_up, "run": run, "groups": group}[options.command](options)


def keep_up(options: argparse.Namespace) -> int:
    """Serve until a signal comes."""

    def leave(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    with running(options.scale, options.whole) as sources:
        sources.save(options.state)
        try:
            progress(f"the sources are up; {options.state} says where. End this process to end them.")
            signal.pause()
        finally:
            options.state.unlink(missing_ok=True)
    return 0


def group(options: argparse.Namespace) -> int:
    """Print a line for each measurement."""
    for line in costs(read_sources(options.state)):
        print(line, flush=True)
    return 0


def run(options: argparse.Namespace) -> int:
    """Run what was asked for, and say for each whether it is right."""
    sources = read_sources(options.state)
    rules = rules_without(options.off)
    reference = Reference(sources.reference)
    wrong = 0
    with opened(sources) as workspace:
        for name, sql in texts(options, sources).items():
            try:
                runs = [ask(workspace, sql, rules) for _ in range(options.rounds)]
            except EngineError as error:
                print(f"{name:4} failed: {type(error).__name__}: {error}")
                wrong += 1
                continue
            asked = min(runs, key=lambda one: one.seconds)
            found = reference.difference(asked.answer, sql)
            wrong += found is not None
            print(
                f"{name:4} {'right' if found is None else 'WRONG: ' + found}; {asked.seconds:.3f} s"
                f" (planning {asked.planning:.3f}); fetched {asked.rows:,} rows, {asked.bytes:,} bytes;"
                f" answer {len(asked.answer.rows):,} rows"
            )
            if options.explain:
                print(explained(workspace, asked))
            if options.rows:
                print("\n".join(map(str, asked.answer.rows[:20])))
    return 1 if wrong else 0


def texts(options: argparse.Namespace, sources: Sources) -> dict[str, str]:
    """The queries that were asked for, by name."""
    if options.sql:
        return {"sql": options.sql}
    return {f"Q{number}": query(number, sources.scale) for number in options.query or QUERIES}


if __name__ == "__main__":
    sys.exit(main())

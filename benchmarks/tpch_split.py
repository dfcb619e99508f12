"""TPC-H over PostgreSQL, MariaDB and Parquet at once: Viewloom beside what a user would pick instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.measure import in_turns, progress
from benchmarks.peers.process import PEERS, PeerMissingError, PeerProcess, environment
from benchmarks.report import Report
from benchmarks.rig import Rig
from benchmarks.tpch.ask import Reference
from benchmarks.tpch.plot import PICTURE, plot
from benchmarks.tpch.queries import QUERIES, query
from benchmarks.tpch.runners import Expected, OfPeer, OnePostgres, OverParquet, Result, Runner, Viewloom, peer_order
from benchmarks.tpch.sources import Sources
from benchmarks.tpch.split_report import FLOOR, OURS, WHOLE, Measured, split_report
from benchmarks.tpch.wire import counted
from benchmarks.tpch.workspace import opened

BY_TITLE = {peer.title: peer for peer in PEERS}


def run(rig: Rig) -> Report:
    """All 22 by every runner: once counted and through proxies, then timed, in turns."""
    sources = rig.tpch
    reference = Reference(sources.reference)
    expected = Expected(reference)
    measured = Measured()
    pythons: dict[str, Path | None] = {OURS: None}
    for title, peer in BY_TITLE.items():
        try:
            pythons[title] = environment(peer, rig.without)
        except PeerMissingError as error:
            measured.left_out.append(str(error))
    for name, python in list(pythons.items()):
        try:
            count(measured, name, python, sources, expected)
        except PeerMissingError as error:
            measured.left_out.append(str(error))
            del pythons[name]
    with ExitStack() as stack:
        runners = {n: stack.enter_context(runner(n, python, sources, expected)) for n, python in pythons.items()}
        runners |= {WHOLE: OnePostgres(sources, expected), FLOOR: OverParquet(reference)}
        measure(measured, runners, sources.scale, 1 if rig.quick else 3)
    if rig.pictures is not None:
        seconds = {n: {name: measured.seconds(name, n) for name in measured.samples} for n in QUERIES}
        plot(seconds, OURS, rig.pictures / PICTURE)
    return split_report(measured, sources, reference, rig.pictures is not None)


def count(measured: Measured, name: str, python: Path | None, sources: Sources, expected: Expected) -> None:
    """Each query once, through proxies that count; this warms the sources too. Raises PeerMissingError."""
    with counted(sources) as wire, runner(name, python, wire.sources, expected) as one:
        for number in QUERIES:
            before = wire.bytes
            result = one.run(query(number, sources.scale))
            measured.counted.setdefault(name, {})[number] = result
            measured.wire.setdefault(name, {})[number] = wire.bytes - before
            said = result.wrong or f"{(wire.bytes - before) / 1e6:,.1f} MB over the wire"
            progress(f"Q{number}: {name}: {said}")


def measure(measured: Measured, runners: dict[str, Runner], scale: float, rounds: int) -> None:
    """Each query by each runner in turns."""
    for number in QUERIES:
        sql = query(number, scale)
        variants: dict[str, Callable[[], Result]] = {
            f"Q{number}: {name}": partial(one.run, sql) for name, one in runners.items()
        }
        found = in_turns(variants, rounds, lambda result: f"{result.seconds:.3f} s")
        for name in runners:
            measured.samples.setdefault(name, {})[number] = found[f"Q{number}: {name}"]


@contextmanager
def runner(name: str, python: Path | None, sources: Sources, expected: Expected) -> Iterator[Runner]:
    """One that asks the three sources, ended after the block."""
    if python is None:
        with opened(sources) as workspace:
            yield Viewloom(workspace, expected)
    else:
        with PeerProcess(BY_TITLE[name], python, peer_order(sources)) as process:
            yield OfPeer(process, expected)

"""Memory of the API process and of the worker while ten million rows stream to a client that is slower than they."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bulk import read_all
from benchmarks.measure import progress
from benchmarks.memory import MemoryWatch
from benchmarks.processes import settle
from benchmarks.report import Aim, Report, megabytes
from benchmarks.rig import Rig

TITLE = "Memory while ten million rows stream to a slow client"
PATH = "/odata/bench/readings"
PICTURE = "slow-client-memory.png"
BOUND = 100_000_000


def run(rig: Rig) -> Report:
    """Growth of both processes, for identity and gzip, and a plot of the former."""
    server = rig.viewloom()
    small = read_all(server, f"{PATH}?$top=10000")
    full = read_all(server, f"{PATH}?$top={rig.streamed_rows // 10}")
    made = Report("slow_client", TITLE)
    rows = []
    for encoding, gzip in (("identity", False), ("gzip", True)):
        # Half of what the server can: slow enough that the worker has to wait, quick enough to end.
        wire = full if not gzip else read_all(server, f"{PATH}?$top={rig.streamed_rows // 10}", gzip=True)
        rate = wire["bytes"] / wire["seconds"] / 2
        server.close()
        server = rig.viewloom()
        progress(f"{encoding}: {rig.streamed_rows:,} rows at {rate / 1e6:.0f} MB/s")
        settle(server)
        with MemoryWatch(server) as watch:
            sample = read_all(server, PATH, gzip=gzip, rate=rate)
        if sample["rows"] != rig.streamed_rows:
            raise RuntimeError(f"{sample['rows']:,} rows came of {rig.streamed_rows:,}")
        for trace in (watch.api_trace, watch.worker_trace):
            sizes = [size for _, size in trace.points]
            name = trace.name.split()[0]
            rows.append(
                [
                    f"{name}, {encoding}",
                    *(megabytes(size) for size in (sizes[0], max(sizes), trace.growth)),
                    f"{trace.busy:.0f}",
                    f"{sample['seconds']:.0f}",
                    megabytes(sample["bytes"]),
                    f"{rate / 1e6:.0f}",
                ]
            )
            found = f"{megabytes(trace.growth)} MB"
            made.aims.append(Aim(f"growth < 100 MB, {name}, {encoding}", found, trace.growth < BOUND))
        if not gzip and rig.pictures is not None:
            plot(watch, rig.pictures / PICTURE)
    server.close()
    made.say(
        f"`GET {PATH}`: {rig.streamed_rows:,} rows of 5 columns that PostgreSQL makes on the way (about "
        f"{small['bytes'] / small['rows']:.0f} bytes each as JSON), read at half of the rate that the server "
        "reaches. Resident memory from /proc each 0.2 s; growth is from a server that has answered nothing yet "
        "to the highest sample, so it holds everything that is loaded on first use. The worker is the one that used "
        "the most CPU time."
    )
    heads = ["", "before MB", "highest MB", "growth MB", "CPU s", "answer s", "answer MB", "rate MB/s"]
    made.table(heads, rows)
    if rig.pictures is not None:
        made.say(f"Plot: `docs/explanation/{PICTURE}` (identity).")
    return made


def plot(watch: MemoryWatch, path: Path) -> None:
    """Both traces over time as a small PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 2.8), dpi=100, layout="constrained")
    for trace in (watch.api_trace, watch.worker_trace):
        times = [at for at, _ in trace.points]
        axes.plot(times, [size / 1e6 for _, size in trace.points], label=trace.name.partition(" 1")[0].split(" 2")[0])
    axes.set_xlabel("seconds")
    axes.set_ylabel("resident MB")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    pyplot.close(figure)

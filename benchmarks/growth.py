"""How cost grows: with rows, with sources that are joined, with views upon views, with clients. A plot each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random

from benchmarks import orders
from benchmarks.bulk import read_all
from benchmarks.key_lookup import http_lookups
from benchmarks.measure import progress, quantile
from benchmarks.processes import RunningServer
from benchmarks.report import Report, ms
from benchmarks.rig import Rig
from benchmarks.workspace import Offer, database_connection, make_catalog
from tests.servers.postgres import PostgresServer

TITLE = "How cost grows"
SOURCES = 8
VIEWS = 20
SITE_ROWS = 1_000


@dataclass(slots=True)
class Curve:
    """One plot: `lines` of values over `points`. `base` None: a linear axis, else its logarithm's base."""

    name: str
    across: str
    up: str
    points: list[int]
    lines: dict[str, list[float]]
    base: int | None = None
    log_up: bool = False


def run(rig: Rig) -> Report:
    """Four tables, four plots."""
    # All clients have one key, which by default may have 25 requests waiting.
    server = rig.serving(lambda data: _catalog(rig, data), VIEWLOOM_CONNECTION_QUEUE_SHARE="100")
    curves = [rows(rig, server), sources(rig, server), views(rig, server), clients(rig, server)]
    server.close()
    made = Report("growth", TITLE)
    made.say(
        "*Rows*: `readings` (5 columns that PostgreSQL makes on the way) as OData JSON, `$top` of so many. "
        f"*Sources*: so many databases with {SITE_ROWS:,} rows each, a connection each, joined by their key into "
        f"one answer of {SITE_ROWS:,} rows; one client, warm, median. *Views*: so many views, each a filter upon "
        "the one below, over `orders`, 20 rows of the topmost one; *planning*: by the server's own "
        "`Server-Timing`, of questions that no plan was kept for, medians; *answer*: when there is one. *Clients*: "
        "that many at once with one API key, whose share of the queue is set to all of it; each asks for an order by "
        "its key, one after another. "
        "[Performance](../../docs/explanation/performance.md) shows the plots and tells what bends the curves."
    )
    for curve in curves:
        made.table(
            [curve.across, *curve.lines],
            [
                [f"{point:,}", *(number(values[at]) for values in curve.lines.values())]
                for at, point in enumerate(curve.points)
            ],
        )
        if rig.pictures is not None:
            plot(curve, rig.pictures / f"growth-{curve.name}.png")
    return made


def number(value: float) -> str:
    """With as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _catalog(rig: Rig, data: Path) -> tuple[str, ...]:
    connections = [database_connection("erp", "postgres", rig.orders, data)]
    offers = [Offer(*offer) for offer in orders.OFFERS]
    for number_ in range(1, SOURCES + 1):
        connections.append(database_connection(f"site{number_}", "postgres", _site(rig, number_), data))
        offers.append(Offer(f"sites_{number_}", _joined(number_)))
    for depth in range(1, VIEWS + 1):
        below = "erp.public.orders" if depth == 1 else f"level_{depth - 1}"
        offers.append(Offer(f"level_{depth}", f"SELECT {orders.COLUMNS} FROM {below} WHERE quantity > {depth}"))
    return make_catalog(data, connections, offers)


def _site(rig: Rig, number_: int) -> PostgresServer:
    database = rig.postgres.new_database(f"site{number_}")
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE lots (id int PRIMARY KEY, grams numeric(10,2) NOT NULL, state text NOT NULL)"
        )
        connection.execute(
            "INSERT INTO lots SELECT g, g * 1.5, 's' || g %% 7 FROM generate_series(1, %(rows)s) g",
            {"rows": SITE_ROWS},
        )
        connection.execute("ANALYZE lots")
    return database


def _joined(count: int) -> str:
    shown = ", ".join(["t1.id", *(f"t{n}.grams AS grams_{n}" for n in range(1, count + 1))])
    joins = " ".join(f"JOIN site{n}.public.lots AS t{n} ON t{n}.id = t1.id" for n in range(2, count + 1))
    return f"SELECT {shown} FROM site1.public.lots AS t1 {joins}"


def rows(rig: Rig, server: RunningServer) -> Curve:
    """Seconds of one answer, from 10⁴ rows on."""
    points = [
        n for n in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000) if n <= rig.streamed_rows
    ]
    read_all(server, "/odata/bench/readings?$top=5000")
    first, whole, rate = [], [], []
    for point in points:
        sample = read_all(server, f"/odata/bench/readings?$top={point}")
        first.append(sample["first"])
        whole.append(sample["seconds"])
        rate.append(sample["rows"] / sample["seconds"])
        progress(f"{point:,} rows: {sample['seconds']:.2f} s")
    lines = {"whole answer, s": whole, "first byte, s": first, "rows/s": rate}
    return Curve("rows", "rows", "seconds", points, lines, base=10, log_up=True)


def sources(rig: Rig, server: RunningServer) -> Curve:
    """Milliseconds of a join of one to eight sources."""
    seconds = 1.0 if rig.quick else 3.0
    points = list(range(1, SOURCES + 1))
    samples = [http_lookups(server, [f"/odata/bench/sites_{point}"], 1, seconds) for point in points]
    progress(f"{SOURCES} sources: {ms(samples[-1]['p50'])} ms")
    return Curve("sources", "sources", "ms", points, {"answer, ms": [s["p50"] * 1000 for s in samples]})


def views(rig: Rig, server: RunningServer) -> Curve:
    """Milliseconds of planning, and of an answer whose plan is kept."""
    seconds = 1.0 if rig.quick else 2.0
    points = [1, 2, 5, 10, 15, VIEWS]
    planning, warm = [], []
    for point in points:
        # Every choice of columns is a question of its own, which no plan was kept for.
        chosen = [",".join(pair) for pair in combinations(orders.COLUMNS.split(", ")[:7], 2)]
        asked = [_planned(server, f"/odata/bench/level_{point}?$top=20&$select={columns}") for columns in chosen]
        planning.append(quantile(sorted(asked), 0.5))
        sample = http_lookups(server, [f"/odata/bench/level_{point}?$top=20"], 1, seconds)
        warm.append(sample["p50"] * 1000)
    progress(f"{VIEWS} views: planned in {planning[-1]:.0f} ms, answered in {warm[-1]:.1f} ms")
    return Curve("views", "views", "ms", points, {"planning, ms": planning, "answer, ms": warm})


def _planned(server: RunningServer, path: str) -> float:
    """Milliseconds of planning, as the server tells them."""
    timing = server.header(path, "server-timing")
    return float(timing.partition("plan;dur=")[2].partition(",")[0])


def clients(rig: Rig, server: RunningServer) -> Curve:
    """Requests per second and latencies of 1 to 64 clients."""
    seconds = 1.0 if rig.quick else 4.0
    points = [1, 2, 4, 8, 16, 32, 64]
    paths = [f"/odata/bench/orders({n})" for n in Random(4).sample(range(1, rig.rows + 1), 5_000)]
    http_lookups(server, paths, 8, 3.0)
    time.sleep(2.0)
    samples = [http_lookups(server, paths, point, seconds) for point in points]
    progress(f"{points[-1]} clients: {samples[-1]['rate']:,.0f}/s")
    lines = {
        "p50, ms": [s["p50"] * 1000 for s in samples],
        "p99, ms": [s["p99"] * 1000 for s in samples],
        "requests/s": [s["rate"] for s in samples],
    }
    return Curve("clients", "clients", "ms", points, lines, base=2, log_up=True)


def plot(curve: Curve, path: Path) -> None:
    """A small PNG; what counts per second has an axis of its own on the right."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.2), dpi=100, layout="constrained")
    left = {name: values for name, values in curve.lines.items() if not name.endswith("/s")}
    right = {name: values for name, values in curve.lines.items() if name.endswith("/s")}
    drawn = _draw(axes, curve.points, left, 0)
    axes.set_xlabel(curve.across)
    axes.set_ylabel(curve.up)
    if curve.base:
        axes.set_xscale("log", base=curve.base)
    if curve.base != 10:
        axes.set_xticks(curve.points, [str(point) for point in curve.points])
    if curve.log_up:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    if right:
        other = axes.twinx()
        drawn += _draw(other, curve.points, right, len(left))
        other.set_ylabel(next(iter(right)))
        other.set_ylim(bottom=0)
        other.spines[["top", "left"]].set_visible(False)
    axes.legend(handles=drawn, frameon=False)
    figure.savefig(path)
    pyplot.close(figure)


def _draw(axes: object, points: Sequence[int], lines: dict[str, list[float]], colour: int) -> list[object]:
    return [
        axes.plot(points, values, marker="o", markersize=3, color=f"C{colour + at}", label=name)[0]  # type: ignore[attr-defined]
        for at, (name, values) in enumerate(lines.items())
    ]

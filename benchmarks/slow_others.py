"""Key lookups while sixteen other clients take large answers at a thousand bytes per second."""

from __future__ import annotations

from random import Random

from benchmarks.key_lookup import http_lookups
from benchmarks.measure import ending, finish_child, middle, progress, start_child
from benchmarks.processes import settle
from benchmarks.report import Aim, Report, ms, times
from benchmarks.rig import Rig

TITLE = "Key lookups beside sixteen slow clients"
SLOW_CLIENTS = 16
RATE = 1_000
Sample = dict[str, float]


def run(rig: Rig) -> Report:
    """p99 of key lookups: alone, while the slow clients' read-ahead fills, and after."""
    seconds = 3.0 if rig.quick else 15.0
    rounds = 1 if rig.quick else 3
    server = rig.viewloom()
    paths = [f"/odata/bench/orders({number})" for number in Random(2).sample(range(1, rig.rows + 1), 5_000)]
    found: dict[str, list[Sample]] = {"alone": [], "filling": [], "slow clients": []}
    slow: list[dict[str, float]] = []
    for number in range(rounds):
        alone = found["alone"]
        alone.append(http_lookups(server, paths, 1, seconds))
        order = {
            "port": server.port,
            "path": "/odata/bench/readings",
            "headers": server.headers(reader=1),
            "clients": SLOW_CLIENTS,
            "rate": RATE,
        }
        with ending(start_child("benchmarks.slow_readers", order)) as child:
            found["filling"].append(http_lookups(server, paths, 1, seconds, warm_up=0.0, may_refuse=True))
            settle(server)
            found["slow clients"].append(http_lookups(server, paths, 1, seconds, may_refuse=True))
            slow.append(finish_child(child))
        settle(server)
        alone.append(http_lookups(server, paths, 1, seconds))
        shown = ", ".join(f"{name} p99 {ms(samples[-1]['p99'])} ms" for name, samples in found.items())
        progress(f"round {number + 1} of {rounds}: {shown}; slow clients {slow[-1]}")
    server.close()
    return report(found, slow, rig, seconds)


def report(found: dict[str, list[Sample]], slow: list[dict[str, float]], rig: Rig, seconds: float) -> Report:
    """The table and the aim."""
    made = Report("slow_others", TITLE)
    last = slow[-1]
    made.say(
        f"One client asks for orders by key, one after another, {seconds:.0f} s each time; {SLOW_CLIENTS} others "
        f"read `/odata/bench/readings` ({rig.streamed_rows:,} rows) at {RATE:,} bytes/s each, with the server's "
        "default settings and a key of their own; a refused one asks again after a second. *Filling*: from the "
        "moment when they ask, while workers start and read ahead for them at the pace that the server allows. "
        "*Slow clients*: when the read-aheads are full. "
        f"In the last round {last['open']:.0f} of the {SLOW_CLIENTS} were being answered at the end, "
        f"{last['refused']:.0f} requests had been refused and {last['ended']:.0f} answers cut. Medians of "
        f"{len(slow)} rounds."
    )
    alone = {name: middle(found["alone"], lambda s, name=name: s[name]) for name in ("p50", "p99")}  # type: ignore[misc]
    rows, ratios = [], {}
    for what, samples in found.items():
        p50, p99 = middle(samples, lambda s: s["p50"]), middle(samples, lambda s: s["p99"])
        ratios[what] = p99 / alone["p99"]
        worst = max(sample["p99"] for sample in samples)
        rate = middle(samples, lambda s: s["rate"])
        numbers = [ms(p50), ms(p99), ms(worst), f"{rate:,.0f}", f"{sum(s['refused'] for s in samples):.0f}"]
        rows.append([what, *numbers, times(p50 / alone["p50"]), times(ratios[what])])
    heads = ["", "p50 ms", "p99 ms", "worst p99 ms", "requests/s", "refused", "p50 ÷ alone", "p99 ÷ alone"]
    made.table(heads, rows)
    for what, words in (("filling", "while their read-aheads fill"), ("slow clients", "when those are full")):
        ratio = ratios[what]
        made.aims.append(Aim(f"p99 beside slow clients ≤ 2 × alone, {words}", times(ratio), ratio <= 2))
    return made

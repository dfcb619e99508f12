"""Key lookups of many tenants on eight workers, beside one tenant's: what it costs that no worker is shared."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from random import Random

from benchmarks.key_lookup import Sample, http_lookups
from benchmarks.measure import progress
from benchmarks.report import Aim, Report, ms, times
from benchmarks.rig import Rig
from benchmarks.workspace import Offer, database_connection, make_workspace
from server.settings import Settings
from server.state import open_state

TITLE = "Key lookups of fifty tenants on eight workers"
CLIENTS = 8
SETTINGS = Settings()


def run(rig: Rig) -> Report:
    """p50 and p99 for one tenant, for as many as workers are given to, and for all."""
    count, seconds = (10, 4.0) if rig.quick else (50, 25.0)
    names = [f"tenant-{number:02}" for number in range(1, count + 1)]

    def make(data: Path) -> tuple[str, ...]:
        keys = []
        with closing(open_state(Settings(data_directory=data), spare_workers=2)) as state:
            for name in names:
                connection = database_connection("erp", "postgres", rig.orders, data)
                offers = [Offer("orders", "SELECT * FROM erp.public.orders")]
                scope = make_workspace(state, [connection], offers, tenant=name)
                keys.append(state.store.workspace(scope).issue_key("reader")[1])
                progress(f"{name} is there")
        return tuple(keys)

    server = rig.serving(make)
    numbers = Random(3).sample(range(1, rig.rows + 1), 4_000)
    found: dict[int, Sample] = {}
    for tenants in sorted({1, SETTINGS.workers - SETTINGS.spare_workers, count}):
        paths = [f"/odata/bench/orders({number})" for number in numbers]
        keys = list(server.keys[:tenants])
        http_lookups(server, paths, CLIENTS, 4.0, keys=keys, may_refuse=True)
        found[tenants] = http_lookups(server, paths, CLIENTS, seconds, keys=keys, may_refuse=True)
        progress(f"{tenants} tenants: {found[tenants]}")
    server.close()
    return report(found, seconds)


def report(found: dict[int, Sample], seconds: float) -> Report:
    """The table; no aim: the figure is what the pool's settings make of it."""
    made = Report("tenants", TITLE)
    made.say(
        f"{CLIENTS} clients at once ask for orders by key, each request for another tenant, in no order: the worst "
        f"that can be asked of a pool whose workers serve one tenant each. {seconds:.0f} s each, after 4 s to begin "
        f"with. The server's defaults: `VIEWLOOM_WORKERS` {SETTINGS.workers}, of which `VIEWLOOM_SPARE_WORKERS` "
        f"{SETTINGS.spare_workers} are kept ready for whoever comes; a tenant that finds none of its own gets a "
        "spare one, or waits until the longest unused worker of another has ended and a new one is forked; "
        f"`VIEWLOOM_QUEUE_TIMEOUT` {SETTINGS.queue_timeout:.0f} s."
    )
    one = found[1]
    rows = [
        [f"{tenants} tenants", ms(s["p50"]), ms(s["p99"]), f"{s['rate']:,.1f}", f"{s['refused']:.0f}",
         times(s["p50"] / one["p50"]), times(s["p99"] / one["p99"])]
        for tenants, s in found.items()
    ]  # fmt: skip
    heads = ["", "p50 ms", "p99 ms", "requests/s", "refused", "p50 ÷ one tenant", "p99 ÷ one tenant"]
    made.table(heads, rows)
    for tenants, sample in found.items():
        if tenants > 1:
            ratio = times(sample["p99"] / one["p99"])
            made.aims.append(Aim(f"p99 of {tenants} tenants beside one", f"{ms(sample['p99'])} ms, {ratio}", None))
    return made

"""How long the largest legal SQL texts take to parse and to plan, beside a usual one (law 5: at most 250 ms)."""

from __future__ import annotations

import statistics
import time

from benchmarks.report import Aim, Report, ms
from benchmarks.rig import Rig
from engine.parse import parse_query
from engine.planner import plan_query
from engine.query import Query
from tests.engine.largest_texts import SHAPES, largest, wide_workspace

AIM_SECONDS = 0.25
USUAL = (
    "SELECT a.c0, b.t1, sum(a.c2) AS total FROM erp.t0 AS a JOIN mes.t1 AS b ON b.c0 = a.c1 "
    "WHERE a.c3 > 5 AND b.t2 = 'x' GROUP BY a.c0, b.t1 ORDER BY total DESC LIMIT 20"
)


def run(rig: Rig) -> Report:
    """CPU time of this thread; the median of 5."""
    catalog = wide_workspace()
    report = Report("planning", "Planning the largest legal SQL texts")
    rows, slowest = [], 0.0
    for shape, text in [("a usual query", USUAL), *((shape, largest(shape)) for shape in SHAPES)]:
        parsing, planning = [], []
        for _ in range(1 if rig.quick else 5):
            began = time.thread_time()
            tree = parse_query(text)
            parsed = time.thread_time()
            plan_query(Query(tree, ()), catalog, workspace_names=True)
            parsing.append(parsed - began)
            planning.append(time.thread_time() - parsed)
        slowest = max(slowest, statistics.median(planning))
        rows.append((shape, f"{len(text):,}", ms(statistics.median(parsing)), ms(statistics.median(planning))))
    report.say("Milliseconds of CPU; plans are cached by shape, so that a repeated query takes neither.")
    report.table(("text", "bytes", "parse", "plan"), rows)
    wanted = f"the slowest legal text is planned within {ms(AIM_SECONDS)} ms"
    report.aims.append(Aim(wanted, f"{ms(slowest)} ms", slowest <= AIM_SECONDS))
    return report

"""How long planning takes anew: usual queries by stage, the largest legal SQL texts (law 5: at most 250 ms)."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

from benchmarks.report import Aim, Report, ms
from benchmarks.rig import Rig
from benchmarks.tpch.queries import QUERIES, query
from catalog.records import WorkspaceCatalog
from engine.engine import prepared_plan
from engine.parse import parse_query
from engine.planner import plan_resolved
from engine.query import Parameter, Query
from engine.resolve import resolve_publications, resolve_workspace
from engine.statement_shape import statement_shape
from engine.trees import copied, nodes
from tests.engine.largest_texts import SHAPES, largest, wide_workspace
from tests.engine.workspace import with_views

AIM_SECONDS = 0.25
USUAL = (
    "SELECT a.c0, b.t1, sum(a.c2) AS total FROM erp.t0 AS a JOIN mes.t1 AS b ON b.c0 = a.c1 "
    "WHERE a.c3 > 5 AND b.t2 = 'x' GROUP BY a.c0, b.t1 ORDER BY total DESC LIMIT 20"
)
DEPTHS = (1, 2, 5, 10, 20)
COLUMNS = "c0, c1, c2, c3, c4, c5, t0, t1, t2"
# As OData asks a publication for some of its columns, filtered and by pages.
PAGE = "SELECT c0, t1 FROM pub_level_{} WHERE c0 > $1 AND t0 = $2 ORDER BY c0 NULLS FIRST LIMIT 21"
PARAMETERS = (Parameter("BIGINT", 5), Parameter("VARCHAR", "x"))
STAGES = ("parse", "resolve", "rules", "statement")


def run(rig: Rig) -> Report:
    """CPU time of this thread; medians."""
    times = 1 if rig.quick else 9
    report = Report("planning", "Planning a query anew")
    report.say(
        "Milliseconds of CPU, medians; plans are cached by shape, so that a repeated query takes none of it. "
        f"*A page*: of a publication whose view filters {COLUMNS.count(',') + 1} columns of so many views like it. "
        "*Statement*: DuckDB's, and the caller's own for the run's record. *By parse*: everything by parsing alone, "
        "the least that planning could take."
    )
    plain, stacked = wide_workspace(), _stacked()
    asked: list[tuple[str, str, WorkspaceCatalog, bool]] = [("join of two sources", USUAL, plain, True)]
    asked += [(f"a page, {depth} views deep", PAGE.format(depth), stacked, False) for depth in DEPTHS]
    rows = []
    for name, text, catalog, workspace_names in asked:
        spent = [_stages(text, catalog, workspace_names) for _ in range(times)]
        medians = [statistics.median(one[at] for one in spent) for at in range(len(STAGES))]
        rows.append((name, *map(ms, medians), ms(sum(medians)), f"{sum(medians) / medians[0]:.1f}"))
    report.table(("query", *STAGES, "all", "by parse"), rows)
    slowest = _largest(report, plain, 1 if rig.quick else 5)
    _trees(report)
    wanted = f"the slowest legal text is planned within {ms(AIM_SECONDS)} ms"
    report.aims.append(Aim(wanted, f"{ms(slowest)} ms", slowest <= AIM_SECONDS))
    return report


def _stacked() -> WorkspaceCatalog:
    """Views upon views, each a filter of the one below."""
    texts = {}
    for depth in range(1, max(DEPTHS) + 1):
        below = f"level_{depth - 1}" if depth > 1 else "erp.t0"
        texts[f"level_{depth}"] = f"SELECT {COLUMNS} FROM {below} WHERE c1 > {depth}"
    return with_views(wide_workspace(), texts)


def _stages(text: str, catalog: WorkspaceCatalog, workspace_names: bool) -> list[float]:
    """Seconds of each stage."""
    marks = [time.thread_time()]
    tree = parse_query(text)
    asked = Query(tree, () if workspace_names else PARAMETERS)
    marks.append(time.thread_time())
    resolved = resolve_workspace(tree, catalog) if workspace_names else resolve_publications(tree, catalog)
    marks.append(time.thread_time())
    plan = plan_resolved(resolved, tuple(p.sql_type for p in asked.parameters))
    marks.append(time.thread_time())
    prepared_plan(plan)
    statement_shape(tree)
    marks.append(time.thread_time())
    return [after - before for before, after in itertools.pairwise(marks)]


def _largest(report: Report, catalog: WorkspaceCatalog, times: int) -> float:
    """A table of the largest texts; how long the slowest takes from tree to plan."""
    rows, slowest = [], 0.0
    for shape in SHAPES:
        text = largest(shape)
        spent = [_stages(text, catalog, True) for _ in range(times)]
        medians = [statistics.median(one[at] for one in spent) for at in range(len(STAGES))]
        plan = medians[1] + medians[2]
        slowest = max(slowest, plan)
        rows.append((shape, f"{len(text):,}", ms(medians[0]), ms(plan), ms(medians[3])))
    report.say("The largest legal texts:")
    report.table(("text", "bytes", "parse", "plan", "statement"), rows)
    return slowest


def _trees(report: Report) -> None:
    """What `engine.trees` spares, over the trees of TPC-H."""
    trees = [parse_query(query(number, 1)) for number in QUERIES]
    pairs: tuple[tuple[str, Callable[[], object], Callable[[], object]], ...] = (
        ("copies", lambda: [copied(tree) for tree in trees], lambda: [tree.copy() for tree in trees]),
        ("lists of nodes", lambda: [nodes(tree) for tree in trees], lambda: [list(tree.walk()) for tree in trees]),
    )
    rows = []
    for name, ours, theirs in pairs:
        mine, its = (min(_seconds(made) for _ in range(9)) for made in (ours, theirs))
        rows.append((name, ms(mine), ms(its), f"{mine / its:.2f}"))
    report.say("Copies and lists of nodes of the 22 trees of TPC-H, by `engine/trees.py` and by sqlglot:")
    report.table(("of 22 trees", "ours", "sqlglot's", "share"), rows)


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began

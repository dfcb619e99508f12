"""EXPLAIN of a query: its plan, what each connector sends, and with `analyze` what a run of it costs."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import cast

from catalog.scope import Scope
from engine.encoders.encoding import Encoding, Format
from engine.engine import prepared_plan
from engine.explain import (
    Explanation,
    NativeStatement,
    Step,
    explain_plan,
    step,
    with_run,
    with_statements,
    without_values,
)
from engine.parse import parse_query
from engine.plan import Plan
from engine.planner import plan_query
from engine.query import Query
from server.operations.access import require_admin
from server.operations.collect import Discarded
from server.operations.preview import workspace_select
from server.operations.windows import reading_sources
from server.state import ServerState

STATEMENTS_SECONDS = 30.0
ANALYZE_SECONDS = 600.0


def explain(
    state: ServerState,
    scope: Scope,
    text: str,
    *,
    workspace_names: bool = False,
    analyze: bool = False,
    verbose: bool = False,
) -> Explanation:
    """How a SELECT over publications runs. `verbose`: with the scans after each rule.

    A reader sees the statement with `?` for every value: those of the views are not his to see.
    `workspace_names`: it names views and tables of connections instead (admins only), or is the name of one.
    """
    if workspace_names:
        require_admin(scope)
    catalog = state.store.workspace(scope).read()
    select = workspace_select(text, catalog) if workspace_names else parse_query(text)
    query = Query(select)
    readable = frozenset(p.name for p in catalog.publications.values() if scope.may_read(p.name))
    steps: list[Step] = []

    def observe(rule: str, plan: Plan) -> None:
        steps.append(step(rule, plan))

    plan = plan_query(query, catalog, readable, workspace_names=workspace_names, observe=observe)
    explanation = explain_plan(plan, steps if verbose else (), expectations=scope.is_admin)
    names = tuple(plan.select.named_selects)
    job = state.engine.run_job(
        prepared_plan(plan), query, catalog, Encoding(Format.NDJSON, names), secrets.token_hex(12)
    )
    if plan.scans:
        told = state.engine.run(replace(job, kind="explain"), scope.tenant, timeout=STATEMENTS_SECONDS)
        found = cast("list[dict[str, str | None]]", told["statements"])
        statements = {str(one["scan"]): NativeStatement(one["text"], str(one["problem"])) for one in found}
        explanation = with_statements(explanation, statements)
    if analyze:
        started = time.monotonic()
        with reading_sources(catalog, plan):
            result = state.engine.run(job, scope.tenant, Discarded(), timeout=ANALYZE_SECONDS)
        explanation = with_run(explanation, result, time.monotonic() - started)
    return explanation if scope.is_admin else without_values(explanation)

"""Looking at rows, plans and runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic.dataclasses import dataclass

from catalog.errors import NotFoundError
from catalog.records import RunRecord
from engine.explain import Explanation, explanation_text
from server.admin.access import Admin, Reader
from server.admin.bodies import ExplainBody, PreviewBody
from server.operations.explain import explain
from server.operations.preview import preview
from server.state import ServerState

MAX_RUNS = 1_000


@dataclass(frozen=True)
class PreviewColumn:
    """A column of a preview."""

    name: str
    sql_type: str


@dataclass(frozen=True)
class PreviewRows:
    """The first rows; they are kept nowhere."""

    columns: list[PreviewColumn]
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class ExplanationAnswer:
    """The plan as data, and as text for people."""

    text: str
    plan: Explanation


def query_routes(state: ServerState) -> APIRouter:
    """`/preview`, `/explain`, `/runs`."""
    router = APIRouter()

    @router.post("/preview", tags=["queries"], summary="At most 100 rows of a SELECT, a view or a table")
    def post_preview(scope: Admin, body: PreviewBody) -> PreviewRows:
        found = preview(state, scope, body.sql, body.limit)
        return PreviewRows([PreviewColumn(*column) for column in found.columns], [dict(row) for row in found.rows])

    @router.post("/explain", tags=["queries"], summary="How a query runs: what each source is asked for, and why")
    def post_explain(scope: Reader, body: ExplainBody) -> ExplanationAnswer:
        """For readers over publications that they may read; for admins over views and tables too."""
        found = explain(
            state,
            scope,
            body.sql,
            workspace_names=body.workspace_names,
            analyze=body.analyze,
            verbose=body.verbose,
        )
        return ExplanationAnswer(explanation_text(found), found)

    @router.get("/runs", tags=["runs"], summary="The newest runs first")
    def list_runs(
        scope: Reader,
        limit: Annotated[int, Query(ge=1, le=MAX_RUNS)] = 100,
        before: Annotated[datetime | None, Query(description="Only runs that started earlier.")] = None,
        status: str | None = None,
    ) -> list[RunRecord]:
        """An admin sees all runs, anybody else their own."""
        principal = None if scope.is_admin else scope.principal
        return list(state.store.workspace(scope).list_runs(limit, before, status, principal))

    @router.get("/runs/{run_id}", tags=["runs"], summary="One run: what it asked of the sources, and what it cost")
    def get_run(scope: Reader, run_id: str) -> RunRecord:
        """For an admin, and for who ran it; to everybody else it looks like one that never was."""
        run = state.store.workspace(scope).get_run(run_id)
        if not scope.is_admin and run.principal != scope.principal:
            raise NotFoundError("run", run_id)
        return run

    return router

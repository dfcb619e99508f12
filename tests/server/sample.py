"""A small workspace for tests of the protocols: a catalog in memory and the same rows in plain DuckDB."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.records import PROTOCOLS, Limits, Publication, View, ViewColumn, WorkspaceCatalog
from catalog.scope import Scope
from server.answer import RequestContext

ORDER_COLUMNS = (
    ViewColumn("order_id", "BIGINT", nullable=False, comment='The number on the <paper> & "label"'),
    ViewColumn("customer", "VARCHAR"),
    ViewColumn("total", "DECIMAL(12,2)"),
    ViewColumn("ratio", "DOUBLE"),
    ViewColumn("late", "BOOLEAN"),
    ViewColumn("day", "DATE"),
    ViewColumn("shift_start", "TIME"),
    ViewColumn("created", "TIMESTAMP"),
    ViewColumn("seen", "TIMESTAMP WITH TIME ZONE"),
    ViewColumn("lot", "UUID"),
    ViewColumn("photo", "BLOB"),
    ViewColumn("tags", "VARCHAR[]"),
    ViewColumn("net weight [kg]", "FLOAT"),
    ViewColumn("order", "INTEGER"),
    ViewColumn('2nd "name"', "VARCHAR"),
    ViewColumn("Größe", "UINTEGER"),
    ViewColumn("_x0020_", "UBIGINT"),
)


def view(name: str, columns: Iterable[ViewColumn], comment: str = "") -> View:
    """A view's first version; its SQL is never run here."""
    return View(name, 1, "SELECT 1", "SELECT 1", tuple(columns), comment=comment)


def publication(
    name: str,
    view_name: str,
    key: tuple[str, ...] = (),
    protocols: Iterable[str] = PROTOCOLS,
    limits: Limits | None = None,
    comment: str = "",
) -> Publication:
    """A publication of a view's first version."""
    return Publication(
        name,
        view_name,
        {view_name: 1},
        key,
        "declared" if key else None,
        frozenset(protocols),
        limits or Limits(),
        comment,
    )


def context(
    publications: Iterable[Publication],
    views: Iterable[View],
    *,
    may_read: frozenset[str] | None = None,
    base_url: str = "https://data.example",
    protocol: str = "rest",
) -> RequestContext:
    """A request in the workspace `plant`."""
    found = tuple(views)
    catalog = WorkspaceCatalog(
        "acme",
        "plant",
        1,
        views={(v.name.lower(), v.version): v for v in found},
        latest={v.name.lower(): v.version for v in found},
        publications={p.name.lower(): p for p in publications},
    )
    return RequestContext(
        Scope("acme", "plant", "reader", publications=may_read), catalog, base_url, "run-1", protocol
    )


def orders_context(**options: object) -> RequestContext:
    """One publication `Orders`, with every column type and awkward names, and the key `order_id`."""
    limits = options.pop("limits", None)
    return context(
        [publication("Orders", "v_orders", ("order_id",), limits=limits, comment="All orders")],  # type: ignore[arg-type]
        [view("v_orders", ORDER_COLUMNS)],
        **options,  # type: ignore[arg-type]
    )

"""Query → plan: resolve, optimize, and what a run must know of its size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlglot import exp

from catalog.records import WorkspaceCatalog
from connectors.sdk import Comparison, Op, Table
from connectors.sdk.scan import comparisons
from engine.clock import CLOCK_TYPES, bind_clock
from engine.direct import is_few, plain_columns
from engine.errors import ParameterValueError, SourceError
from engine.estimates import with_expected_rows
from engine.optimizer import RULES, Rule, optimize
from engine.plan import Plan, with_fragments
from engine.query import Query, parameter_index
from engine.resolve import Resolved, resolve_publications, resolve_workspace
from engine.scans import Scan
from engine.trees import copied, nodes_of

SMALL_ROWS = 1_000


def plan_query(
    query: Query,
    catalog: WorkspaceCatalog,
    readable: frozenset[str] | None = None,
    *,
    workspace_names: bool = False,
    rules: tuple[Rule, ...] = RULES,
    observe: Callable[[str, Plan], None] | None = None,
) -> Plan:
    """The plan of a query over publications that the principal may read (`readable`; None: all).

    `workspace_names`: the query names views and tables instead (a view's own text, an administrator's preview).
    Pure: reads nothing but its arguments. Raises the QueryErrors of resolving.
    """
    _check_parameters(query)
    resolved = (
        resolve_workspace(query.select, catalog)
        if workspace_names
        else resolve_publications(query.select, catalog, readable)
    )
    return plan_resolved(resolved, tuple(p.sql_type for p in query.parameters), rules, observe)


def plan_resolved(
    resolved: Resolved,
    parameter_types: tuple[str, ...] = (),
    rules: tuple[Rule, ...] = RULES,
    observe: Callable[[str, Plan], None] | None = None,
) -> Plan:
    """The plan of a resolved query."""
    select = bind_clock(resolved.select, len(parameter_types))
    plan = Plan(select, resolved.scans, (*parameter_types, *CLOCK_TYPES), resolved.publications)
    plan = optimize(plan, resolved.tables, rules, observe)
    tables = with_fragments(plan, resolved.tables)
    plan = plan.with_scans(with_expected_rows(plan.scans, tables))
    for scan in plan.scans:
        _check_required_filters(scan, tables[scan.id], rules)
    small = bool(plan.scans) and all(_is_small(scan, tables[scan.id]) for scan in plan.scans)
    plain = plain_columns(plan, tables) if rules else None
    return replace(plan, small=small, plain=plain, few=plain is not None and is_few(plan, tables))


def _check_parameters(query: Query) -> None:
    """Numbers behind the caller's own would reach the run's clock."""
    for node in nodes_of(query.select, exp.Placeholder):
        index = parameter_index(node)
        if index is None or not 0 <= index < len(query.parameters):
            raise ParameterValueError(
                f"${node.this} has no value", hint=f"{len(query.parameters)} parameters were given"
            )


def _check_required_filters(scan: Scan, table: Table, rules: tuple[Rule, ...]) -> None:
    """Say before the source is touched that it can't be read without certain filters."""
    given = {c.column for p in scan.predicates if isinstance(p, Comparison) and p.op in (Op.EQ, Op.IN) for c in [p]}
    missing = [name for name in table.required_filters if name not in given]
    if missing and rules:
        raise SourceError(
            f"table {scan.connection}.{scan.table} can't be read without a filter on {', '.join(missing)}",
            connection=scan.connection,
            source_code="required_filter",
            hint=f"add a condition such as {missing[0]} = … to the query or the view",
            details={"columns": missing},
        )


def _is_small(scan: Scan, table: Table) -> bool:
    if scan.fragment is not None:
        return scan.fragment.rows_read is not None and scan.fragment.rows_read <= SMALL_ROWS
    if scan.limit is not None and scan.limit <= SMALL_ROWS:
        return True
    if table.row_estimate is not None and table.row_estimate <= SMALL_ROWS:
        return True
    fixed = {c.column for p in scan.predicates if isinstance(p, Comparison) for c in comparisons(p) if c.op is Op.EQ}
    return any(set(key) <= fixed for key in table.keys)


def duckdb_sql(plan: Plan, select: exp.Query | None = None) -> str:
    """The statement that a worker's DuckDB runs: the tree's own SQL, scans that need it wrapped in casts.

    `select`: a copy of the plan's tree to write in its place; it is used up.
    """
    select = select or copied(plan.select)
    casts: Mapping[str, Scan] = {
        scan.id: scan for scan in plan.scans if any(c.sql_type == "UUID" for c in scan.columns)
    }
    for table in nodes_of(select, exp.Table) if casts else ():
        scan = casts.get(table.name)
        if scan is not None and not table.args.get("db"):
            columns = [
                exp.alias_(
                    exp.cast(exp.column(c.name, quoted=True), "UUID", dialect="duckdb")
                    if c.sql_type == "UUID"
                    else exp.column(c.name, quoted=True),
                    c.name,
                    quoted=True,
                )
                for c in scan.columns
            ]
            inner = exp.select(*columns).from_(exp.to_identifier(scan.id, quoted=True))
            table.replace(exp.Subquery(this=inner, alias=table.args.get("alias"), pivots=table.args.get("pivots")))
    uses = Counter(table.name for table in nodes_of(select, exp.Table))
    for cte in nodes_of(select, exp.CTE):
        # A stream can be read once: a CTE that is used twice must not be inlined into two readings.
        if uses[cte.alias] > 1 and cte.args.get("materialized") is None and not _recursive(cte):
            cte.set("materialized", True)
    return select.sql(dialect="duckdb", copy=False)


def _recursive(cte: exp.CTE) -> bool:
    return isinstance(cte.parent, exp.With) and bool(cte.parent.args.get("recursive"))

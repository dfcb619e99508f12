"""Pushdown contracts: what a view's author says must hold of its plans, as remarks in the view's SQL.

    -- contract: a filter on order_date reaches erp
    -- contract: a range on order_date reaches erp.orders
    -- contract: at most 10,000 rows fetched from erp for a lookup by order_id
    -- contract: at most 500 rows fetched

Each is proven by planning the view with that filter over the schemas and statistics as they are known now; no source
is read. A filter reaches a connection when at least one of its scans gets it, and a table when all scans of it do.
Rows fetched are the planner's own estimate: a key or a limit bounds it, else the tables' sizes do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import TokenError

from catalog.records import View, WorkspaceCatalog
from connectors.sdk.scan import comparisons
from engine.errors import EngineError, QueryError, SqlSyntaxError
from engine.parse import Sql
from engine.plan import Plan
from engine.planner import plan_query
from engine.query import Parameter, Query, parameter
from engine.scans import Param, Scan, tables_of

LINE = re.compile(r"(?im)^[ \t]*--[ \t]*contract[ \t]*:(.*)$")
_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d]\w*)'
_FILTER = re.compile(rf"(?i)a (filter|range) on ({_NAME}) reaches ({_NAME})(?:\.(\S.*))?")
_ROWS = re.compile(
    rf"(?i)at most (\d[\d,_]*) rows? fetched(?: from ({_NAME}))?(?: for a lookup by ({_NAME}(?: ?, ?{_NAME})*))?"
)
FORMS = (
    "contracts read: a filter on COLUMN reaches CONNECTION; a range on COLUMN reaches CONNECTION.TABLE; "
    "at most N rows fetched [from CONNECTION] [for a lookup by COLUMN, …]"
)


@dataclass(frozen=True, slots=True)
class Contract:
    """One promise. `line`: in the view's SQL, from 1. `comparison`: `filter` (=), `range` (>= and <) or `lookup`.
    `connection`: that the filter reaches, or whose rows count ("" : all). `most`: rows, None for a filter."""

    text: str
    line: int
    comparison: str
    columns: tuple[str, ...] = ()
    connection: str = ""
    table: str = ""
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a contract: `problem` is "" when it holds; `plan` is the one that it was proven with."""

    view: str
    contract: Contract
    problem: str = ""
    plan: Plan | None = None


def contracts_in(sql: str) -> tuple[Contract, ...]:
    """The contracts in a view's SQL. Raises SqlSyntaxError, with the line, for one of no known form."""
    return tuple(_contract(text.strip(), line) for line, text in _remarks(sql))


def _remarks(sql: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each remark that is a contract; what stands in strings and names is none."""
    try:
        tokens = sqlglot.tokenize(sql, dialect=Sql)
    except TokenError:
        return  # parsing says it better
    gaps = zip([0, *(t.end + 1 for t in tokens)], [*(t.start for t in tokens), len(sql)], strict=True)
    for start, end in gaps:
        # A remark behind the rest of a line of SQL is one, too.
        for found in LINE.finditer("\n" + sql[start:end]):
            yield sql.count("\n", 0, start) + found.string.count("\n", 0, found.start(1)), found[1]


def _contract(text: str, line: int) -> Contract:
    reaches, rows = _FILTER.fullmatch(text), _ROWS.fullmatch(text)
    if reaches:
        column, connection = _plain(reaches[2]), _plain(reaches[3])
        return Contract(text, line, reaches[1].lower(), (column,), connection, (reaches[4] or "").strip())
    if rows:
        columns = tuple(map(_plain, re.findall(_NAME, rows[3] or "")))
        most = int(re.sub("[,_]", "", rows[1]))
        return Contract(text, line, "lookup", columns, _plain(rows[2] or ""), most=most)
    raise SqlSyntaxError(
        f"line {line}: {text[:120]!r} is no contract", hint=FORMS, details={"line": line, "column": 1}
    )


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def prove(view: View, catalog: WorkspaceCatalog) -> tuple[Verdict, ...]:
    """A verdict on each contract of a view that is in the catalog."""
    return tuple(_prove(contract, view, catalog) for contract in contracts_in(view.sql))


def _prove(contract: Contract, view: View, catalog: WorkspaceCatalog) -> Verdict:
    plan: Plan | None = None
    try:
        plan = plan_query(_query(contract, view), catalog, workspace_names=True)
        problem = _unreached(contract, plan) if contract.most is None else _too_many(contract, plan)
    except EngineError as error:
        problem = error.message
    return Verdict(view.name, contract, problem, plan)


def _query(contract: Contract, view: View) -> Query:
    """The view with the contract's filter, its values parameters."""
    columns = {column.name.lower(): column for column in view.columns}
    conditions: list[exp.Expr] = []
    parameters: list[Parameter] = []
    for name in contract.columns:
        column = columns.get(name.lower())
        if column is None:
            raise QueryError(f"the view has no column {name!r}")
        operators = (exp.GTE, exp.LT) if contract.comparison == "range" else (exp.EQ,)
        for operator in operators:
            this = exp.column(column.name.lower(), quoted=True)
            conditions.append(operator(this=this, expression=parameter(len(parameters), column.sql_type)))
            parameters.append(Parameter(column.sql_type, None))
    select = exp.select("*").from_(exp.table_(view.name, quoted=True))
    return Query(select.where(*conditions) if conditions else select, tuple(parameters))


def _unreached(contract: Contract, plan: Plan) -> str:
    """Why a filter does not reach the contract's connection or table; "" when it does."""
    scans = [scan for scan in plan.scans if scan.connection.lower() == contract.connection.lower()]
    place = contract.connection
    if contract.table:
        place += f".{contract.table}"
        scans = [
            scan for scan in scans if any(_names(table, contract.table) for table in tables_of(scan).split(", "))
        ]
    if not scans:
        read = ", ".join(sorted({f"{scan.connection}.{tables_of(scan)}" for scan in plan.scans})) or "nothing"
        return f"the view does not read {place}; it reads {read}"
    wanted = {0, 1} if contract.comparison == "range" else {0}
    dry = [scan.id for scan in scans if not wanted <= _parameters(scan)]
    enough = not dry if contract.table else len(dry) < len(scans)
    return "" if enough else f"the {contract.comparison} on {contract.columns[0]} does not reach {', '.join(dry)}"


def _names(table: str, wanted: str) -> bool:
    """Whether a table's dotted name is, or ends with, the wanted one: `orders` is main.orders."""
    return table.lower() == wanted.lower() or table.lower().endswith(f".{wanted.lower()}")


def _parameters(scan: Scan) -> set[int]:
    """Which of the query's values a scan is asked with."""
    if scan.fragment is not None:
        return {item.index for item in scan.fragment.parameters if isinstance(item, Param)}
    found: set[int] = set()
    for predicate in scan.predicates:
        for one in comparisons(predicate):
            # Until they are bound, a plan's values of the caller are parameters.
            values = cast("tuple[object, ...]", one.values)
            found |= {value.index for value in values if isinstance(value, Param)}
    for condition in scan.conditions:
        found |= {value.index for value in condition.parameters if isinstance(value, Param)}
    return found


def _too_many(contract: Contract, plan: Plan) -> str:
    """Why more rows may be fetched than the contract says; "" when not."""
    assert contract.most is not None
    counted = [scan for scan in plan.scans if contract.connection.lower() in ("", scan.connection.lower())]
    if not counted and contract.connection:
        return f"the view does not read {contract.connection}"
    unknown = [scan.id for scan in counted if scan.expected_rows is None]
    if unknown:
        return f"nobody knows how many rows {', '.join(unknown)} may give: no key, limit or statistics bound it"
    total = sum(scan.expected_rows or 0 for scan in counted)
    if total <= contract.most:
        return ""
    parts = ", ".join(f"{scan.id} about {scan.expected_rows:,}" for scan in counted)
    return f"about {total:,} rows would be fetched ({parts})"

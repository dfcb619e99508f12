"""Golden cases of the rules: `rules/<rule>.sql` holds cases of a name, a query, and what the plan's scans then are.

`VIEWLOOM_UPDATE_GOLDEN=1 pytest tests/engine/test_rules.py` writes the expected lines anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from connectors.sdk import Column, Op, Support, Table, TableName
from connectors.sdk.types import family
from engine.optimizer import RULES
from engine.parse import parse_query
from engine.plan import Plan
from engine.planner import plan_query
from engine.query import Query
from engine.scans import Scan, predicate_to_json
from tests.engine.workspace import catalog_of, with_views

FOLDER = Path(__file__).parent / "rules"
MARK = "-->"


def _columns(support: Support | None, columns: str, orders: bool = True) -> tuple[Column, ...]:
    found = []
    for text in columns.split(", "):
        name, sql_type = text.split(" ", 1)
        ops = [op for op in Op if family(sql_type) == "text" or op not in (Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS)]
        operators = {} if support is None else dict.fromkeys(ops, support)
        found.append(Column(name, sql_type, operators=operators, orders=orders and support is not None))
    return tuple(found)


def _counted(columns: str) -> tuple[Column, ...]:
    """Columns with how many values each has."""
    found = []
    for text in columns.split(", "):
        name, sql_type, values = text.split(" ")
        (column,) = _columns(Support.EXACT, f"{name} {sql_type}")
        found.append(replace(column, distinct_estimate=int(values)))
    return tuple(found)


# exact: does all; rough: only supersets; bare: can't do anything; huge and small: of known sizes; stock and
# orders: of known numbers of values.
TABLES = {
    "exact": Table(
        TableName(("exact",)),
        _columns(Support.EXACT, "id BIGINT, n INTEGER, t VARCHAR, d DATE, ok BOOLEAN, x DOUBLE"),
        keys=(("id",),), limit=True, key_lookup=1000,
    ),
    "rough": Table(
        TableName(("rough",)), _columns(Support.INEXACT, "id BIGINT, n INTEGER, t VARCHAR"), limit=True, key_lookup=9
    ),
    "bare": Table(TableName(("bare",)), _columns(None, "id BIGINT, n INTEGER, t VARCHAR")),
    "huge": Table(
        TableName(("huge",)), _columns(Support.EXACT, "id BIGINT, small_id BIGINT, t VARCHAR, v DOUBLE"),
        keys=(("id",),), limit=True, key_lookup=1000, row_estimate=5_000_000,
    ),
    "small": Table(
        TableName(("small",)), _columns(Support.EXACT, "id BIGINT, huge_id BIGINT, t VARCHAR"),
        keys=(("id",),), limit=True, key_lookup=1000, row_estimate=50,
    ),
    "stock": Table(
        TableName(("stock",)),
        _counted("plant INTEGER 20, material INTEGER 50000, v DOUBLE 1000"),
        keys=(("plant", "material"),), key_lookup=10_000, row_estimate=1_000_000,
    ),
    "heap": Table(
        TableName(("heap",)), _counted("plant INTEGER 20, material INTEGER 50000, v DOUBLE 1000"),
        key_lookup=10_000, row_estimate=1_000_000,
    ),
    "clients": Table(
        TableName(("clients",)),
        _counted("client INTEGER 3, plant INTEGER 20, material INTEGER 50000, v DOUBLE 1000"),
        keys=(("client", "plant", "material"),), key_lookup=10_000, row_estimate=3_000_000,
    ),
    "orders": Table(
        TableName(("orders",)), _counted("id BIGINT 300, plant INTEGER 12, material INTEGER 200"),
        keys=(("id",),), key_lookup=10_000, row_estimate=300,
    ),
}  # fmt: skip
CATALOG = with_views(
    catalog_of({"c": list(TABLES.values())}),
    {
        "renamed": "SELECT id AS key, n AS number, t AS text FROM c.exact",
        "outer_view": "SELECT s.id, s.t, h.v, h.t AS other FROM c.small s LEFT JOIN c.huge h ON h.id = s.huge_id",
        "grouped": "SELECT small_id, count(*) AS n FROM c.huge GROUP BY small_id",
        "both": "SELECT id, t FROM c.exact UNION ALL SELECT id, t FROM c.rough",
        "mixed": "SELECT id FROM c.exact UNION ALL SELECT t FROM c.rough",
        "first_ten": "SELECT * FROM c.exact ORDER BY id LIMIT 10",
    },
)


@dataclass(frozen=True, slots=True)
class Case:
    """A name, a query, and the expected lines."""

    name: str
    query: str
    expected: tuple[str, ...]


def cases(rule: str) -> list[Case]:
    """The cases of a rule's file."""
    found = []
    for piece in (FOLDER / f"{rule}.sql").read_text().split("-- name: ")[1:]:
        name, _, rest = piece.partition("\n")
        lines = [line for line in rest.splitlines() if line.strip()]
        query = "\n".join(line for line in lines if not line.startswith(MARK))
        found.append(Case(name.strip(), query.rstrip(";"), tuple(line for line in lines if line.startswith(MARK))))
    return found


def outcome(rule: str, query: str) -> tuple[str, ...]:
    """The scans after the rule, alone but for push_filters, and its notes; of rules that change the tree its SQL."""
    by_name = {one.__name__: one for one in RULES}
    rules = tuple(by_name[name] for name in dict.fromkeys(("push_filters", rule)))
    plan = plan_query(Query(parse_query(query)), CATALOG, workspace_names=True, rules=rules)
    lines = [f"{MARK} {_scan(scan)}" for scan in plan.scans]
    lines += [f"{MARK} note {note.scan}: {note.text}" for note in plan.notes if note.rule == rule]
    return (*lines, *_sql(rule, plan))


def _sql(rule: str, plan: Plan) -> list[str]:
    changing = ("prune_columns", "factor_conditions", "share_scans")
    return [f"{MARK} {plan.select.sql(dialect='duckdb')}"] if rule in changing else []


def _scan(scan: Scan) -> str:
    parts = [f"{scan.id} {scan.table}({', '.join(column.source for column in scan.columns)})"]
    if scan.predicates:
        parts.append("where " + " and ".join(_words(predicate_to_json(predicate)) for predicate in scan.predicates))
    if scan.order_by:
        keys = [k.column + " desc" * k.descending + " nulls first" * k.nulls_first for k in scan.order_by]
        parts.append("order by " + ", ".join(keys))
    if scan.limit is not None:
        parts.append(f"limit {scan.limit}")
    parts += [
        f"({keys.with_target}, {keys.target}) in pairs of {keys.scan}"
        if keys.beside
        else f"{keys.target} in keys of {keys.scan}.{keys.column}"
        for keys in scan.keys_from
    ]
    return " ".join(parts)


def _words(data: dict[str, object]) -> str:
    for word, between in (("all", " and "), ("any", " or ")):
        if word in data:
            return "(" + between.join(_words(term) for term in data[word]) + ")"  # type: ignore[attr-defined]
    values = [str(next(iter(value.values()))) for value in data["values"]]  # type: ignore[attr-defined]
    return " ".join([str(data["column"]), str(data["op"]), ", ".join(values)]).strip()


def update(rule: str) -> None:
    """Write a rule's file with what comes out now."""
    text = ""
    for case in cases(rule):
        lines = "\n".join(outcome(rule, case.query))
        text += f"-- name: {case.name}\n{case.query};\n{lines}\n\n"
    (FOLDER / f"{rule}.sql").write_text(text.rstrip("\n") + "\n")

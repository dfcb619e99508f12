"""Plans over two described databases, without any server: what the fragments of a query are."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from catalog.records import Connection, SourceSchema, WorkspaceCatalog
from connectors.sdk import Column, Op, Support, Table, TableName
from engine.optimizer import RULES, Rule
from engine.parse import parse_query
from engine.plan import Plan
from engine.planner import duckdb_sql, plan_query
from engine.query import Parameter, Query
from engine.source_tables import table_to_json

EXACT = dict.fromkeys(Op, Support.EXACT)
COLUMNS = {
    "orders": {"id": "INTEGER", "customer": "INTEGER", "status": "VARCHAR", "total": "DECIMAL(12,2)", "day": "DATE",
               "weight": "DOUBLE", "note": "VARCHAR", "share": "DECIMAL(6,4)"},
    "customers": {"id": "INTEGER", "name": "VARCHAR", "region": "INTEGER"},
    "lines": {"order_id": "INTEGER", "no": "INTEGER", "qty": "INTEGER"},
}  # fmt: skip
KEYS = {"orders": ("id",), "customers": ("id",), "lines": ("order_id", "no")}
DISTINCT = {("lines", "order_id"): 1_000_000, ("lines", "qty"): 40}  # of others nothing is known
ROWS = {"orders": 1_000_000, "customers": 50_000, "lines": 4_000_000}


def catalog() -> WorkspaceCatalog:
    """The same three tables in erp (PostgreSQL), mes (MariaDB) and rest (no SQL). `note` is compared roughly."""
    schemas = {}
    for connection in ("erp", "mes", "rest"):
        for name, columns in COLUMNS.items():
            described = tuple(
                Column(
                    column,
                    kind,
                    nullable=column not in KEYS[name],
                    operators={Op.IS_NULL: Support.EXACT, Op.EQ: Support.INEXACT} if column == "note" else EXACT,
                    orders=True,
                    binary_text=column != "note",
                    collation="utf8mb4_general_ci" if column == "note" else "utf8mb4_nopad_bin",
                    distinct_estimate=DISTINCT.get((name, column)),
                )
                for column, kind in columns.items()
            )
            table = Table(
                TableName((name,)),
                described,
                keys=(KEYS[name],),
                limit=True,
                key_lookup=10_000,
                row_estimate=ROWS[name],
            )
            definition = orjson.loads(orjson.dumps(table_to_json(table)))
            schemas[connection, name] = SourceSchema(connection, name, definition, datetime(2026, 1, 1, tzinfo=UTC))
    kinds = {"erp": "postgres", "mes": "mysql", "rest": "rest"}
    connections = {name: Connection(name, kind, {}) for name, kind in kinds.items()}
    return WorkspaceCatalog("acme", "plant", 1, connections=connections, schemas=schemas)


CATALOG = catalog()


def plan(sql: str, parameters: tuple[Parameter, ...] = (), rules: tuple[Rule, ...] = RULES) -> Plan:
    return plan_query(Query(parse_query(sql), parameters), CATALOG, workspace_names=True, rules=rules)


def fragments(sql: str, parameters: tuple[Parameter, ...] = ()) -> list[str]:
    """The statements of the query's fragments, quotes left out; of a plain scan its table in brackets."""
    found = plan(sql, parameters)
    return [
        scan.fragment.sql.replace('"', "").replace("`", "") if scan.fragment else f"[{scan.connection}.{scan.table}]"
        for scan in found.scans
    ]


def rest(sql: str) -> str:
    """What is left to DuckDB, quotes left out."""
    return duckdb_sql(plan(sql)).replace('"', "")


def reasons(sql: str, rule: str) -> list[str]:
    """Why the rule did nothing."""
    return [note.text for note in plan(sql).notes if note.rule == rule and not note.text.startswith("pushed ")]

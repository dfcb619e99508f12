"""The largest legal SQL texts, one per shape that costs a planner much, and a workspace that they fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import sqlglot

from catalog.records import WorkspaceCatalog
from connectors.sdk import Column, Table, TableName
from connectors.sdk.sql import EXACT_ORDERED
from engine.parse import MAX_BYTES, MAX_TOKENS, Sql
from tests.engine.workspace import catalog_of

_CHAIN = 190


def _many(make: Callable[[int], str], join: str, number: int) -> str:
    return join.join(make(i) for i in range(number))


SHAPES: Mapping[str, Callable[[int], str]] = {
    "and": lambda n: "SELECT c0 FROM erp.t0 WHERE " + _many(lambda i: f"c{i % 30} > {i}", " AND ", n),
    "or": lambda n: "SELECT c0 FROM erp.t0 WHERE " + _many(lambda i: f"c{i % 30} = {i}", " OR ", n),
    "in list": lambda n: "SELECT c0 FROM erp.t0 WHERE c1 IN (" + _many(str, ", ", n) + ")",
    "columns": lambda n: "SELECT " + _many(lambda i: f"c{i % 30} + {i} AS x{i}", ", ", n) + " FROM erp.t0",
    "joins of two sources": lambda n: (
        "SELECT count(*) FROM erp.t0"
        + _many(lambda i: f" JOIN mes.t{i % 60} AS j{i} ON j{i}.c0 = t0.c{i % 30}", "", min(n, _CHAIN))
    ),
    "joins of one source": lambda n: (
        "SELECT count(*) FROM erp.t0"
        + _many(lambda i: f" JOIN erp.t{i % 60} AS j{i} ON j{i}.c0 = t0.c{i % 30}", "", min(n, _CHAIN))
    ),
    "comma joins": lambda n: (
        "SELECT 1 AS one FROM "
        + _many(lambda i: f"erp.t{i % 60} AS j{i}", ", ", min(n, _CHAIN))
        + " WHERE "
        + _many(lambda i: f"j{i}.c0 = j{i + 1}.c1", " AND ", min(n, _CHAIN) - 1)
    ),
    "nested": lambda n: (
        "SELECT * FROM (" * min(n, 180)
        + "SELECT c0, c1 FROM erp.t0 WHERE c1 = 3"
        + _many(lambda i: f") AS q{i}", "", min(n, 180))
    ),
    "unions": lambda n: _many(
        lambda i: f"SELECT c{i % 30} AS v FROM erp.t{i % 60} WHERE c1 = {i}", " UNION ALL ", min(n, _CHAIN)
    ),
    "exists": lambda n: (
        "SELECT c0 FROM erp.t0 WHERE "
        + _many(
            lambda i: f"EXISTS (SELECT 1 FROM erp.t{i % 60} AS e{i} WHERE e{i}.c0 = t0.c1)", " AND ", min(n, _CHAIN)
        )
    ),
    "chain of CTEs": lambda n: (
        "WITH "
        + _many(lambda i: f"w{i} AS (SELECT c0, c1 FROM {f'w{i - 1}' if i else 'erp.t0'} WHERE c1 > {i})", ", ", n)
        + f" SELECT * FROM w{n - 1}"
    ),
    "sums": lambda n: (
        "SELECT c0, " + _many(lambda i: f"sum(c{i % 30} + {i}) AS s{i}", ", ", n) + " FROM erp.t0 GROUP BY c0"
    ),
    "case": lambda n: "SELECT CASE " + _many(lambda i: f"WHEN c{i % 30} = {i} THEN {i}", " ", n) + " END FROM erp.t0",
    "chains of operators": lambda n: (
        "SELECT "
        + _many(lambda j: _many(lambda i: f"c{i % 30}", " + ", _CHAIN) + f" AS x{j}", ", ", min(n, 10))
        + " FROM erp.t0"
    ),
    "natural joins": lambda n: "SELECT * FROM " + _many(lambda i: f"erp.t{i}", " NATURAL JOIN ", min(n, 10)),
    "columns of 20 tables": lambda n: (
        "SELECT "
        + _many(lambda i: f"j{i % 20}.c{i % 30} AS x{i}", ", ", n)
        + " FROM erp.t0 AS j0"
        + _many(lambda i: f" JOIN erp.t{i + 1} AS j{i + 1} ON j{i + 1}.c0 = j0.c{i}", "", 19)
    ),
}


def largest(shape: str) -> str:
    """The longest text of a shape that is within the caps."""
    low, high = 2, 20_000
    while low < high:
        middle = (low + high + 1) // 2
        text = SHAPES[shape](middle)
        if len(text) <= MAX_BYTES and len(sqlglot.tokenize(text, dialect=Sql)) <= MAX_TOKENS:
            low = middle
        else:
            high = middle - 1
    return SHAPES[shape](low)


def wide_workspace() -> WorkspaceCatalog:
    """Two connections of 60 tables with 40 columns each; fragments can be made for one of them."""
    columns = [Column(f"c{i}", "BIGINT", operators=EXACT_ORDERED, orders=True) for i in range(30)]
    columns += [Column(f"t{i}", "VARCHAR", operators=EXACT_ORDERED, binary_text=True) for i in range(10)]
    tables = [
        Table(
            TableName((f"t{i}",)),
            tuple(columns),
            keys=(("c0",),),
            limit=True,
            key_lookup=10_000,
            row_estimate=10_000 * (i + 1),
        )
        for i in range(60)
    ]
    catalog = catalog_of({"erp": tables, "mes": tables})
    connections = dict(catalog.connections)
    connections["erp"] = replace(connections["erp"], connector="postgres")
    return replace(catalog, connections=connections)

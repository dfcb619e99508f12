"""ClickHouse in a process (chdb), over its table engines for PostgreSQL, MySQL and Parquet files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from typing import Any

from chdb import session as sessions
from loop import Number, Run, serve

# What standard SQL means: an outer join gives NULLs, a subquery may look at the row outside.
SETTINGS = {"join_use_nulls": 1, "allow_experimental_correlated_subqueries": 1, "joined_subquery_requires_alias": 0,
            "aggregate_functions_null_for_empty": 1}  # fmt: skip


def prepare(order: dict[str, Any]) -> Run:
    """Tables of the engines, named as the queries name them."""
    session = sessions.Session(tempfile.mkdtemp(prefix="chdb-"))
    session.query("CREATE DATABASE split ENGINE = Atomic")
    session.query("USE split")
    settings = SETTINGS | {"max_threads": order["threads"], "output_format_json_quote_decimals": 0}
    for name, value in settings.items():
        session.query(f"SET {name} = {value}")
    for name, engine in (("postgres", "PostgreSQL"), ("mariadb", "MySQL")):
        at = order[name]
        for table in at["tables"]:
            session.query(
                f"CREATE TABLE split.{table} ENGINE = {engine}('{at['host']}:{at['port']}', '{at['database']}', "
                f"'{table}', '{at['user']}', '{at['password']}')"
            )
    for table, path in order["files"].items():
        session.query(f"CREATE VIEW split.{table} AS SELECT * FROM file('{path}', Parquet)")

    def run(sql: str) -> Sequence[Sequence[Any]]:
        answer = str(session.query(sql, "JSONCompactEachRow"))
        lines = answer.splitlines()
        return [json.loads(line, parse_float=Number, parse_int=Number) for line in lines]

    return run


if __name__ == "__main__":
    serve(prepare)

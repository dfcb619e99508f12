"""DuckDB with its own scanners: ATTACH of PostgreSQL and MariaDB, Parquet read directly."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from loop import Run, serve


def prepare(order: dict[str, Any]) -> Run:
    """Attach, and name each table as the queries do."""
    session = duckdb.connect()
    session.execute(f"SET threads = {order['threads']}")
    for scanner in ("postgres_scanner", "mysql_scanner"):
        package = importlib.util.find_spec(f"duckdb_extension_{scanner}")
        assert package is not None and package.origin is not None
        (library,) = Path(package.origin).parent.rglob("*.duckdb_extension")
        session.execute(f"LOAD '{library}'")
    for name, kind in (("postgres", "postgres"), ("mariadb", "mysql")):
        at = order[name]
        words = {"host": at["host"], "port": at["port"], "user": at["user"], "password": at["password"]}
        words |= {"dbname": at["database"]} if kind == "postgres" else {"database": at["database"]}
        text = " ".join(f"{key}={value}" for key, value in words.items())
        session.execute(f"ATTACH '{text}' AS {name} (TYPE {kind}, READ_ONLY)")
        schema = "public" if kind == "postgres" else at["database"]
        for table in at["tables"]:
            session.execute(f"CREATE VIEW {table} AS FROM {name}.{schema}.{table}")
    for table, path in order["files"].items():
        session.execute(f"CREATE VIEW {table} AS FROM read_parquet('{path}')")

    def run(sql: str) -> Sequence[Sequence[Any]]:
        return session.execute(sql).fetchall()

    return run


if __name__ == "__main__":
    serve(prepare)

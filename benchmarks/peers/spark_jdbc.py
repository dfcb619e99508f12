"""Spark over JDBC, with every kind of pushdown that it has switched on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loop import Run, serve
from pyspark.sql import SparkSession

PUSHED = ("Predicate", "Aggregate", "Limit", "Offset", "TableSample", "Join")


def prepare(order: dict[str, Any]) -> Run:
    """Two JDBC catalogs (they push more than single JDBC tables), and a view for each table."""
    builder = SparkSession.builder.master(f"local[{order['threads']}]").config("spark.jars", ",".join(order["jars"]))
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "4g",
        "spark.sql.shuffle.partitions": str(order["threads"]),
        "spark.sql.optimizer.datasourceV2JoinPushdown": "true",
        "spark.sql.legacy.charVarcharAsString": "true",  # else it casts to LONGTEXT, which MariaDB can't
    }
    for name, kind, driver in (
        ("postgres", "postgresql", "org.postgresql.Driver"),
        ("mariadb", "mysql", "org.mariadb.jdbc.Driver"),
    ):
        at = order[name]
        prefix = f"spark.sql.catalog.{name}"
        # Spark knows MySQL's dialect by the URL; MariaDB's driver takes it when it is told to.
        more = "?permitMysqlScheme&sessionVariables=sql_mode=ANSI_QUOTES" if kind == "mysql" else ""
        settings |= {
            prefix: "org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog",
            f"{prefix}.url": f"jdbc:{kind}://{at['host']}:{at['port']}/{at['database']}{more}",
            f"{prefix}.driver": driver,
            f"{prefix}.user": at["user"],
            f"{prefix}.password": at["password"],
            f"{prefix}.fetchsize": "10000",
        }
        settings |= {f"{prefix}.pushDown{what}": "true" for what in PUSHED}
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    for name in ("postgres", "mariadb"):
        at = order[name]
        schema = "public" if name == "postgres" else f"`{at['database']}`"
        for table in at["tables"]:
            spark.sql(f"CREATE TEMPORARY VIEW {table} AS SELECT * FROM {name}.{schema}.{table}")
    for table, path in order["files"].items():
        spark.read.parquet(path).createOrReplaceTempView(table)

    def run(sql: str) -> Sequence[Sequence[Any]]:
        return spark.sql(sql).collect()

    return run


if __name__ == "__main__":
    serve(prepare)

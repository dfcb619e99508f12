"""Filters evaluated here give DuckDB's rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest

from connectors.sdk.arrow_filter import exact_operators, filter_batch
from connectors.sdk.errors import UnsupportedPredicateError
from connectors.sdk.scan import Comparison, Op
from connectors.sdk.testing_values import constants_of, values_of
from connectors.sdk.types import arrow_type

SQL = {Op.EQ: "=", Op.NE: "<>", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
FUNCTIONS = {Op.STARTS_WITH: "starts_with", Op.ENDS_WITH: "ends_with", Op.CONTAINS: "contains"}
TYPES = (
    *("BOOLEAN", "TINYINT", "BIGINT", "UBIGINT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP"),
    *("TIMESTAMP WITH TIME ZONE", "UUID", "DECIMAL(18,4)", "DECIMAL(5,0)", "DECIMAL(28,10)"),
)


def condition(op: Op, values: tuple[Any, ...], sql_type: str) -> tuple[str, list[Any]]:
    """The same comparison as DuckDB's SQL. Decimals stay literals: bound ones would be cast to the column's scale."""
    if op in (Op.IS_NULL, Op.IS_NOT_NULL):
        return ("v IS NULL" if op is Op.IS_NULL else "v IS NOT NULL"), []
    decimal = sql_type.startswith("DECIMAL")
    marks = [f"{value:f}" if decimal else f"CAST(? AS {sql_type})" for value in values]
    bound = [] if decimal else list(values)
    if op in FUNCTIONS:
        return f"{FUNCTIONS[op]}(v, {marks[0]})", bound
    return (f"v IN ({', '.join(marks)})" if op is Op.IN else f"v {SQL[op]} {marks[0]}"), bound


@pytest.mark.parametrize("sql_type", TYPES)
def test_every_operator_gives_the_rows_that_duckdb_gives(sql_type: str) -> None:
    values = [*values_of(sql_type), None]
    plain = [str(value) if isinstance(value, UUID) else value for value in values]
    batch = pa.RecordBatch.from_arrays(
        [pa.array(range(len(values)), pa.int64()), pa.array(plain, arrow_type(sql_type))], names=["n", "v"]
    )
    constants = constants_of(sql_type, [value for value in values if value is not None])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("source", batch)
        connection.execute(f"CREATE TABLE t AS SELECT n, CAST(v AS {sql_type}) AS v FROM source")
        for op in exact_operators(sql_type):
            cases: list[tuple[Any, ...]] = [(value,) for value in constants]
            if op in (Op.IS_NULL, Op.IS_NOT_NULL):
                cases = [()]
            elif op is Op.IN:
                cases = [tuple(constants[:1]), tuple(constants[::2])]
            for case in cases:
                where, bound = condition(op, case, sql_type)
                wanted = connection.execute(f"SELECT n FROM t WHERE {where} ORDER BY n", bound).fetchall()
                types = {"n": "BIGINT", "v": sql_type}
                got = filter_batch(batch, types, (Comparison("v", op, case),)).column("n").to_pylist()
                assert got == [row[0] for row in wanted], (op, case)


def test_what_was_not_declared_is_refused() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1], pa.int64())], names=["v"])
    for comparison in (
        Comparison("v", Op.EQ, ("1",)),
        Comparison("v", Op.EQ, (True,)),
        Comparison("v", Op.CONTAINS, ("1",)),
        Comparison("gone", Op.IS_NULL),
    ):
        with pytest.raises(UnsupportedPredicateError):
            filter_batch(batch, {"v": "BIGINT"}, (comparison,))
    with pytest.raises(UnsupportedPredicateError):
        filter_batch(batch.cast(pa.schema([("v", pa.float32())])), {"v": "FLOAT"}, (Comparison("v", Op.EQ, (1.0,)),))


def test_an_integer_beyond_the_type_is_compared_all_the_same() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1, -1, None], pa.int8())], names=["v"])
    for op, value, rows in ((Op.LT, 10**30, 2), (Op.GT, 10**30, 0), (Op.GE, -(10**30), 2), (Op.EQ, 300, 0)):
        assert filter_batch(batch, {"v": "TINYINT"}, (Comparison("v", op, (value,)),)).num_rows == rows

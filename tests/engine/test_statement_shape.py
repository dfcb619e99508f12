"""A statement's shape holds no value, however it was written."""

import pytest

from engine.parse import parse_query
from engine.statement_shape import statement_shape


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS a -- ZZ",
        "SELECT /* ZZ */ a FROM t",
        "SELECT {'k': 'ZZ'} AS a",
        "SELECT a->'$.ZZ' AS b FROM t",
        "SELECT json_extract(a, '$.ZZ') AS b FROM t",
        "SELECT interval 'ZZ' day AS b, interval 'ZZ days' AS c",
        "SELECT a FROM t WHERE a LIKE 'ZZ%' ESCAPE 'Z'",
        "SELECT date 'ZZ' AS b, timestamp 'ZZ' AS c",
        "SELECT date_trunc('ZZ', a) AS b, date_diff('ZZ', a, a) AS c FROM t",
        "SELECT n'ZZ' AS b, e'ZZ' AS c",
        "SELECT a FROM t ORDER BY coalesce(a, 'ZZ') LIMIT 999 OFFSET 999",
        "SELECT a FROM (VALUES ('ZZ', 999.5)) AS v(a, b)",
        "SELECT a FROM t WHERE b IN (999, -999, 999e3) AND c BETWEEN 999 AND 999",
        "SELECT sum(a) OVER (ORDER BY a ROWS BETWEEN 999 PRECEDING AND CURRENT ROW) AS b FROM t",
        "SELECT a AT TIME ZONE 'ZZ' AS b FROM t",
    ],
)
def test_no_value_is_in_it(sql: str) -> None:
    tree = parse_query(sql)
    found = statement_shape(tree)
    assert "ZZ" not in found and "999" not in found, found
    assert tree == parse_query(sql)  # and the statement itself is what it was


def test_names_and_units_stay() -> None:
    sql = "SELECT date_trunc('month', \"My Day\") AS m FROM t WHERE a = $1 AND b = 'x'"
    assert statement_shape(parse_query(sql)) == (
        "SELECT DATE_TRUNC('MONTH', \"My Day\") AS m FROM t WHERE a = $1 AND b = ?"
    )

"""GROUP BY of expressions, and aggregates with FILTER, go to the source where its answer is DuckDB's, types too."""

from __future__ import annotations

import pytest

from connectors.sdk import Connector
from engine.query import Parameter
from tests.engine.live import Live, difference

BOTH = (
    "date_trunc('month', day)", "date_trunc('day', moment)", "date_trunc('hour', moment)", "year(day)",
    "extract(quarter FROM day)", "month(moment)", "n % 3", "small + 1", "small * 2", "small * 70000", "dim - 1",
    "coalesce(dim, 0)", "CASE WHEN n > 1 THEN 1 ELSE 0 END", "CASE WHEN n > 1 THEN small ELSE 100000 END",
    "CASE WHEN dim = 2 THEN 1 END", "nullif(small, 2)", "sign(n)", "length(code)", "left(code, 1)",
    "substring(code, 1, 2)", "round(money, 1)", "floor(money)", "coalesce(day, DATE '2024-02-29')",
    "cast(moment AS DATE)", "abs(small)", "-small", "if(n > 1, 3000000000, 1)", "coalesce(code, 'a')",
    "coalesce(small, big)",
    "coalesce(moment, TIMESTAMP '2024-10-27 00:30:00')", "CASE WHEN n > 1 THEN moment END",
    "coalesce(\"seen\", TIMESTAMPTZ '2024-10-27 00:30:00+00')", "CASE WHEN n > 0 THEN n WHEN n < 0 THEN small END",
    "dim % 300", "nullif(code, 'a')",
)  # fmt: skip
ONLY_POSTGRES = (
    "CASE WHEN n > 1 THEN 'many' ELSE 'few' END", "n > 1", "day IS NULL", "code || txt", "left(txt, 2)",
    "CASE WHEN txt LIKE 'a%' THEN 'x' ELSE 'X ' END", "coalesce(txt, code)",
)  # fmt: skip
HERE = ("lower(code)", "n / 2", "x + 1", "trim(code)", "strftime(day, '%Y')", "round(x, 1)", "random() > 2")


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources)


def compare(live: Live, sql: str, *parameters: Parameter, grouped: bool = True) -> None:
    found, plain = live.run(sql, parameters), sql
    for number, parameter in enumerate(parameters, 1):
        plain = plain.replace(f"${number}", "NULL" if parameter.value is None else repr(parameter.value))
    assert difference(found.table, live.expected(plain)) is None, sql
    assert [scan.fragment is not None for scan in found.plan.scans] == [grouped], [n.text for n in found.plan.notes]


@pytest.mark.parametrize("name", ("pg", "my"))
@pytest.mark.parametrize("expression", (*BOTH, *ONLY_POSTGRES))
def test_an_expression_groups_as_duckdb_does(live: Live, name: str, expression: str) -> None:
    goes = name == "pg" or expression in BOTH
    facts = f"(SELECT * FROM {name}.facts WHERE n < 100) AS f"
    compare(live, f"SELECT {expression} AS k, count(*) AS c, max(id) AS m FROM {facts} GROUP BY 1", grouped=goes)
    view = f"(SELECT {expression} AS k, id, money FROM {facts}) AS v"
    compare(live, f"SELECT k, sum(money) AS s, min(id) AS m FROM {view} GROUP BY k ORDER BY k LIMIT 50", grouped=goes)
    if goes:
        compare(live, f"SELECT DISTINCT {expression} AS k FROM {facts}")


@pytest.mark.parametrize("name", ("pg", "my"))
@pytest.mark.parametrize("expression", HERE)
def test_what_the_source_has_not_is_grouped_here(live: Live, name: str, expression: str) -> None:
    compare(live, f"SELECT {expression} AS k, count(*) AS c FROM {name}.facts GROUP BY 1", grouped=False)


@pytest.mark.parametrize("name", ("pg", "my"))
def test_groups_with_constants_that_are_parameters(live: Live, name: str) -> None:
    for value in (2, None, 70_000):
        sql = f"SELECT coalesce(n, CAST($1 AS BIGINT)) AS k, count(*) AS c FROM {name}.facts WHERE n < 9 GROUP BY 1"
        compare(live, sql, Parameter("BIGINT", value))
    sql = f"SELECT coalesce(code, CAST($1 AS VARCHAR)) AS k, count(*) AS c FROM {name}.facts GROUP BY 1"
    compare(live, sql, Parameter("VARCHAR", "x" * 2000), grouped=name == "pg")


@pytest.mark.parametrize("name", ("pg", "my", "lite"))
def test_aggregates_of_some_rows_are_duckdbs(live: Live, name: str) -> None:
    for aggregate in (
        "count(*) FILTER (WHERE n > 1)", "sum(small) FILTER (WHERE code = 'a')", "count(1) FILTER (WHERE dim = 2)",
        "max(day) FILTER (WHERE n IS NULL)", "min(code) FILTER (WHERE small > 1)",
        "avg(small) FILTER (WHERE day IS NOT NULL)", "count(DISTINCT dim) FILTER (WHERE n > 0)",
        "count(small) FILTER (WHERE n < 9)",
    ):  # fmt: skip
        compare(live, f"SELECT dim, {aggregate} AS a, count(*) AS c FROM {name}.facts GROUP BY dim")
        compare(live, f"SELECT {aggregate} AS a FROM {name}.facts WHERE id < 0")


def test_groups_of_joined_tables_by_expressions(live: Live) -> None:
    for name in ("pg", "my"):
        sql = (
            f"SELECT year(f.day) AS y, d.kind % 2 AS k, sum(f.money) AS s FROM {name}.facts f "
            f"LEFT JOIN {name}.dims d ON f.dim = d.id GROUP BY year(f.day), d.kind % 2 HAVING count(*) > 1"
        )
        compare(live, sql)


def test_the_same_expression_twice_is_one_key(live: Live) -> None:
    sql = "SELECT coalesce(n, 2) AS k, coalesce(n, 2) AS o, count(*) AS c FROM pg.facts GROUP BY 1, 2, coalesce(n, 2)"
    compare(live, sql)

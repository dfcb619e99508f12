"""Every entry of the dialect tables, on the live database against DuckDB over the same awkward rows."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from engine.dialects import DIALECTS
from engine.dialects.table import COMPARED, CONDITION
from tests.engine.live import Live, difference, live_connectors
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

KINDS = {"pg": "postgres", "my": "mysql", "lite": "sqlite"}
COLUMNS = {
    "integer": ("n", "big", "small"), "decimal": ("money", "exact"), "date": ("day",), "timestamp": ("moment",),
    "timestamptz": ('"seen"',), "text": ("txt", "code"), "uuid": ("u",), "boolean": ("flag",),
    CONDITION: ("(small > 0)", "(n IS NULL)", "(day = DATE '2024-02-29')"),
}  # fmt: skip
CONSTANTS = {
    "integer": ("2", "-2147483648", "9223372036854775807"),
    "decimal": ("2.50", "0.005", "-9999999999.99"),
    "date": ("DATE '2024-02-29'", "'0001-01-01'", "DATE '9999-12-31'"),
    "timestamp": ("TIMESTAMP '2024-03-31 02:30:00'", "'2024-10-27 01:30:00.000001'"),
    "timestamptz": ("TIMESTAMPTZ '2024-03-31 02:30:00+00'", "TIMESTAMPTZ '2024-10-27 03:30:00.000001+02'"),
    "text": ("'a'", "'A '", "''", "'Ä'", "'100%'", "'O''Neil'", "'\\'", "'東京'"),
    "uuid": ("'11110000-0000-0000-0000-000000000001'",),
    "boolean": ("TRUE", "FALSE"),
}  # fmt: skip
SIGNS = {**COMPARED, "add": "+", "sub": "-", "mul": "*", "and": "AND", "or": "OR"}
OPERATIONS = [
    pytest.param(name, operation, families, id=f"{name}-{operation}-{'-'.join(families)}")
    for name, kind in KINDS.items()
    for operation, families in DIALECTS[kind].operations
]
AGGREGATES = [
    pytest.param(name, function, kind, id=f"{name}-{function}-{kind}")
    for name, dialect in KINDS.items()
    for function, kind in DIALECTS[dialect].aggregates
]


@pytest.fixture(scope="module")
def live(
    postgres_database: PostgresServer, mariadb_database: MariaDBServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("live")
    with live_connectors(postgres_database, mariadb_database, directory) as connectors:
        yield Live(connectors)


def columns_of(live: Live, name: str, kind: str) -> tuple[str, ...]:
    """The columns of a family that this source has with exact operators (SQLite has neither `exact` nor `seen`)."""
    return tuple(c for c in COLUMNS[kind] if not (name == "lite" and c in ("exact", '"seen"', "u", "money")))


def texts(live: Live, name: str, operation: str, families: tuple[str, ...]) -> list[str]:
    """The operation over columns of the families, and over a column and each constant, both ways round."""
    columns = [columns_of(live, name, kind) for kind in families]
    if operation in ("not", "neg", CONDITION):
        word = {"not": "NOT ", "neg": "-", CONDITION: ""}[operation]
        return [f"({word}{column})" for column in columns[0] if column != "big" or operation != "neg"]
    sign = SIGNS[operation]
    found = [f"({a} {sign} {b})" for a in columns[0] for b in columns[1]]
    for column in columns[0]:
        found += [f"({column} {sign} {constant})" for constant in CONSTANTS.get(families[1], ())]
    for column in columns[1]:
        found += [f"({constant} {sign} {column})" for constant in CONSTANTS.get(families[0], ())]
    return found


def compare(live: Live, sql: str) -> None:
    """The same rows and types as plain DuckDB, out of one fragment."""
    expected = live.expected(sql)
    found = live.run(sql)
    assert [scan.fragment is not None for scan in found.plan.scans] == [True], [n.text for n in found.plan.notes]
    assert difference(found.table, expected) is None, sql


def possible(live: Live, name: str, text: str) -> bool:
    """Whether DuckDB itself can compute it over the rows: a sum beyond its type it can't."""
    try:
        live.plain.execute(f"SELECT max({text}) FROM {name}.facts").fetchall()
    except duckdb.Error:
        return False
    return True


@pytest.mark.parametrize(("name", "operation", "families"), OPERATIONS)
def test_the_operation_is_duckdbs(live: Live, name: str, operation: str, families: tuple[str, ...]) -> None:
    computed = operation in ("add", "sub", "mul", "neg")
    found = [text for text in texts(live, name, operation, families) if not computed or possible(live, name, text)]
    assert found
    for some in (found[start : start + 24] for start in range(0, len(found), 24)):
        if computed:
            shown = [f"sum({text}) AS v{i}, avg({text}) AS a{i}" for i, text in enumerate(some)]
        else:
            shown = [f"sum(CASE WHEN {t} THEN id END) AS v{i}" for i, t in enumerate(some)]
            shown += [f"sum(CASE WHEN NOT {t} THEN id ELSE 1 END) AS n{i}" for i, t in enumerate(some)]
        compare(live, f"SELECT {', '.join(shown)} FROM {name}.facts")
        if not computed:
            compare(
                live, f"SELECT small, count(*) AS k, max(id) AS m FROM {name}.facts WHERE {some[0]} GROUP BY small"
            )


@pytest.mark.parametrize(("name", "function", "kind"), AGGREGATES)
def test_the_aggregate_is_duckdbs(live: Live, name: str, function: str, kind: str) -> None:
    if kind == "*":
        calls = ["count(*)", "count(1)"]
    else:
        families = DIALECTS[KINDS[name]].keys if kind == "key" else COLUMNS if kind == "any" else {kind}
        families = set(families) - {CONDITION} - ({"uuid", "timestamp", "timestamptz"} if name == "lite" else set())
        columns = [column for family in sorted(families) for column in columns_of(live, name, family)]
        form = "count(DISTINCT {})" if function == "count_distinct" else function + "({})"
        calls = [form.format(column) for column in columns]
    if (name, kind) == ("my", "any"):
        calls.append("count(note)")  # a text whose values the source takes for equal
    shown = ", ".join(f"{call} AS v{i}" for i, call in enumerate(calls))
    compare(live, f"SELECT {shown} FROM {name}.facts")
    compare(live, f"SELECT {shown} FROM {name}.facts WHERE id < 0")
    compare(live, f"SELECT dim, {shown} FROM {name}.facts GROUP BY dim")


@pytest.mark.parametrize("name", KINDS)
def test_a_key_groups_as_duckdb_does(live: Live, name: str) -> None:
    for kind in sorted(DIALECTS[KINDS[name]].keys):
        for column in columns_of(live, name, kind):
            compare(live, f"SELECT {column}, count(*) AS k, max(id) AS m FROM {name}.facts GROUP BY {column}")
            compare(live, f"SELECT DISTINCT {column} FROM {name}.facts")


def test_texts_that_mariadb_may_confuse_are_grouped_here(live: Live) -> None:
    for column in ("txt", "note"):
        found = live.run(f"SELECT {column}, count(*) AS n FROM my.facts GROUP BY {column}")
        assert [scan.fragment for scan in found.plan.scans] == [None]


def test_sums_of_floats_are_made_here(live: Live) -> None:
    for name in KINDS:
        found = live.run(f"SELECT sum(x) AS n, avg(x) AS a FROM {name}.facts WHERE x < 10")
        assert [scan.fragment for scan in found.plan.scans] == [None]


@pytest.mark.parametrize("name", KINDS)
def test_in_between_coalesce_and_null_tests_are_duckdbs(live: Live, name: str) -> None:
    for term in (
        "n IN (1, 2, 5)", "NOT n IN (1, 2)", "n BETWEEN 0 AND 2", "NOT n BETWEEN 0 AND 2", "txt IS NULL",
        "x IS NOT NULL", "coalesce(n, 1) = 1", "code IN ('a', 'zz')", "day IN (DATE '2024-02-29', DATE '0001-01-01')",
        "CASE WHEN n > 0 THEN small WHEN n < 0 THEN dim END > 1",
    ):  # fmt: skip
        compare(live, f"SELECT dim, count(*) AS n, sum(id) AS ids FROM {name}.facts WHERE {term} GROUP BY dim")

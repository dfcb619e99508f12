"""Every entry of the dialect tables, on the live database against DuckDB over the same awkward rows."""

from __future__ import annotations

import duckdb
import pytest

from connectors.sdk import Connector
from engine.dialects import DIALECTS
from engine.dialects.table import CONDITION, LEGACY, LONG, ROUGH, TEXTS
from engine.query import Parameter
from tests.engine.dialects.operations import columns_of, conditions, quoted, texts
from tests.engine.live import Live, difference

KINDS = {"pg": "postgres", "my": "mysql", "lite": "sqlite"}
OPERATIONS = [
    pytest.param(name, operation, families, id=f"{name}-{operation}-{'-'.join(families)}")
    for name, kind in KINDS.items()
    for (operation, families), entry in DIALECTS[kind].operations.items()
    if entry.exact
    and operation != "like_plain"
    and LEGACY not in families
    and (name, ROUGH) not in [("pg", f) for f in families]
]
AGGREGATES = [
    pytest.param(name, function, kind, id=f"{name}-{function}-{kind}")
    for name, dialect in KINDS.items()
    for function, kind in DIALECTS[dialect].aggregates
]


@pytest.fixture(scope="module")
def live(three_sources: dict[str, Connector]) -> Live:
    return Live(three_sources)


def compare(live: Live, sql: str) -> None:
    """The same rows and types as plain DuckDB, out of one fragment."""
    expected = live.expected(sql)
    found = live.run(sql)
    assert [scan.fragment is not None for scan in found.plan.scans] == [True], (
        [n.text for n in found.plan.notes], sql
    )  # fmt: skip
    assert difference(found.table, expected) is None, sql


def possible(live: Live, name: str, text: str) -> bool:
    """Whether DuckDB itself can compute it over the rows: a sum beyond its type it can't."""
    try:
        live.expected(f"SELECT max({text}) FROM {name}.facts")
    except duckdb.Error:
        return False
    return True


@pytest.mark.parametrize(("name", "operation", "families"), OPERATIONS)
def test_the_operation_is_duckdbs(live: Live, name: str, operation: str, families: tuple[str, ...]) -> None:
    table = DIALECTS[KINDS[name]]
    result = table.operations[operation, families].result or families[0]
    found = [text for text in dict.fromkeys(texts(name, operation, families)) if possible(live, name, text)]
    assert found, "nothing to prove"
    if result in ("integer", "decimal"):
        shown = [f"sum({text}), avg({text})" for text in found]
    else:
        tests = found if result == CONDITION else [test for text in found for test in conditions(text, result)]
        shown = [f"sum(CASE WHEN {t} THEN id END), sum(CASE WHEN NOT {t} THEN id ELSE 1 END)" for t in tests]
        shown += [f"count({text})" for text in found if result != CONDITION]
    entry = table.operations[operation, families]
    if entry.sql_type and ("max", result) in table.aggregates:
        shown += [f"max({text}), min({text})" for text in found]
    if result in table.keys:
        shown += [f"count(DISTINCT {text})" for text in found]
    for start in range(0, len(shown), 40):
        compare(live, f"SELECT {', '.join(shown[start : start + 40])} FROM {name}.facts")
    if result == CONDITION:
        for text in found[:: max(1, len(found) // 2)]:
            sql = f"SELECT small, count(*) AS k, max(id) AS m FROM {name}.facts WHERE {text} GROUP BY small"
            compare(live, sql)


@pytest.mark.parametrize(("name", "function", "kind"), AGGREGATES)
def test_the_aggregate_is_duckdbs(live: Live, name: str, function: str, kind: str) -> None:
    if kind == "*":
        calls = ["count(*)", "count(1)"]
    else:
        kinds = {"key": DIALECTS[KINDS[name]].keys, "any": DIALECTS[KINDS[name]].columns}.get(kind, {kind})
        columns = [column for each in sorted(kinds) for column in columns_of(name, each)]
        form = "count(DISTINCT {})" if function == "count_distinct" else function + "({})"
        calls = [form.format(column) for column in columns]
    shown = ", ".join(f"{call} AS v{i}" for i, call in enumerate(calls))
    compare(live, f"SELECT {shown} FROM {name}.facts")
    compare(live, f"SELECT {shown} FROM {name}.facts WHERE id < 0")
    compare(live, f"SELECT dim, {shown} FROM {name}.facts GROUP BY dim")


@pytest.mark.parametrize("name", KINDS)
def test_a_key_groups_as_duckdb_does(live: Live, name: str) -> None:
    for kind in sorted(DIALECTS[KINDS[name]].keys):
        for column in columns_of(name, kind):
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
def test_in_between_and_null_tests_are_duckdbs(live: Live, name: str) -> None:
    for term in (
        "n IN (1, 2, 5)", "NOT n IN (1, 2)", "n BETWEEN 0 AND 2", "NOT n BETWEEN 0 AND 2", "txt IS NULL",
        "x IS NOT NULL", "coalesce(n, 1) = 1", "code IN ('a', 'zz')", "day IN (DATE '2024-02-29', DATE '0001-01-01')",
        "CASE WHEN n > 0 THEN small WHEN n < 0 THEN dim END > 1", "n IS DISTINCT FROM 1", "code IS DISTINCT FROM 'a'",
        "NOT n IS DISTINCT FROM small", "txt NOT IN ('a ', 'A', '')", "CASE n WHEN 1 THEN 2 WHEN 2 THEN 3 END = 2",
        "nullif(n, 2) = 1", "if(n > 1, small, dim) = 2", "day < DATE '2024-01-31' + INTERVAL '2' MONTH",
    ):  # fmt: skip
        compare(live, f"SELECT dim, count(*) AS n, sum(id) AS ids FROM {name}.facts WHERE {term} GROUP BY dim")


@pytest.mark.parametrize("name", KINDS)
def test_a_number_that_no_unsigned_column_holds_is_not_computed_with(live: Live, name: str) -> None:
    """MariaDB puts the constant of an equality in place of the column elsewhere."""
    for number in ("-1", "4294967296"):
        for term in (
            "qty % 2 = 1", "qty + 1 > 0", "qty - 3 < 0", "qty * 2 = 4", "-qty < 0", "abs(qty) = 1", "sign(qty) = 1",
            "CAST(qty AS DECIMAL(12,1)) > 0.5", "CAST(qty AS VARCHAR) = '1'", "coalesce(qty, 1) = 1",
            "CASE WHEN qty > 0 THEN qty - 1 END > 1", "nullif(qty, 2) = 1", "qty = no",
        ):  # fmt: skip
            sql = f"SELECT fact, sum(qty) AS s FROM {name}.parts WHERE qty = {number} AND {term} GROUP BY fact"
            assert difference(live.run(sql).table, live.expected(sql)) is None, sql


@pytest.mark.parametrize("name", KINDS)
def test_choices_of_texts_and_dates_are_duckdbs(live: Live, name: str) -> None:
    chosen = ["coalesce(code, 'A ')", "nullif(code, 'a')", "CASE WHEN n > 0 THEN code ELSE 'b' END",
              "CASE WHEN n > 0 THEN code END"]  # fmt: skip
    if name != "my":
        chosen += ["coalesce(txt, code)", "CASE WHEN n > 0 THEN txt WHEN n < 0 THEN code ELSE 'ä' END",
                   "CASE WHEN small > 0 THEN 'x' ELSE 'X ' END"]  # fmt: skip
    for text in chosen:
        shown = ", ".join(f"sum(CASE WHEN {t} THEN id END)" for t in conditions(text, "text")[:11])
        compare(live, f"SELECT {shown}, min({text}), max({text}), count(DISTINCT {text}) FROM {name}.facts")
    moments = [
        "coalesce(moment, TIMESTAMP '2024-03-31 01:30:00') = TIMESTAMP '2024-10-27 00:30:00'",
        "coalesce(seen, TIMESTAMPTZ '2024-03-31 01:30:00+00') = TIMESTAMPTZ '2024-10-27 00:30:00+00'",
        "CASE WHEN n > 0 THEN TIMESTAMP '2024-10-27 00:30:00' ELSE moment END = TIMESTAMP '2024-10-27 00:30:00'",
    ]
    for text in moments if name != "lite" else ():
        compare(live, f"SELECT count(*) AS n, sum(id) AS ids FROM {name}.facts WHERE {text}")
    for text in ("coalesce(day, DATE '2024-02-29')", "CASE WHEN n > 0 THEN day END"):
        shown = ", ".join(f"sum(CASE WHEN {t} THEN id END)" for t in conditions(text, "date"))
        compare(live, f"SELECT {shown} FROM {name}.facts")
    moments = () if name == "lite" else ("2024-03-31 01:30:00", "2024-10-27 00:30:00", "2024-10-27 01:30:00.000001")
    for moment in moments:
        for text in (f"coalesce(moment, TIMESTAMP '{moment}')", f"CASE WHEN n > 0 THEN TIMESTAMP '{moment}' END"):
            shown = ", ".join(f"sum(CASE WHEN {text} = TIMESTAMP '{other}' THEN id END)" for other in moments)
            compare(live, f"SELECT {shown}, max({text}) FROM {name}.facts")


def test_texts_that_may_have_no_common_collation_are_chosen_here(live: Live) -> None:
    for text in ("coalesce(code, txt)", "CASE WHEN n > 0 THEN 'a' ELSE 'A' END", "coalesce(note, 'a')"):
        found = live.run(f"SELECT count(DISTINCT {text}) AS n FROM my.facts")
        assert [scan.fragment for scan in found.plan.scans] == [None], text


def test_texts_of_rough_collations_are_joined_here(live: Live) -> None:
    sql = (
        "SELECT q.id FROM my.facts q JOIN my.dims d ON q.dim = d.id "
        "WHERE EXISTS (SELECT 1 FROM my.facts f WHERE f.code = d.label)"
    )
    assert difference(live.run(sql).table, live.expected(sql)) is None


@pytest.mark.parametrize("name", ("pg", "my"))
def test_patterns_and_parts_that_are_parameters_are_duckdbs(live: Live, name: str) -> None:
    kind = "VARCHAR"
    columns = ("txt", "code") if name == "pg" else ("txt", "code", "note")
    for column in columns:
        for given in ("", "%", "a%", "_", "\\%", "!%", "a!b", "%b", "a_c", "Ä", "a ", "\\", None):
            forms = [f"{column} LIKE ", f"starts_with({column}, ", f"ends_with({column}, ", f"contains({column}, "]
            forms = [f"{form}CAST($1 AS VARCHAR){')' * form.count('(')}" for form in forms]
            shown = ", ".join(f"sum(CASE WHEN {f} THEN id END), sum(CASE WHEN NOT {f} THEN id END)" for f in forms)
            sql = f"SELECT {shown} FROM {name}.facts"
            found = live.run(sql, (Parameter(kind, given),))
            assert [scan.fragment is not None for scan in found.plan.scans] == [True], found.plan.notes
            plain = live.expected(sql.replace("$1 ", ("NULL" if given is None else quoted(given)) + " "))
            assert difference(found.table, plain) is None, (column, given)


def test_every_text_family_is_there() -> None:
    assert {kind for (_, families) in DIALECTS["mysql"].operations for kind in families} >= {*TEXTS}
    assert (LONG, ROUGH) not in [families for _, families in DIALECTS["mysql"].operations]

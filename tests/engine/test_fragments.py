"""A fragment travels as JSON, takes the caller's values and a join's keys, and never shows a value."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from connectors.sdk import TableName
from engine.errors import ParameterValueError
from engine.explain import explain_plan, explanation_text
from engine.fragments import Fragment, KeysAt, Param, typed
from engine.scans import Scan, ScanColumn, bind, described, scan_from_json, scan_to_json, shape
from tests.engine.fragment_plans import plan

FRAGMENT = Fragment(
    "SELECT s0.a AS c0 FROM t AS s0 WHERE s0.a = %s AND s0.b = %s",
    (Param(0, "DECIMAL(5,2)", "DECIMAL(5,2)"), "x"),
    "%s",
    (TableName(("public", "t")),),
    ("c0",),
    12,
)
SCAN = Scan(
    "f0", "erp", TableName(("t",)), (ScanColumn("c0", "c0", "INTEGER"),), dialect="postgres", fragment=FRAGMENT
)


def test_a_fragment_survives_its_json_form() -> None:
    more = replace(FRAGMENT, values=(("c0", 7),), keys_at=KeysAt(33, 1, True, {"c0": "s0.a"}), most_keys=5)
    for scan in (SCAN, replace(SCAN, fragment=more)):
        assert scan_from_json(orjson.loads(orjson.dumps(scan_to_json(scan)))) == scan


def test_the_callers_values_take_their_own_type_as_a_cast_would() -> None:
    (bound,) = bind([SCAN], [Decimal("1.005")])
    assert bound.fragment is not None
    assert bound.fragment.parameters == (Decimal("1.01"), "x")
    assert bind([SCAN], [None])[0].fragment.parameters[0] is None  # type: ignore[union-attr]


@pytest.mark.parametrize(("value", "kind"), [(Decimal("1000"), "DECIMAL(5,2)"), (Decimal("1e40"), "DECIMAL(38,0)"),
                                             ("a\x00", "VARCHAR")])  # fmt: skip
def test_a_value_that_its_type_cannot_hold_is_refused(value: Decimal | str, kind: str) -> None:
    with pytest.raises(ParameterValueError):
        typed(value, kind)


def test_keys_of_a_join_stand_around_the_statement() -> None:
    found = FRAGMENT.restricted("c0", (1, 2))
    assert found.sql == f"SELECT * FROM ({FRAGMENT.sql}) AS f WHERE c0 IN (%s, %s)"
    assert found.parameters[-2:] == (1, 2)


def test_keys_of_a_join_go_into_the_statement_below_its_grouping() -> None:
    sql = "SELECT s0.a AS c0, COUNT(*) AS c1 FROM t AS s0 GROUP BY s0.a HAVING COUNT(*) > %s"
    at = KeysAt(sql.index(" GROUP BY"), 0, False, {"c0": "s0.a"})
    fragment = Fragment(sql, (5,), "%s", (TableName(("t",)),), ("c0",), keys_at=at)
    once = fragment.restricted("c0", (1, 2))
    assert " FROM t AS s0 WHERE s0.a IN (%s, %s) GROUP BY s0.a HAVING" in once.sql
    assert once.parameters == (1, 2, 5)
    twice = once.restricted("c0", (3,))
    assert " WHERE s0.a IN (%s, %s) AND s0.a IN (%s) GROUP BY" in twice.sql
    assert twice.parameters == (1, 2, 3, 5)


def test_keys_stay_around_a_limit_and_what_is_made_of_a_column() -> None:
    at = KeysAt(22, 0, False, {"c0": "s0.a"})
    limited = Fragment("SELECT s0.a AS c0 FROM t LIMIT 5", (), "%s", (), ("c0",), keys_at=at)
    assert limited.restricted("c0", (1,)).sql == f"SELECT * FROM ({limited.sql}) AS f WHERE c0 IN (%s)"
    assert limited.restricted("c1", (1,)).sql == f"SELECT * FROM ({limited.sql}) AS f WHERE c1 IN (%s)"


def test_the_rules_see_a_table_that_takes_keys_and_nothing_else() -> None:
    table = described(SCAN)
    assert not table.limit and not table.keys and table.key_lookup
    assert [str(op) for op in table.columns[0].operators] == ["in"]


def test_explain_and_run_records_show_the_statement_without_values() -> None:
    found = plan("SELECT status, count(*) AS n FROM erp.orders WHERE status <> 'secret' GROUP BY status")
    text = explanation_text(explain_plan(found))
    assert "statement  SELECT" in text and "erp.orders" in text
    assert "GROUP BY" in shape(found.scans[0]) and "secret" not in shape(found.scans[0]) + text

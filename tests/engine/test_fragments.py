"""A fragment travels as JSON, takes the caller's values and a join's keys, and never shows a value."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest

from connectors.sdk import TableName
from engine.errors import ParameterValueError
from engine.explain import explain_plan, explanation_text
from engine.fragments import Fragment, Param, typed
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
    assert scan_from_json(orjson.loads(orjson.dumps(scan_to_json(SCAN)))) == SCAN


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


def test_the_rules_see_a_table_that_takes_keys_and_nothing_else() -> None:
    table = described(SCAN)
    assert not table.limit and not table.keys and table.key_lookup
    assert [str(op) for op in table.columns[0].operators] == ["in"]


def test_explain_and_run_records_show_the_statement_without_values() -> None:
    found = plan("SELECT status, count(*) AS n FROM erp.orders WHERE status <> 'secret' GROUP BY status")
    text = explanation_text(explain_plan(found))
    assert "statement  SELECT" in text and "erp.orders" in text
    assert "GROUP BY" in shape(found.scans[0]) and "secret" not in shape(found.scans[0]) + text

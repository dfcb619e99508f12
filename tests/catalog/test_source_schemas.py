from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from catalog.errors import NotFoundError
from catalog.workspace_store import WorkspaceStore
from tests.catalog.sample import ERP, NOON, schema, view


@pytest.fixture
def erp(plant: WorkspaceStore) -> WorkspaceStore:
    """The plant with the connection erp."""
    plant.save_connection(ERP)
    return plant


def test_schemas_come_back_with_their_age_in_utc(erp: WorkspaceStore) -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=2)))
    assert erp.save_schemas([schema("main.orders", "ERP", berlin)]) == 1
    (found,) = erp.list_schemas("erp")
    assert found == schema("main.orders")
    assert found.seen_at.utcoffset() == timedelta(0)


def test_a_table_seen_again_replaces_what_was_known(erp: WorkspaceStore) -> None:
    erp.save_schemas([schema("b"), schema("a")])
    erp.save_schemas([schema("a", seen_at=NOON + timedelta(days=1))])
    assert [(one.table, one.seen_at.day) for one in erp.list_schemas()] == [("a", 2), ("b", 1)]


def test_two_tables_that_differ_in_case_only_are_both_kept(erp: WorkspaceStore) -> None:
    erp.save_schemas([schema("Orders"), schema("orders"), schema("Lines")])
    catalog = erp.read()
    found = [catalog.schema("ERP", name) for name in ("orders", "Orders", "ORDERS", "lines")]
    assert [one and one.table for one in found] == ["orders", "Orders", "orders", "Lines"]
    assert len(catalog.schemas) == 3


def test_thousands_of_tables_are_saved_and_dropped_at_once(erp: WorkspaceStore) -> None:
    assert erp.save_schemas(schema(f"main.t{number}") for number in range(1500)) == 1500
    assert len(erp.read().schemas) == 1500
    assert erp.drop_schemas("erp", [f"main.t{number}" for number in range(1400)]) == 1400
    assert erp.drop_schemas("erp") == 100
    assert erp.list_schemas() == ()


def test_a_schema_of_no_connection_is_refused(erp: WorkspaceStore) -> None:
    with pytest.raises(NotFoundError):
        erp.save_schemas([schema("main.orders"), schema("main.orders", "mes")])
    assert erp.list_schemas() == ()


def test_a_snapshot_keeps_its_schemas_while_only_views_change(erp: WorkspaceStore) -> None:
    erp.save_schemas([schema("main.orders")])
    before = erp.read()
    erp.save_view(view("v"))
    after = erp.read()
    assert after is not before
    assert after.schemas is before.schemas
    erp.save_schemas([schema("main.lines")])
    assert len(erp.read().schemas) == 2


def test_statistics_are_kept_beside_the_plans_or_make_them_anew(erp: WorkspaceStore) -> None:
    erp.save_schemas([schema("main.orders")])
    before = erp.read()
    counted = replace(schema("main.orders"), definition={"row_estimate": 5})
    assert erp.save_statistics([counted, schema("main.gone")], replan=False) == 1
    assert erp.read() is before
    assert erp.list_schemas() == (counted,)
    assert erp.save_statistics([counted], replan=True) == 1
    found = erp.read().schema("erp", "main.orders")
    assert erp.read().version > before.version and found == counted

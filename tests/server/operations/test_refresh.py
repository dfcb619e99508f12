"""A connection's tables are looked at again, and views that no longer fit are named."""

from catalog.records import Draft
from engine.check_view import ViewSource
from server.operations.connections import save_connection
from server.operations.refresh import refresh
from server.operations.views import save_view

from .shop import Shop


def test_tables_are_new_first_and_unchanged_then(shop: Shop) -> None:
    save_connection(shop.state, shop.scope, shop.connection())
    found = refresh(shop.state, shop.scope, "erp")
    assert found.diff.new == ("customers", "orders") and found.tables == 2 and not found.warnings
    assert not refresh(shop.state, shop.scope, "ERP").diff


def test_views_over_a_dropped_column_are_named_with_their_problem(shop: Shop) -> None:
    save_connection(shop.state, shop.scope, shop.connection())
    refresh(shop.state, shop.scope, "erp")
    save_view(shop.state, shop.scope, ViewSource("totals", "SELECT order_id, total FROM erp.orders"))
    save_view(shop.state, shop.scope, ViewSource("states", "SELECT order_id, status FROM erp.orders"))
    save_view(shop.state, shop.scope, ViewSource("above", "SELECT total FROM totals"))
    save_view(shop.state, shop.scope, ViewSource("names", "SELECT name FROM erp.customers"))
    shop.change("ALTER TABLE orders DROP COLUMN total; ALTER TABLE orders ADD COLUMN note TEXT;")
    found = refresh(shop.state, shop.scope, "erp")
    (change,) = found.diff.changed
    assert (change.dropped, change.added) == (("total",), ("note",))
    hits = {hit.view: bool(hit.problem) for hit in found.views}
    assert hits == {"totals": True, "states": False, "above": True}


def test_views_over_a_retyped_column_are_named_with_what_it_was_and_is(shop: Shop) -> None:
    save_connection(shop.state, shop.scope, shop.connection())
    refresh(shop.state, shop.scope, "erp")
    save_view(shop.state, shop.scope, ViewSource("names", "SELECT customer_id, name AS called FROM erp.customers"))
    shop.change("ALTER TABLE customers DROP COLUMN name; ALTER TABLE customers ADD COLUMN name BIGINT;")
    (hit,) = refresh(shop.state, shop.scope, "erp").views
    assert hit.view == "names"
    assert "column 'called' was VARCHAR and would be BIGINT" in hit.problem and "publish" in hit.problem


def test_a_table_that_is_gone_is_forgotten(shop: Shop) -> None:
    save_connection(shop.state, shop.scope, shop.connection())
    refresh(shop.state, shop.scope, "erp")
    shop.change("DROP TABLE customers")
    assert refresh(shop.state, shop.scope, "erp").diff.gone == ("customers",)
    assert [s.table for s in shop.state.store.workspace(shop.scope).list_schemas("erp")] == ["orders"]


def test_timestamps_without_a_zone_are_warned_of(shop: Shop) -> None:
    save_connection(shop.state, shop.scope, shop.connection(time_zone=None))
    (warning,) = refresh(shop.state, shop.scope, "erp").warnings
    assert "time_zone" in warning and "orders" in warning and "placed_at" in warning


def test_patterns_that_match_nothing_are_warned_of(shop: Shop) -> None:
    save_connection(shop.state, shop.scope, shop.connection(include=("nothing*",)))
    (warning,) = refresh(shop.state, shop.scope, "erp").warnings
    assert "nothing*" in warning


def test_broken_and_retyped_views_are_marked_until_they_are_well(shop: Shop) -> None:
    save_connection(shop.state, shop.scope, shop.connection())
    refresh(shop.state, shop.scope, "erp")
    workspace = shop.state.store.workspace(shop.scope)
    for name, sql in (("names", "SELECT name FROM erp.customers"), ("ids", "SELECT customer_id FROM erp.customers")):
        save_view(shop.state, shop.scope, ViewSource(name, sql))
    workspace.save_draft(Draft("ids", "SELECT my work"))
    shop.change("ALTER TABLE customers RENAME COLUMN name TO full_name")
    refresh(shop.state, shop.scope, "erp")
    drafts = {draft.name: draft for draft in workspace.list_drafts()}
    assert (
        drafts["names"].problems[0].code == "source_schema_changed" and "name" in drafts["names"].problems[0].message
    )
    assert drafts["ids"].sql == "SELECT my work"
    shop.change("ALTER TABLE customers RENAME COLUMN full_name TO name")
    refresh(shop.state, shop.scope, "erp")
    assert [draft.name for draft in workspace.list_drafts()] == ["ids"]

"""Publishing pins a closure, and finds or checks a key."""

import pytest

from catalog.errors import InvalidRecordError, NotFoundError
from catalog.records import Connection, View, ViewColumn
from engine.check_view import ViewSource
from server.operations.connections import save_connection
from server.operations.errors import KeyCheckError
from server.operations.publish import choose_key, publish
from server.operations.refresh import refresh
from server.operations.views import save_view

from .shop import Shop


@pytest.fixture
def seen(shop: Shop) -> Shop:
    save_connection(shop.state, shop.scope, shop.connection())
    refresh(shop.state, shop.scope, "erp")
    return shop


def view(**nullable: bool) -> View:
    columns = tuple(ViewColumn(name, "BIGINT", null) for name, null in nullable.items())
    return View("v", 1, "", "", columns, key=("id",))


def test_the_proven_key_is_taken_when_none_is_named() -> None:
    assert choose_key(view(id=False, a=True), None) == (("id",), "proven")


def test_an_empty_key_is_none() -> None:
    assert choose_key(view(id=False), ()) == ((), None)


def test_a_key_around_the_proven_one_is_proven_when_nothing_in_it_can_be_null() -> None:
    assert choose_key(view(id=False, a=False, b=True), ("A", "id")) == (("a", "id"), "proven")
    assert choose_key(view(id=False, a=False, b=True), ("id", "b")) == (("id", "b"), "declared")


def test_any_other_key_is_declared() -> None:
    assert choose_key(view(id=False, a=False), ("a",)) == (("a",), "declared")


def test_a_proven_key_that_odata_can_not_take_is_left_out_and_refused_when_named() -> None:
    floating = View("v", 1, "", "", (ViewColumn("id", "DOUBLE"),), key=("id",))
    assert choose_key(floating, None) == ((), None)
    with pytest.raises(InvalidRecordError, match="DOUBLE"):
        choose_key(floating, ("id",))


def test_a_wrong_column_gets_a_suggestion() -> None:
    with pytest.raises(InvalidRecordError) as caught:
        choose_key(view(id=False, amount=True), ("amuont",))
    assert "amount" in caught.value.hint


def test_the_closure_holds_every_view_below(seen: Shop) -> None:
    save_view(seen.state, seen.scope, ViewSource("base", "SELECT order_id, customer_id FROM erp.orders"))
    save_view(seen.state, seen.scope, ViewSource("Top", "SELECT order_id FROM base"))
    done = publish(seen.state, seen.scope, "top", "orders")
    assert (done.name, done.view, done.key, done.key_kind) == ("orders", "Top", ("order_id",), "proven")
    assert done.closure == {"Top": 1, "base": 1}
    save_view(seen.state, seen.scope, ViewSource("base", "SELECT order_id, customer_id, status FROM erp.orders"))
    assert seen.state.store.workspace(seen.scope).get_publication("orders").closure == {"Top": 1, "base": 1}
    assert publish(seen.state, seen.scope, "Top", "orders").closure == {"Top": 1, "base": 2}


def test_a_declared_key_with_duplicates_is_refused_with_numbers_and_no_values(seen: Shop) -> None:
    save_view(seen.state, seen.scope, ViewSource("v", "SELECT status, customer_id FROM erp.orders"))
    with pytest.raises(KeyCheckError) as caught:
        publish(seen.state, seen.scope, "v", key=("status",))
    assert caught.value.details == {"key": ["status"], "rows": 3, "duplicates": 1, "nulls": 0}
    assert "open" not in str(caught.value)
    assert publish(seen.state, seen.scope, "v", key=("status",), check=False).key_kind == "declared"
    assert publish(seen.state, seen.scope, "v", key=("status", "customer_id")).key_kind == "declared"


def test_a_declared_key_with_nulls_is_refused(seen: Shop) -> None:
    seen.change("UPDATE orders SET status = NULL WHERE order_id = 11")
    save_view(seen.state, seen.scope, ViewSource("v", "SELECT status FROM erp.orders WHERE order_id > 10"))
    with pytest.raises(KeyCheckError, match="1 rows have no value"):
        publish(seen.state, seen.scope, "v", key=("status",))


def test_an_empty_view_may_have_any_key(seen: Shop) -> None:
    save_view(seen.state, seen.scope, ViewSource("v", "SELECT status FROM erp.orders WHERE order_id < 0"))
    assert publish(seen.state, seen.scope, "v", key=("status",)).key == ("status",)


def test_a_view_that_is_not_there_gets_a_suggestion(seen: Shop) -> None:
    save_view(seen.state, seen.scope, ViewSource("backlog", "SELECT 1 AS one FROM erp.orders"))
    with pytest.raises(NotFoundError) as caught:
        publish(seen.state, seen.scope, "baklog")
    assert "backlog" in caught.value.hint


def _over_files(shop: Shop, rows: str) -> None:
    (shop.directory / "m.csv").write_text("sample,machine,value\n" + rows)
    config = {"directory": str(shop.directory), "tables": {"m": {"path": "m.csv", "key": ["sample"]}}}
    save_connection(shop.state, shop.scope, Connection("lab", "files", config, include=("m",)))
    refresh(shop.state, shop.scope, "lab")
    sql = "SELECT sample AS sample_no, machine, value FROM lab.m"
    save_view(shop.state, shop.scope, ViewSource("measured", sql))


def test_a_key_that_a_table_of_files_declares_is_counted_when_it_is_published(shop: Shop) -> None:
    _over_files(shop, "1,A,2.5\n2,A,3.5\n")
    view = shop.state.store.workspace(shop.scope).get_view("measured")
    assert view.key == (), "nothing is proven"
    published = publish(shop.state, shop.scope, "measured")
    assert (published.key, published.key_kind) == (("sample_no",), "declared")
    assert publish(shop.state, shop.scope, "measured", key=()).key_kind is None


@pytest.mark.parametrize("rows", ["1,A,2.5\n1,B,3.5\n", "1,A,2.5\n,B,3.5\n"], ids=["twice", "null"])
def test_one_that_does_not_hold_is_refused_with_numbers_only(shop: Shop, rows: str) -> None:
    _over_files(shop, rows)
    with pytest.raises(KeyCheckError, match=r"\(sample_no\) is not a key of 'measured': of 2 rows, 1 rows"):
        publish(shop.state, shop.scope, "measured")
    assert publish(shop.state, shop.scope, "measured", check=False).key_kind == "declared"


def test_a_key_of_no_column_is_told_when_the_table_is_looked_at(shop: Shop) -> None:
    (shop.directory / "m.csv").write_text("sample\n1\n")
    config = {"directory": str(shop.directory), "tables": {"m": {"path": "m.csv", "key": ["sampel"]}}}
    save_connection(shop.state, shop.scope, Connection("lab", "files", config, include=("m",)))
    (failed,) = refresh(shop.state, shop.scope, "lab").failed
    assert "'sampel'" in failed.message

"""Views are checked, kept as versions, and as drafts when they can't be saved."""

import pytest

from catalog.errors import NotFoundError
from engine.check_view import ViewSource
from engine.errors import ViewProblemsError
from server.operations.connections import save_connection
from server.operations.refresh import refresh
from server.operations.views import check, drop_view, save_view

from .shop import Shop


@pytest.fixture
def seen(shop: Shop) -> Shop:
    save_connection(shop.state, shop.scope, shop.connection())
    refresh(shop.state, shop.scope, "erp")
    return shop


def test_checking_keeps_nothing(seen: Shop) -> None:
    view = check(seen.state, seen.scope, ViewSource("v", "SELECT * FROM erp.orders"))
    assert [c.name for c in view.columns] == ["order_id", "customer_id", "status", "total", "placed_at"]
    assert view.key == ("order_id",)
    assert seen.state.store.workspace(seen.scope).list_views() == ()


def test_saving_twice_makes_one_version(seen: Shop) -> None:
    source = ViewSource("v", "SELECT order_id FROM erp.orders", column_comments={"order_id": "Number"})
    assert save_view(seen.state, seen.scope, source).version == 1
    assert save_view(seen.state, seen.scope, source).version == 1
    assert save_view(seen.state, seen.scope, ViewSource("v", "SELECT 1 AS a FROM erp.orders")).version == 2
    drop_view(seen.state, seen.scope, "v")


def test_a_view_with_problems_stays_a_draft_until_it_is_right(seen: Shop) -> None:
    workspace = seen.state.store.workspace(seen.scope)
    with pytest.raises(ViewProblemsError) as caught:
        save_view(seen.state, seen.scope, ViewSource("v", "SELECT order_id,\n  statu FROM erp.orders"))
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (2, 3)
    assert workspace.get_draft("v").problems == caught.value.problems
    save_view(seen.state, seen.scope, ViewSource("v", "SELECT status FROM erp.orders"))
    with pytest.raises(NotFoundError):
        workspace.get_draft("v")

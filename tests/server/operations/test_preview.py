"""The first rows of whatever an admin names."""

import pytest

from catalog.errors import InvalidRecordError
from engine.check_view import ViewSource
from engine.errors import SqlNotAllowedError, UnknownNameError
from server.operations.connections import save_connection
from server.operations.preview import preview
from server.operations.refresh import refresh
from server.operations.views import save_view

from .shop import Shop


@pytest.fixture
def seen(shop: Shop) -> Shop:
    save_connection(shop.state, shop.scope, shop.connection())
    refresh(shop.state, shop.scope, "erp")
    save_view(shop.state, shop.scope, ViewSource("Ordre ü", 'SELECT order_id AS "Nr", total FROM erp.orders'))
    return shop


@pytest.mark.parametrize("text", ["Ordre ü", 'SELECT * FROM "Ordre ü" ORDER BY 1', '"ordre ü"'])
def test_a_view_is_shown_with_its_own_spelling_and_types(seen: Shop, text: str) -> None:
    found = preview(seen.state, seen.scope, text, 2)
    assert found.columns == (("Nr", "BIGINT"), ("total", "DECIMAL(12,2)"))
    assert found.rows == ({"Nr": 10, "total": 12.5}, {"Nr": 11, "total": 7.0})


@pytest.mark.parametrize("text", ["erp.orders", "  ERP.Orders ", 'erp."orders"'])
def test_a_table_is_shown(seen: Shop, text: str) -> None:
    assert [row["order_id"] for row in preview(seen.state, seen.scope, text).rows] == [10, 11, 12]


def test_a_query_of_its_own_limit_keeps_it(seen: Shop) -> None:
    assert len(preview(seen.state, seen.scope, "SELECT * FROM erp.orders LIMIT 1").rows) == 1
    union = "SELECT order_id FROM erp.orders UNION ALL SELECT order_id FROM erp.orders"
    assert len(preview(seen.state, seen.scope, union, 5).rows) == 5


def test_no_rows_are_no_error(seen: Shop) -> None:
    assert preview(seen.state, seen.scope, "SELECT * FROM erp.orders WHERE order_id < 0").rows == ()


def test_what_is_not_there_is_said(seen: Shop) -> None:
    with pytest.raises(UnknownNameError, match="ordrs"):
        preview(seen.state, seen.scope, "erp.ordrs")


def test_only_a_select_may_run(seen: Shop) -> None:
    with pytest.raises(SqlNotAllowedError):
        preview(seen.state, seen.scope, "DROP TABLE erp.orders")


@pytest.mark.parametrize("limit", [0, 101])
def test_a_preview_has_bounds(seen: Shop, limit: int) -> None:
    with pytest.raises(InvalidRecordError, match="limit"):
        preview(seen.state, seen.scope, "erp.orders", limit)

from decimal import Decimal

import pytest

from server.demo.orders import TODAY, Order, take_orders
from server.demo.plant import NOW, epoch, local
from server.demo.production import produce


@pytest.fixture(scope="module")
def orders() -> list[Order]:
    return take_orders(produce().work_orders)


def test_orders_are_about_twenty_thousand_with_three_lines_each(orders: list[Order]) -> None:
    assert 17_000 < len(orders) < 22_000
    assert 50_000 < sum(len(order.lines) for order in orders) < 65_000


def test_nothing_is_ordered_or_shipped_in_the_future(orders: list[Order]) -> None:
    now = local(epoch(NOW))
    for order in orders:
        assert order.ordered_at < now
        assert all(line.shipped_at is None or line.shipped_at <= now for line in order.lines)


def test_status_and_amount_follow_from_the_lines(orders: list[Order]) -> None:
    for order in orders:
        shipped = [line.shipped_at is not None for line in order.lines]
        if order.status != "cancelled":
            assert order.status == ("shipped" if all(shipped) else "partial" if any(shipped) else "open")
        assert order.net_amount == sum(line.quantity * line.unit_price for line in order.lines)
        assert order.net_amount.as_tuple().exponent == -2 and order.net_amount > Decimal(0)
    assert {order.status for order in orders} == {"open", "partial", "shipped", "cancelled"}


def test_a_lot_never_serves_more_pieces_than_it_has(orders: list[Order]) -> None:
    made = {order.number: order.good if order.finished else order.quantity for order in produce().work_orders}
    for order in orders:
        for line in order.lines:
            if line.lot is not None:
                made[line.lot] -= line.quantity
    assert min(made.values()) >= 0


def test_some_open_lines_are_late_but_most_are_not(orders: list[Order]) -> None:
    lines = [line for order in orders for line in order.lines if line.shipped_at is None and line.lot is not None]
    late = sum(line.promised < TODAY for line in lines)
    assert 10 < late < len(lines) / 10

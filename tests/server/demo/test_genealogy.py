from collections import defaultdict
from decimal import Decimal

from server.demo.genealogy import trace_lots
from server.demo.plant import BAD_BATCH
from server.demo.production import produce


def test_no_batch_is_used_up_more_than_once() -> None:
    lots, uses = trace_lots(produce().work_orders)
    used: dict[int, Decimal] = defaultdict(Decimal)
    for use in uses:
        used[use.component] += use.quantity
    size = {lot.lot_id: lot.quantity for lot in lots}
    assert all(quantity <= size[batch] for batch, quantity in used.items())


def test_lot_numbers_are_unique_and_parts_are_older_than_what_they_went_into() -> None:
    lots, uses = trace_lots(produce().work_orders)
    assert len({lot.lot_no for lot in lots}) == len({lot.lot_id for lot in lots}) == len(lots)
    made = {lot.lot_id: lot.produced_at for lot in lots}
    for use in uses:
        before, after = made[use.component], made[use.lot]
        assert before is not None
        assert after is None or before <= after


def test_one_purchased_batch_is_blocked_and_reached_finished_lots() -> None:
    lots, uses = trace_lots(produce().work_orders)
    blocked = [lot for lot in lots if lot.status == "blocked"]
    assert [lot.supplier_lot for lot in blocked] == [BAD_BATCH.supplier_lot]
    housings = {use.lot for use in uses if use.component == blocked[0].lot_id}
    reached = {use.lot for use in uses if use.component in housings}
    assert 5 <= len(reached) <= 60

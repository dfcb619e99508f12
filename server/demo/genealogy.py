"""Lots and what went into them: castings into housings, housings into pumps, each batch until it is used up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from server.demo.plant import BAD_BATCH, generator, local
from server.demo.production import WorkOrder
from server.demo.products import BILL_OF_MATERIAL, BY_CODE

BATCH_SIZES = {"HSG": 1600, "KIT": 1200, "CST": 4800, "BAR": 6000, "SEA": 8000}
LEAD_DAYS = {"HSG": 5, "KIT": 4, "CST": 18, "BAR": 15, "SEA": 25}


@dataclass(frozen=True, slots=True)
class Lot:
    """A batch of one product; `produced_at` is local and, for a purchased batch, when it was received."""

    lot_id: int
    lot_no: str
    product: str
    status: str
    quantity: Decimal
    produced_at: datetime | None
    work_order: int | None = None
    supplier: str | None = None
    supplier_lot: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class LotUse:
    """`quantity` of the batch `component` went into the batch `lot`."""

    lot: int
    component: int
    quantity: Decimal


class _Store:
    """The batches of each part on the shelf; only one of each is open at a time."""

    def __init__(self, first_id: int) -> None:
        self.random = generator("genealogy")
        self.lots: list[Lot] = []
        self.uses: dict[tuple[int, int], Decimal] = {}
        self.shelf: dict[str, tuple[int, Decimal]] = {}
        self.next_id = first_id
        self.recipe: dict[str, list[tuple[str, Decimal]]] = {}
        for item in BILL_OF_MATERIAL:
            self.recipe.setdefault(item.product, []).append((item.component, Decimal(item.quantity)))

    def open_batch(self, part: str, at: datetime, *, bad: bool = False) -> None:
        kind = part[:3]
        days = LEAD_DAYS[kind] * (0.7 + 0.6 * self.random.random())
        made = (at - timedelta(days=days)).replace(second=0)
        if made.weekday() >= 5:
            made -= timedelta(days=2)
        made = made.replace(hour=8 + made.hour % 9)
        quantity = Decimal(int(BATCH_SIZES[kind] * (0.85 + 0.3 * self.random.random())))
        lot_id = self.next_id
        self.next_id += 1
        supplier = BY_CODE[part].supplier
        delivery = f"{made:%y}/{made:%m%d}-{1 + lot_id % 9}" if supplier else None
        self.lots.append(
            Lot(
                lot_id, f"{kind[0]}{made:%y%m%d}-{lot_id % 10000:04}", part, "blocked" if bad else "released",
                quantity, made, supplier=supplier, supplier_lot=BAD_BATCH.supplier_lot if bad else delivery,
                note=BAD_BATCH.note if bad else None,
            )
        )  # fmt: skip
        self.shelf[part] = (lot_id, quantity)
        self.consume(lot_id, part, quantity, made)

    def consume(self, lot_id: int, product: str, pieces: Decimal, at: datetime) -> None:
        for part, each in self.recipe.get(product, ()):
            needed = pieces * each
            while needed > 0:
                if part not in self.shelf or not self.shelf[part][1]:
                    self.open_batch(part, at)
                batch, left = self.shelf[part]
                taken = min(needed, left)
                self.shelf[part] = (batch, left - taken)
                self.uses[lot_id, batch] = self.uses.get((lot_id, batch), Decimal(0)) + taken
                needed -= taken

    def roll(self, at: datetime, *, bad: bool) -> None:
        """Open new batches of the suspect casting and of the housing that is made of it."""
        self.open_batch(BAD_BATCH.component, at, bad=bad)
        self.open_batch(BAD_BATCH.housing, at)


def _finished_lot(order: WorkOrder) -> Lot:
    done = local(order.finished) if order.finished is not None else None
    named = done or local(order.started if order.started is not None else order.planned_start)
    status = "finished" if done else "in_production" if order.started is not None else "planned"
    return Lot(
        order.number, f"F{named:%y%m%d}-{order.number % 10000:04}", order.product, status,
        Decimal(order.good if done else order.quantity), done, work_order=order.number,
    )  # fmt: skip


def trace_lots(work_orders: tuple[WorkOrder, ...]) -> tuple[list[Lot], list[LotUse]]:
    """Every lot, finished ones first (their id is the work order's number), and every use of one in another."""
    store = _Store(first_id=700001)
    finished = [_finished_lot(order) for order in work_orders]
    started = sorted(
        (order for order in work_orders if order.started is not None), key=lambda o: (o.started, o.number)
    )
    rolled = 0
    for order in started:
        if order.started is None:
            continue
        at = local(order.started)
        if BY_CODE[order.product].frame == BAD_BATCH.frame:
            ends = order.finished if order.finished is not None else order.planned_end
            if rolled == 0 and ends > BAD_BATCH.start:
                store.roll(at, bad=True)
                rolled = 1
            elif rolled == 1 and order.started >= BAD_BATCH.end:
                store.roll(at, bad=False)
                rolled = 2
        store.consume(order.number, order.product, Decimal(order.quantity), at)
    uses = [LotUse(lot, component, quantity) for (lot, component), quantity in sorted(store.uses.items())]
    return finished + store.lots, uses

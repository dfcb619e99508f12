"""Customer orders, carved out of the lots that the machines made or will make.

Demand follows production here, not the other way round: a lot is cut into order lines, each gets a
promised date near the day on which it ships, and neighbouring lines are tied into orders. Deliveries
are therefore late exactly where the lots are.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from server.demo.customers import CUSTOMERS, Customer
from server.demo.plant import NOW, epoch, generator, local
from server.demo.production import WorkOrder
from server.demo.products import BY_CODE

QUANTITIES = (4, 6, 10, 10, 16, 20, 24, 25, 30, 40, 50, 80)
TODAY = NOW.date()
STOCK_SHARE = 0.03
LATE_SHARE = 0.11


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One position of an order; dates and times are local, `lot` is the work order that it is served from."""

    position: int
    product: str
    quantity: int
    unit_price: Decimal
    discount: int | None
    promised: date
    shipped_at: datetime | None
    lot: int | None


@dataclass(frozen=True, slots=True)
class Order:
    """A customer's order."""

    number: int
    customer: Customer
    ordered_at: datetime
    requested: date | None
    status: str
    reference: str | None
    lines: tuple[OrderLine, ...]

    @property
    def net_amount(self) -> Decimal:
        return sum((line.quantity * line.unit_price for line in self.lines), Decimal("0.00"))


@dataclass(frozen=True, slots=True)
class _Slot:
    ordered: date
    promised: date
    shipped_at: datetime | None
    product: str
    quantity: int
    lot: int
    late: bool


def _workday(day: date) -> date:
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day


def _slots(work_orders: tuple[WorkOrder, ...], random: Random) -> list[_Slot]:
    now = local(epoch(NOW))
    slots = []
    for lot in work_orders:
        if random.random() < STOCK_SHARE:
            continue
        done = local(lot.finished if lot.finished is not None else lot.planned_end)
        left = lot.good if lot.finished is not None else lot.quantity
        while left > 0:
            quantity = min(left, QUANTITIES[int(random.random() * len(QUANTITIES))])
            left -= quantity
            ship_day = _workday(done.date() + timedelta(days=1 + int(random.random() * 2)))
            shipped = datetime(
                ship_day.year, ship_day.month, ship_day.day, 8 + int(random.random() * 9), int(random.random() * 60)
            )
            late = random.random() < LATE_SHARE
            slack = -1 - int(9 * random.random() ** 1.6) if late else int(6 * random.random())
            promised = ship_day + timedelta(days=slack)
            if promised.weekday() >= 5:
                promised -= timedelta(days=promised.weekday() - 4)
            ordered = promised - timedelta(days=9 + int(30 * random.random()))
            if ordered.weekday() >= 5:
                ordered -= timedelta(days=ordered.weekday() - 4)
            if ordered <= TODAY:
                is_shipped = lot.finished is not None and shipped <= now
                slots.append(
                    _Slot(
                        ordered, promised, shipped if is_shipped else None, lot.product, quantity, lot.number, late
                    )
                )  # fmt: skip
    return slots


def _ordered_at(day: date, random: Random) -> datetime:
    hours = 6 if day == TODAY else 11
    return datetime(
        day.year, day.month, day.day, 7 + int(random.random() * hours), int(random.random() * 60),
        int(random.random() * 60),
    )  # fmt: skip


def _status(lines: list[OrderLine]) -> str:
    shipped = sum(line.shipped_at is not None for line in lines)
    return "shipped" if shipped == len(lines) else "partial" if shipped else "open"


def take_orders(work_orders: tuple[WorkOrder, ...]) -> list[Order]:
    """All orders up to now, the oldest first; about 17,000 with 50,000 lines."""
    random = generator("orders")
    slots = sorted(_slots(work_orders, random), key=lambda slot: (slot.ordered, random.random()))
    drawer = [customer for customer in CUSTOMERS for _ in range(customer.weight)]
    # Who is served first when pieces are short? Some wait more often than others.
    unlucky = [
        customer for customer in CUSTOMERS for _ in range(customer.weight * (1 + customer.number * 5 % 11) // 4)
    ]
    prices: dict[tuple[str, int], Decimal] = {}
    orders: list[Order] = []
    at = 0
    while at < len(slots):
        chunk = slots[at : at + 1 + int(6 * random.random() ** 1.3)]
        at += len(chunk)
        names = unlucky if any(slot.late for slot in chunk) else drawer
        customer = names[int(random.random() * len(names))]
        cancelled = random.random() < 0.012
        lines = []
        for position, slot in enumerate(chunk):
            key = (slot.product, customer.discount)
            if key not in prices:
                share = Decimal(100 - customer.discount) / 100
                prices[key] = (Decimal(BY_CODE[slot.product].list_price or "0") * share).quantize(Decimal("0.01"))
            lines.append(
                OrderLine(
                    (position + 1) * 10, slot.product, slot.quantity, prices[key], customer.discount or None,
                    slot.promised, None if cancelled else slot.shipped_at, None if cancelled else slot.lot,
                )
            )  # fmt: skip
        promised = max(slot.promised for slot in chunk)
        orders.append(
            Order(
                number=2500000 + len(orders) + 1,
                customer=customer,
                ordered_at=_ordered_at(chunk[0].ordered, random),
                requested=None if random.random() < 0.03 else promised - timedelta(days=int(4 * random.random())),
                status="cancelled" if cancelled else _status(lines),
                reference=None
                if random.random() < 0.12
                else f"B-{customer.number}-{int(random.random() * 90000) + 10000}",
                lines=tuple(lines),
            )
        )
    return orders

"""What the machines did: a walk of every machine through every shift, from stop to stop and lot to lot.

The walk is the one truth of the demo plant. The ERP's lots and delivery dates, the MES's states and
counts, the historian's readings and the lab's samples are all derived from it, so that they agree.
Times are epoch seconds in UTC; no shift crosses a change of summer time.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from random import Random
from typing import TypeVar

from server.demo.plant import (
    BAD_BATCH,
    CAUSES,
    LINES,
    MACHINES,
    MES_SINCE,
    NOW,
    SHIFT_PACE,
    STOP_REASONS,
    STOPS_NOW,
    STORY_START,
    Machine,
    Product,
    Shift,
    Stop,
    epoch,
    generator,
    shifts,
)
from server.demo.products import FINISHED

_T = TypeVar("_T")
LOT_SIZES = (80, 100, 100, 120, 120, 150, 200, 250)
FUTURE = timedelta(days=40)
PLANNED_EFFICIENCY = 0.8


@dataclass(frozen=True, slots=True)
class StateSpan:
    """A machine in one state over [start, end); `end` is None while it lasts."""

    machine: str
    state: str
    reason: str | None
    start: int
    end: int | None
    work_order: int | None


@dataclass(frozen=True, slots=True)
class Count:
    """Pieces that one machine made of one work order in one shift; no work order when it made none."""

    machine: str
    shift: Shift
    work_order: int | None
    product: str | None
    good: int
    scrap: int
    ideal_cycle_s: int | None


@dataclass(frozen=True, slots=True)
class Scrap:
    """Scrapped pieces of one cause, as reported by the operator."""

    at: int
    machine: str
    shift: Shift
    work_order: int
    product: str
    cause: str
    quantity: int


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One lot of one product on one machine; `started` and `finished` are None as long as it has not."""

    number: int
    machine: str
    product: str
    quantity: int
    status: str
    planned_start: int
    planned_end: int
    started: int | None
    finished: int | None
    good: int
    scrap: int


@dataclass(frozen=True, slots=True)
class Production:
    """Everything that happened; spans, counts and scrap only since the MES remembers."""

    work_orders: tuple[WorkOrder, ...]
    spans: tuple[StateSpan, ...]
    counts: tuple[Count, ...]
    scrap: tuple[Scrap, ...]


class _Lot:
    """A work order while it is being walked."""

    __slots__ = ("finished", "good", "machine", "made", "number", "plan", "product", "quantity", "scrap", "started")

    def __init__(self, machine: str, product: Product, quantity: int) -> None:
        self.machine, self.product, self.quantity = machine, product, quantity
        self.number = 0
        self.made = 0.0
        self.good = self.scrap = 0
        self.started: int | None = None
        self.finished: int | None = None
        self.plan: tuple[int, int] = (0, 0)

    @property
    def cycle(self) -> int:
        return self.product.ideal_cycle_s or 1


_RawSpan = tuple[str, str | None, int, int | None, _Lot | None]
_RawCount = tuple[Shift, _Lot | None, int, Counter[str], int]


class _Walk:
    """One machine on its way through the shifts."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.random = generator(f"machine:{machine.code}")
        family = next(line.family for line in LINES if line.code == machine.line)
        self.family = family
        self.range = [product for product in FINISHED if product.family == family]
        self.stop: Stop | None = next((stop for stop in STOPS_NOW if stop.machine == machine.code), None)
        self.lots: list[_Lot] = []
        self.spans: list[_RawSpan] = []
        self.counts: list[_RawCount] = []
        self.lot = self.next_lot(None)
        self.setup_left = 1200
        self.stop_left = 0
        self.stop_kind: tuple[str, str] = ("down", "")
        self.uptime_left = self.draw_uptime()

    def next_lot(self, before: _Lot | None) -> _Lot:
        # A quarter of the range makes most of the volume, and it moves from machine to machine.
        pick = int(len(self.range) * self.random.random() ** 1.7)
        offset = sum(map(ord, self.machine.code)) % len(self.range)
        product = self.range[(pick + offset) % len(self.range)]
        lot = _Lot(self.machine.code, product, LOT_SIZES[int(self.random.random() * len(LOT_SIZES))])
        self.setup_left = 540 if before and before.product.frame == product.frame else 1500
        self.setup_left += int(self.random.random() * 900)
        self.lots.append(lot)
        return lot

    def draw_uptime(self) -> int:
        mean = self.machine.uptime_minutes
        return int((0.25 + 1.5 * self.random.random()) * mean * 60)

    def draw_stop(self) -> None:
        dice = self.random.random()
        minutes = 8 + 32 * self.random.random()
        if dice > 0.7:
            minutes = 40 + 80 * self.random.random()
        if dice > 0.955:
            minutes = 120 + 260 * self.random.random()
        self.stop_left = int(minutes * 60)
        self.stop_kind = _weighted(self.random, [((state, why), weight) for state, why, weight in STOP_REASONS])

    def record(self, state: str, reason: str | None, start: int, end: int | None, lot: _Lot | None) -> None:
        if self.spans:
            last = self.spans[-1]
            if last[0] == state and last[1] == reason and last[3] == start and last[4] is lot:
                self.spans[-1] = (state, reason, last[2], end, lot)
                return
        self.spans.append((state, reason, start, end, lot))

    def run(self) -> None:
        """Walk all shifts up to now; a stop of the story ends the walk."""
        previous_end = epoch(STORY_START)
        for shift in shifts(STORY_START, NOW):
            if shift.start > previous_end:
                self.record("off", None, previous_end, shift.start, None)
            previous_end = shift.end
            self.run_shift(shift)
        now = epoch(NOW)
        last = self.spans[-1]
        if last[3] == now:
            self.spans[-1] = (*last[:3], None, last[4])

    def run_shift(self, shift: Shift) -> None:
        pace = self.machine.pace * SHIFT_PACE[shift.name] * (0.94 + 0.1 * self.random.random())
        made: dict[int, tuple[_Lot, int]] = {}
        at = shift.start
        until = min(shift.end, self.stop.start) if self.stop else shift.end
        while at < until:
            if self.setup_left > 0:
                end = min(until, at + self.setup_left)
                self.setup_left -= end - at
                if self.lot.started is None:
                    self.lot.started = at
                self.record("setup", "changeover", at, end, self.lot)
            elif self.stop_left > 0:
                end = min(until, at + self.stop_left)
                self.stop_left -= end - at
                self.record(*self.stop_kind, at, end, self.lot)
                if self.stop_left == 0:
                    self.uptime_left = self.draw_uptime()
            else:
                lot = self.lot
                needed = int((lot.quantity - lot.made) * lot.cycle / pace) + 1
                end = min(until, at + self.uptime_left, at + needed)
                self.uptime_left -= end - at
                before = int(lot.made)
                lot.made = min(float(lot.quantity), lot.made + (end - at) * pace / lot.cycle)
                pieces = int(lot.made) - before
                made[id(lot)] = (lot, made.get(id(lot), (lot, 0))[1] + pieces)
                self.record("running", None, at, end, lot)
                if lot.made >= lot.quantity:
                    lot.finished = end
                    self.lot = self.next_lot(lot)
                elif self.uptime_left <= 0:
                    self.draw_stop()
            at = end
        if self.stop and self.stop.start < shift.end:
            self.record(self.stop.state, self.stop.reason, max(at, self.stop.start), None, self.lot)
        for lot, pieces in made.values():
            self.count(shift, lot, pieces)
        if not made:
            self.counts.append((shift, None, 0, Counter(), 0))

    def count(self, shift: Shift, lot: _Lot, pieces: int) -> None:
        if not pieces:
            return
        rate = {"GP": 0.017, "PP": 0.026, "DV": 0.013}[self.family] * (0.4 + 1.2 * self.random.random())
        causes: Counter[str] = Counter()
        weights = [(cause.code, cause.weights[self.family]) for cause in CAUSES]
        for _ in range(min(pieces, int(pieces * rate + self.random.random()))):
            causes[_weighted(self.random, weights)] += 1
        if lot.product.frame == BAD_BATCH.frame and BAD_BATCH.start <= shift.start < BAD_BATCH.end:
            causes[BAD_BATCH.cause] += int(pieces * (0.05 + 0.04 * self.random.random()))
        scrap = sum(causes.values())
        lot.scrap += scrap
        lot.good += pieces - scrap
        self.counts.append((shift, lot, pieces - scrap, causes, scrap))

    def plan(self) -> None:
        """Put the lots after now on the calendar, at the planner's usual efficiency.

        The plan was made this morning: it doesn't know of the machines that stopped since.
        """
        ready = epoch(NOW)
        left = (self.lot.quantity - self.lot.made) * self.lot.cycle / PLANNED_EFFICIENCY
        calendar = shifts(NOW, NOW + FUTURE)
        lot = self.lot
        for shift in calendar:
            at = max(shift.start, ready)
            while at < shift.end:
                if lot.plan[0] == 0 and lot.started is None:
                    lot.plan = (at, 0)
                step = min(shift.end - at, int(left) + 1)
                left -= step
                at += step
                if left <= 0:
                    lot.plan = (lot.plan[0], at)
                    lot = self.next_lot(lot)
                    left = lot.quantity * lot.cycle / PLANNED_EFFICIENCY + 900
        self.lots = [lot for lot in self.lots if lot.started is not None or lot.plan[1]]
        for lot in self.lots:
            if lot.started is not None:
                early = int(self.random.random() * 5 * 3600) - 2 * 3600
                needed = int(lot.quantity * lot.cycle / PLANNED_EFFICIENCY)
                lot.plan = (lot.started - early, lot.plan[1] or lot.started - early + needed + 3600)


def _weighted(random: Random, choices: list[tuple[_T, int]]) -> _T:
    """One of the choices, as likely as its weight says."""
    point = random.random() * sum(weight for _, weight in choices)
    for choice, weight in choices:
        point -= weight
        if point < 0:
            return choice
    return choices[-1][0]


def _status(lot: _Lot, walk: _Walk) -> str:
    if lot.finished is not None:
        return "completed"
    if lot.started is not None:
        return "on_hold" if walk.stop and walk.stop.state == "down" else "running"
    queue = [other for other in walk.lots if other.started is None]
    return "released" if lot in queue[:3] else "planned"


def _scrap_reports(walk: _Walk, since: int) -> list[Scrap]:
    reports = []
    random = generator(f"scrap:{walk.machine.code}")
    for shift, lot, _, causes, _ in walk.counts:
        if lot is None or shift.start < since:
            continue
        last = min(shift.end, walk.stop.start if walk.stop else shift.end)
        for cause, quantity in sorted(causes.items()):
            at = shift.start + int((0.1 + 0.9 * random.random()) * (last - shift.start - 60))
            reports.append(Scrap(at, walk.machine.code, shift, lot.number, lot.product.code, cause, quantity))
    return reports


@cache
def produce() -> Production:
    """Walk all machines; the same answer every time, about half a second the first time."""
    walks = []
    for machine in MACHINES:
        walk = _Walk(machine)
        walk.run()
        walk.plan()
        walks.append(walk)
    numbered = sorted(
        ((lot.plan[0], lot.machine, lot, walk) for walk in walks for lot in walk.lots), key=lambda x: x[:2]
    )
    for position, (_, _, lot, _) in enumerate(numbered):
        lot.number = 400001 + position
    work_orders = tuple(
        WorkOrder(
            lot.number, lot.machine, lot.product.code, lot.quantity, _status(lot, walk), lot.plan[0], lot.plan[1],
            lot.started, lot.finished, lot.good, lot.scrap,
        )
        for _, _, lot, walk in numbered
    )  # fmt: skip
    since = epoch(MES_SINCE)
    spans, counts, scrap = [], [], []
    for walk in walks:
        code = walk.machine.code
        for state, reason, start, end, span_lot in walk.spans:
            if end is None or end > since:
                number = span_lot.number if span_lot else None
                spans.append(StateSpan(code, state, reason, max(start, since), end, number))
        for shift, count_lot, good, _, lost in walk.counts:
            if shift.start < since:
                continue
            if count_lot is None:
                counts.append(Count(code, shift, None, None, 0, 0, None))
            else:
                product = count_lot.product
                counts.append(Count(code, shift, count_lot.number, product.code, good, lost, product.ideal_cycle_s))
        scrap += _scrap_reports(walk, since)
    return Production(
        work_orders, tuple(spans), tuple(counts), tuple(sorted(scrap, key=lambda s: (s.at, s.machine, s.cause)))
    )

"""The rows that the MES offers, as JSON objects: UTC timestamps as ISO text, numbers as numbers, nulls as nulls."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from server.demo.plant import CAUSES, MACHINES, MES_SINCE, NOW, STOPS_NOW, epoch, generator, utc
from server.demo.production import Production, WorkOrder, produce

Cell = str | int | None
JsonRow = dict[str, Cell]

_LINE = {machine.code: machine.line for machine in MACHINES}
_CAUSE = {cause.code: cause.name for cause in CAUSES}
_OPERATORS = ("A. Şahin", "B. Wójcik", "C. Lübbers", "D. Petrović", "E. Brünjes", "F. Nguyễn", "G. Óskarsdóttir")
_COMMENTS = {
    "POR": "Lunker am Lagersitz, Guss prüfen",
    "SUR": "Rattermarken, Spindel?",
    "LEK": "Prüfstand 2, äußere Leckage",
    "DIM": "Ø 42 h6 überschritten",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the API: its columns with their SQL types, and the columns that `from` and `to` compare.

    A row passes when it ends after `from` and starts before `to`; a null end lasts for ever.
    """

    name: str
    key: str
    columns: dict[str, str]
    starts: str
    ends: str
    rows: Callable[[Production], list[JsonRow]]


def _iso(seconds: int | None) -> str | None:
    return None if seconds is None else utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _order_no(number: int | None) -> str | None:
    return None if number is None else f"WO-{number}"


def shown_orders(made: Production) -> list[WorkOrder]:
    """The work orders that the MES still or already knows: from its memory to two weeks ahead."""
    since, until = epoch(MES_SINCE), epoch(NOW + timedelta(days=14))
    return [
        order
        for order in made.work_orders
        if order.planned_start < until and (order.finished is None or order.finished > since)
    ]


def _work_orders(made: Production) -> list[JsonRow]:
    running = {span.work_order for span in made.spans if span.end is None}
    return [
        {
            "work_order_no": _order_no(order.number), "machine": order.machine, "line": _LINE[order.machine],
            "product_code": order.product, "quantity": order.quantity, "status": order.status,
            "priority": 1 if order.number in running else 2 + order.number % 4,
            "planned_start": _iso(order.planned_start), "planned_end": _iso(order.planned_end),
            "started_at": _iso(order.started), "finished_at": _iso(order.finished),
            "good_count": order.good if order.started is not None else None,
            "scrap_count": order.scrap if order.started is not None else None,
        }
        for order in shown_orders(made)
    ]  # fmt: skip


def _machine_states(made: Production) -> list[JsonRow]:
    repair = {stop.machine: stop.start + stop.repair_hours * 3600 for stop in STOPS_NOW}
    spans = sorted(made.spans, key=lambda span: (span.start, span.machine))
    return [
        {
            "state_id": 9000001 + position, "machine": span.machine, "line": _LINE[span.machine],
            "status": span.state, "reason": span.reason, "started_at": _iso(span.start), "ended_at": _iso(span.end),
            "work_order_no": _order_no(span.work_order),
            "expected_end": _iso(repair[span.machine]) if span.end is None and span.machine in repair else None,
        }
        for position, span in enumerate(spans)
    ]  # fmt: skip


def _production_counts(made: Production) -> list[JsonRow]:
    random = generator("bookings")
    counts = sorted(made.counts, key=lambda count: (count.shift.start, count.machine, count.work_order or 0))
    return [
        {
            "count_id": 5000001 + position, "machine": count.machine, "line": _LINE[count.machine],
            "shift_date": count.shift.day.isoformat(), "shift": count.shift.name,
            "shift_start": _iso(count.shift.start), "shift_end": _iso(count.shift.end),
            "work_order_no": _order_no(count.work_order), "product_code": count.product,
            "good_count": count.good, "scrap_count": count.scrap, "ideal_cycle_s": count.ideal_cycle_s,
            # Counts that the machine booked by itself have no name.
            "booked_by": _OPERATORS[int(random.random() * len(_OPERATORS))] if random.random() < 0.4 else None,
        }
        for position, count in enumerate(counts)
    ]  # fmt: skip


def _scrap_reports(made: Production) -> list[JsonRow]:
    random = generator("scrap reports")
    found: list[JsonRow] = []
    for position, scrap in enumerate(made.scrap):
        operator = _OPERATORS[int(random.random() * len(_OPERATORS))]
        unnamed, remarked = random.random() < 0.08, random.random() < 0.3
        found.append(
            {
                "scrap_id": 7000001 + position, "reported_at": _iso(scrap.at), "machine": scrap.machine,
                "line": _LINE[scrap.machine], "shift": scrap.shift.name, "work_order_no": _order_no(scrap.work_order),
                "product_code": scrap.product, "cause_code": scrap.cause, "cause": _CAUSE[scrap.cause],
                "quantity": scrap.quantity, "operator": None if unnamed else operator,
                "comment": _COMMENTS.get(scrap.cause) if remarked else None,
            }
        )  # fmt: skip
    return found


TABLES = (
    Table(
        "work_orders", "work_order_no",
        {
            "work_order_no": "VARCHAR", "machine": "VARCHAR", "line": "VARCHAR", "product_code": "VARCHAR",
            "quantity": "INTEGER", "status": "VARCHAR", "priority": "INTEGER",
            "planned_start": "TIMESTAMP WITH TIME ZONE", "planned_end": "TIMESTAMP WITH TIME ZONE",
            "started_at": "TIMESTAMP WITH TIME ZONE", "finished_at": "TIMESTAMP WITH TIME ZONE",
            "good_count": "INTEGER", "scrap_count": "INTEGER",
        },
        "planned_start", "planned_end", _work_orders,
    ),
    Table(
        "machine_states", "state_id",
        {
            "state_id": "INTEGER", "machine": "VARCHAR", "line": "VARCHAR", "status": "VARCHAR", "reason": "VARCHAR",
            "started_at": "TIMESTAMP WITH TIME ZONE", "ended_at": "TIMESTAMP WITH TIME ZONE",
            "work_order_no": "VARCHAR", "expected_end": "TIMESTAMP WITH TIME ZONE",
        },
        "started_at", "ended_at", _machine_states,
    ),
    Table(
        "production_counts", "count_id",
        {
            "count_id": "INTEGER", "machine": "VARCHAR", "line": "VARCHAR", "shift_date": "DATE", "shift": "VARCHAR",
            "shift_start": "TIMESTAMP WITH TIME ZONE", "shift_end": "TIMESTAMP WITH TIME ZONE",
            "work_order_no": "VARCHAR", "product_code": "VARCHAR", "good_count": "INTEGER", "scrap_count": "INTEGER",
            "ideal_cycle_s": "INTEGER", "booked_by": "VARCHAR",
        },
        "shift_start", "shift_end", _production_counts,
    ),
    Table(
        "scrap_reports", "scrap_id",
        {
            "scrap_id": "INTEGER", "reported_at": "TIMESTAMP WITH TIME ZONE", "machine": "VARCHAR", "line": "VARCHAR",
            "shift": "VARCHAR", "work_order_no": "VARCHAR", "product_code": "VARCHAR", "cause_code": "VARCHAR",
            "cause": "VARCHAR", "quantity": "INTEGER", "operator": "VARCHAR", "comment": "VARCHAR",
        },
        "reported_at", "reported_at", _scrap_reports,
    ),
)  # fmt: skip
BY_NAME = {table.name: table for table in TABLES}


@cache
def rows(name: str) -> tuple[JsonRow, ...]:
    """All rows of the table `name`, in the order of its key or of time; KeyError when there is no such table."""
    return tuple(BY_NAME[name].rows(produce()))

"""Master data and story of the demo plant: who makes what, on which machine, for whom, and what goes wrong.

Hallwig Hydraulik makes gear pumps, piston pumps and valves on three lines of four machines, in three
shifts from Sunday 22:00 to Friday 22:00. Two things are going wrong at `NOW`: the spindle bearing of
`L2-GRD-01` has failed after a week of rising vibration, and a batch of porous castings went into piston
pumps in the middle of March. Every company, person and product here is invented.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

SEED = "hallwig-1"
ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 31, 14, 0, tzinfo=ZONE)
"""The plant's present: a Tuesday, at the handover from early to late shift."""
STORY_START = datetime(2024, 11, 3, 22, 0, tzinfo=ZONE)
MES_SINCE = datetime(2026, 3, 1, 22, 0, tzinfo=ZONE)
"""The MES and the historian keep four weeks; older production is known to the ERP only."""


def generator(purpose: str) -> Random:
    """A random generator of its own for one purpose, so that a change in one part leaves the others alone."""
    return Random(f"{SEED}:{purpose}")  # noqa: S311  (made-up data, not cryptography)


def epoch(moment: datetime) -> int:
    """Seconds since 1970 in UTC."""
    return int(moment.timestamp())


def utc(seconds: int) -> datetime:
    """The UTC moment of `epoch` seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def local(seconds: int) -> datetime:
    """The plant's wall clock at `epoch` seconds, without a zone: how the ERP writes time."""
    return datetime.fromtimestamp(seconds, ZONE).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Line:
    """A production line; it makes one family of products."""

    code: str
    name: str
    family: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine; `pace` is its usual share of the ideal speed, `uptime_minutes` its mean time between stops."""

    code: str
    line: str
    name: str
    commissioned: date
    hourly_rate: str
    pace: float
    uptime_minutes: int


@dataclass(frozen=True, slots=True)
class Product:
    """Something that is sold, made or bought; `ideal_cycle_s` and `list_price` only where it is sold."""

    code: str
    name: str
    kind: str
    family: str
    frame: str
    unit: str
    list_price: str | None = None
    ideal_cycle_s: int | None = None
    weight_kg: str | None = None
    supplier: str | None = None


@dataclass(frozen=True, slots=True)
class BomItem:
    """One line of a bill of material: `quantity` of `component` in one `product`."""

    product: str
    component: str
    quantity: str


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason for scrap, with its weight per family of products."""

    code: str
    name: str
    weights: dict[str, int]


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift, [start, end) in epoch seconds; `day` is the date on which it starts being counted."""

    day: date
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop that the story demands: from `start` to the present the machine does not run."""

    machine: str
    start: int
    state: str
    reason: str
    repair_hours: int


@dataclass(frozen=True, slots=True)
class BadBatch:
    """A purchased batch with a defect: used in [start, end), it shows as scrap of one cause."""

    component: str
    housing: str
    frame: str
    family: str
    start: int
    end: int
    cause: str
    supplier_lot: str
    note: str


LINES = (
    Line("L1", "Gear pumps", "GP"),
    Line("L2", "Piston pumps", "PP"),
    Line("L3", "Directional valves", "DV"),
)

MACHINES = (
    Machine("L1-TUR-01", "L1", "Turning centre T-400", date(2016, 5, 9), "78.50", 0.95, 560),
    Machine("L1-TUR-02", "L1", "Turning centre T-400", date(2017, 2, 20), "78.50", 0.94, 520),
    Machine("L1-MIL-01", "L1", "Machining centre M5-630", date(2019, 9, 2), "96.00", 0.93, 480),
    Machine("L1-HON-01", "L1", "Honing machine H-250", date(2014, 3, 17), "64.00", 0.92, 430),
    Machine("L2-MIL-01", "L2", "Machining centre M5-800", date(2020, 11, 16), "112.00", 0.92, 460),
    Machine("L2-MIL-02", "L2", "Machining centre M5-800", date(2021, 1, 11), "112.00", 0.91, 430),
    Machine("L2-GRD-01", "L2", "Cylindrical grinder G-320", date(2009, 8, 24), "88.00", 0.86, 300),
    Machine("L2-LAP-01", "L2", "Lapping machine LP-2", date(2012, 6, 4), "71.50", 0.90, 400),
    Machine("L3-TUR-01", "L3", "Swiss-type lathe S-32", date(2018, 4, 3), "69.00", 0.95, 540),
    Machine("L3-MIL-01", "L3", "Machining centre M4-400", date(2018, 10, 8), "92.00", 0.93, 470),
    Machine("L3-MIL-02", "L3", "Machining centre M4-400", date(2022, 3, 14), "92.00", 0.96, 610),
    Machine("L3-HON-01", "L3", "Honing machine H-180", date(2015, 7, 27), "64.00", 0.92, 420),
)

SHIFT_NAMES = ("night", "early", "late")
SHIFT_PACE = {"night": 0.96, "early": 1.0, "late": 0.985}
SHIFT_HOURS = {"night": (22, 6), "early": (6, 14), "late": (14, 22)}
HOLIDAYS = frozenset(
    [date(2024, 12, day) for day in range(24, 32)]
    + [date(2025, 12, day) for day in range(24, 32)]
    + [date(2025, 1, 1), date(2025, 4, 18), date(2025, 4, 21), date(2025, 5, 1), date(2025, 5, 29)]
    + [date(2025, 6, 9), date(2025, 10, 3), date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 6)]
    + [date(2026, 5, 1), date(2026, 5, 14), date(2026, 5, 25)]
)

CAUSES = (
    Cause("DIM", "Dimension out of tolerance", {"GP": 34, "PP": 26, "DV": 30}),
    Cause("SUR", "Surface finish", {"GP": 16, "PP": 24, "DV": 18}),
    Cause("BUR", "Burr", {"GP": 20, "PP": 8, "DV": 26}),
    Cause("POR", "Porosity", {"GP": 6, "PP": 7, "DV": 3}),
    Cause("LEK", "Leak test failed", {"GP": 12, "PP": 16, "DV": 14}),
    Cause("HAN", "Handling damage", {"GP": 7, "PP": 6, "DV": 6}),
    Cause("SET", "Set-up piece", {"GP": 5, "PP": 13, "DV": 3}),
)

STOP_REASONS = (
    ("down", "tool_breakage", 24),
    ("down", "coolant_system", 12),
    ("down", "sensor_fault", 16),
    ("down", "chip_jam", 18),
    ("down", "hydraulic_leak", 6),
    ("idle", "no_material", 12),
    ("idle", "no_operator", 12),
)


def _at(month: int, day: int, hour: int, minute: int = 0) -> int:
    return epoch(datetime(2026, month, day, hour, minute, tzinfo=ZONE))


STOPS_NOW = (
    Stop("L2-GRD-01", _at(3, 31, 8, 40), "down", "spindle_bearing", 32),
    Stop("L3-MIL-02", _at(3, 31, 13, 20), "down", "tool_changer", 5),
    Stop("L1-HON-01", _at(3, 31, 13, 45), "idle", "no_material", 2),
)
BEARING_MACHINE = "L2-GRD-01"
BEARING_WEAR_SINCE = _at(3, 24, 6)

BAD_BATCH = BadBatch(
    "CST-PP-B", "HSG-PP-B", "PP-B", "PP", _at(3, 15, 22), _at(3, 20, 6), "POR", "OŁ-26/0311-7",
    "Porosity at the bearing seat, complaint 8D-2026-031",
)  # fmt: skip


def shifts(start: datetime, end: datetime) -> list[Shift]:
    """All worked shifts that begin in [start, end), in order; none on Saturday, Sunday's day and holidays."""
    found: list[Shift] = []
    day = start.astimezone(ZONE).date()
    while day <= end.astimezone(ZONE).date() + timedelta(days=1):
        if day.weekday() < 5 and day not in HOLIDAYS:
            for name in SHIFT_NAMES:
                first, last = SHIFT_HOURS[name]
                opening = day - timedelta(days=1) if name == "night" else day
                begin = datetime(opening.year, opening.month, opening.day, first, tzinfo=ZONE)
                finish = datetime(day.year, day.month, day.day, last, tzinfo=ZONE)
                if start <= begin < end:
                    found.append(Shift(day, name, epoch(begin), epoch(finish)))
        day += timedelta(days=1)
    return found

"""The historian of the demo plant: one million sensor readings as Parquet, one file per machine.

Every machine has four tags, read every two minutes. Readings follow the machine's states: a stopped
spindle draws no current, a grinder with a worn bearing vibrates. Values carry an OPC quality (192 good,
64 uncertain, 0 bad), a bad one has no value; collectors fail now and then, which leaves gaps.
"""

from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from server.demo.plant import BEARING_MACHINE, BEARING_WEAR_SINCE, MACHINES, MES_SINCE, NOW, Machine, epoch, generator
from server.demo.production import StateSpan, produce

PERIOD_S = 120
TOTAL = 1_000_000
ROW_GROUP = 8192
GOOD, UNCERTAIN, BAD = 192, 64, 0


@dataclass(frozen=True, slots=True)
class Tag:
    """A measured quantity: its level in each machine state, its noise, and the limits of the alarm system."""

    name: str
    unit: str
    running: float
    setup: float
    stopped: float
    noise: float
    inertia: float
    digits: int
    warn_limit: float | None
    alarm_limit: float | None


TAGS = (
    Tag("temperature", "°C", 61.0, 47.0, 24.0, 1.3, 0.94, 2, 75.0, 85.0),
    Tag("pressure", "bar", 142.0, 118.0, 4.0, 3.2, 0.3, 1, 175.0, 190.0),
    Tag("vibration", "mm/s", 2.1, 0.9, 0.12, 0.28, 0.0, 3, 4.5, 7.1),
    Tag("spindle_current", "A", 31.0, 6.5, 0.0, 2.4, 0.0, 2, 52.0, 60.0),
)
_READING_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("machine", pa.string(), nullable=False),
    pa.field("tag", pa.string(), nullable=False),
    pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("value", pa.float64()),
    pa.field("quality", pa.int16(), nullable=False),
]
_TAG_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("machine", pa.string(), nullable=False),
    pa.field("tag", pa.string(), nullable=False),
    pa.field("unit", pa.string(), nullable=False),
    pa.field("warn_limit", pa.float64()),
    pa.field("alarm_limit", pa.float64()),
]
READINGS_SCHEMA = pa.schema(_READING_FIELDS)
TAGS_SCHEMA = pa.schema(_TAG_FIELDS)


def _times(position: int) -> list[int]:
    """The moments at which one machine's collector read its tags, without the gaps; each a bit beside the others."""
    first = epoch(MES_SINCE) + 5 + 7 * position
    moments = list(range(first, epoch(NOW), PERIOD_S))
    machines, tags = len(MACHINES), len(TAGS)
    share, rest = divmod(TOTAL // tags, machines)
    surplus = len(moments) - share - (1 if position < rest else 0)
    random = generator(f"gaps:{position}")
    while surplus:
        length = min(surplus, 15 + int(random.random() * 150))
        # The last three days stay whole: dashboards of the present should not be empty by accident.
        start = int(random.random() * (len(moments) - 2300))
        del moments[start : start + length]
        surplus -= length
    return moments


def _states(spans: list[StateSpan], moments: list[int]) -> bytearray:
    """For every moment 2 when the machine runs, 1 when it is set up, else 0."""
    codes = bytearray(len(moments))
    for span in spans:
        code = {"running": 2, "setup": 1}.get(span.state, 0)
        if code:
            start = bisect_left(moments, span.start)
            end = len(moments) if span.end is None else bisect_left(moments, span.end)
            codes[start:end] = bytes([code]) * (end - start)
    return codes


def _wear(machine: Machine, moments: list[int]) -> list[float]:
    """How far the spindle bearing has gone, 0 to 1: a curve that ends in the failure."""
    if machine.code != BEARING_MACHINE:
        return [0.0] * len(moments)
    span = epoch(NOW) - 5 * 3600 - BEARING_WEAR_SINCE
    return [min(1.0, max(0.0, (at - BEARING_WEAR_SINCE) / span)) ** 2 for at in moments]


def _levels(tag: Tag, machine: Machine, states: bytearray, wear: list[float]) -> list[float]:
    scale = 1.0 + (machine.uptime_minutes % 70 - 35) / 250
    level = (tag.stopped, tag.setup * scale, tag.running * scale)
    gain = {"vibration": 6.6, "temperature": 14.0, "spindle_current": 9.0}.get(tag.name, 0.0)
    targets = [level[state] + (gain * worn if state == 2 else 0.0) for state, worn in zip(states, wear, strict=True)]
    if not tag.inertia:
        return targets
    keep, take, now = tag.inertia, 1.0 - tag.inertia, targets[0]
    smooth = []
    for target in targets:
        now = keep * now + take * target
        smooth.append(now)
    return smooth


def _noise(random: Random, count: int) -> list[float]:
    """Triangular noise in (-1, 1), in one draw; no logarithms, whose last digit differs between machines."""
    dice = random.randbytes(2 * count)
    return [(one - two) / 256 for one, two in zip(dice[::2], dice[1::2], strict=True)]


def _series(tag: Tag, machine: Machine, states: bytearray, wear: list[float]) -> tuple[list[float | None], list[int]]:
    random = generator(f"readings:{machine.code}:{tag.name}")
    count = len(states)
    swing = (0.0 if tag.stopped == 0.0 else tag.noise * 0.15, tag.noise * 0.6, tag.noise)
    digits = tag.digits
    values: list[float | None] = [
        round(max(0.0, level + noise * swing[state]), digits)
        for level, noise, state in zip(
            _levels(tag, machine, states, wear), _noise(random, count), states, strict=True
        )
    ]
    quality = [GOOD] * count
    for _ in range(count // 700):
        at = int(random.random() * count)
        kind = random.random()
        value = values[at]
        if value is None or kind < 0.3:
            values[at], quality[at] = None, BAD
        elif kind < 0.5:
            quality[at] = UNCERTAIN
        else:
            # A spike; the historian itself doubts most of them.
            values[at] = round(value * (1.35 + 0.6 * random.random()), digits)
            quality[at] = UNCERTAIN if random.random() < 0.8 else GOOD
    return values, quality


def machine_readings(position: int) -> pa.Table:
    """All readings of the machine at `position` of MACHINES, by tag, then by time."""
    machine = MACHINES[position]
    moments = _times(position)
    states = _states([span for span in produce().spans if span.machine == machine.code], moments)
    wear = _wear(machine, moments)
    count = len(moments)
    stamps = pa.array([at * 1_000_000 for at in moments], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    parts = []
    for tag in TAGS:
        values, quality = _series(tag, machine, states, wear)
        columns: list[pa.Array[Any]] = [
            pa.repeat(machine.code, count),
            pa.repeat(tag.name, count),
            stamps,
            pa.array(values, pa.float64()),
            pa.array(quality, pa.int16()),
        ]
        parts.append(pa.Table.from_arrays(columns, schema=READINGS_SCHEMA))
    return pa.concat_tables(parts)


def tag_list() -> pa.Table:
    """What each machine's tags mean, and the limits of the alarm system."""
    pairs = [(machine, tag) for machine in MACHINES for tag in TAGS]
    return pa.Table.from_pydict(
        {
            "machine": [machine.code for machine, _ in pairs],
            "tag": [tag.name for _, tag in pairs],
            "unit": [tag.unit for _, tag in pairs],
            "warn_limit": [tag.warn_limit for _, tag in pairs],
            "alarm_limit": [tag.alarm_limit for _, tag in pairs],
        },
        schema=TAGS_SCHEMA,
    )


def write_historian(directory: Path) -> None:
    """Write `readings/<machine>.parquet` and `tags.parquet` under `directory`."""
    readings = directory / "readings"
    readings.mkdir(parents=True)
    for position, machine in enumerate(MACHINES):
        pq.write_table(machine_readings(position), readings / f"{machine.code}.parquet", row_group_size=ROW_GROUP)
    pq.write_table(tag_list(), directory / "tags.parquet")

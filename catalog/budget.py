"""The budget of a connection: what its source may be asked for at once, per second and per statement, and when.

    budget:
      statements: 4
      statements_per_second: 10
      rows: 5000000
      bytes: 2000000000
      timeout: 60
      windows:
        - {name: month-end, days: [last, "1-2"], from: "18:00", to: "06:00", statements: 0}

Windows are in the connection's time zone. One that ends before it begins goes on into the next day.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from catalog.errors import InvalidRecordError
from catalog.names import check_text
from catalog.records import Budget, Window

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIELDS = ("statements", "statements_per_second", "rows", "bytes", "timeout", "windows")
WINDOW_FIELDS = ("name", "days", "from", "to", "statements")
MAX_WINDOWS = 50
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)
_STEPS = 1_000


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """How many statements a budget allows at a moment. None: it does not say. `until`: when it will be more, as far
    as windows are the reason and it ever is; `window`: the name of the one that is."""

    statements: int | None
    until: datetime | None = None
    window: str = ""


def standing(budget: Budget, zone: str | None, moment: datetime) -> Standing:
    """What a budget allows at a moment."""
    if not budget.windows or zone is None:
        return Standing(budget.statements)
    place = ZoneInfo(zone)
    allowed, window = _allowed(budget, place, moment)
    if window is None:
        return Standing(allowed)
    until = moment
    for _ in range(_STEPS):
        ends = [end for end, _ in _active(budget, place, until)]
        if not ends:
            break
        until = max(min(ends), until + timedelta(seconds=1))
        later, _ = _allowed(budget, place, until)
        if later is None or (allowed is not None and later > allowed):
            break
    else:
        return Standing(allowed, None, window.name)  # always, as far as anybody will wait
    return Standing(allowed, until, window.name)


def _allowed(budget: Budget, zone: ZoneInfo, moment: datetime) -> tuple[int | None, Window | None]:
    """The least that the budget and the windows of a moment allow, and the window that says so."""
    tightest = min((w for _, w in _active(budget, zone, moment)), key=lambda w: w.statements, default=None)
    if tightest is None or (budget.statements is not None and budget.statements <= tightest.statements):
        return budget.statements, None
    return tightest.statements, tightest


def _active(budget: Budget, zone: ZoneInfo, moment: datetime) -> list[tuple[datetime, Window]]:
    """The windows that a moment lies in, each with its end."""
    local = moment.astimezone(zone)
    found = []
    for window in budget.windows:
        for day in (local.date(), local.date() - timedelta(days=1)):
            if _is_day(window, day):
                begin, end = _span(window, day, zone)
                if begin <= moment < end:
                    found.append((end, window))
    return found


def _span(window: Window, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A window of the day on which it begins, as two moments. In a repeated hour the first counts, in a skipped one
    what the clocks show after it."""
    last = day if window.start < window.end else day + timedelta(days=1)
    return _moment(day, window.start, zone), _moment(last, window.end, zone)


def _moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


def _is_day(window: Window, day: date) -> bool:
    if not window.days:
        return True
    last = (day + timedelta(days=1)).day == 1
    return any(
        {str(day.day), WEEKDAYS[day.weekday()]} & _days(text) or (last and text == "last") for text in window.days
    )


def _days(text: str) -> set[str]:
    """`mon`, `mon-fri`, `fri-mon`, `15`, `25-31`, `last` as single days; the empty set for what is none of these."""
    begin, dash, end = text.partition("-")
    for names in (WEEKDAYS, tuple(map(str, range(1, 32)))):
        if begin in names and (not dash or end in names):
            first, last = names.index(begin), names.index(end or begin)
            if first <= last:
                return set(names[first : last + 1])
            return {*names[first:], *names[: last + 1]} if names is WEEKDAYS else set()
    return {"last"} if text == "last" else set()


def check_budget(budget: Budget, zone: str | None) -> None:
    """Refuse a budget that can't be meant. Raises InvalidRecordError, naming the field."""
    for name, whole in (("statements", True), ("rows", True), ("bytes", True), ("timeout", False)):
        _check_number(f"budget.{name}", getattr(budget, name), whole=whole)
    _check_number("budget.statements_per_second", budget.statements_per_second, whole=False)
    if budget.windows and zone is None:
        raise InvalidRecordError(
            "budget.windows",
            "the connection has no time_zone, so nobody knows when they are.",
            hint="Set time_zone on the connection, for example Europe/Berlin.",
        )
    if len(budget.windows) > MAX_WINDOWS:
        raise InvalidRecordError("budget.windows", f"there are {len(budget.windows)}; at most {MAX_WINDOWS}.")
    for number, window in enumerate(budget.windows):
        _check_window(f"budget.windows[{number}]", window)


def _check_number(field: str, value: object, *, whole: bool) -> None:
    if value is None:
        return
    kinds = (int,) if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not 0 < value < 2**63:
        raise InvalidRecordError(field, f"it must be a {'whole ' if whole else ''}number above 0.")


def _check_window(field: str, window: Window) -> None:
    check_text(f"{field}.name", window.name)
    for name, clock in (("from", window.start), ("to", window.end)):
        if not isinstance(clock, str) or not _TIME.fullmatch(clock):
            raise InvalidRecordError(
                f"{field}.{name}", 'it must be a time such as "06:30".', hint="Put it in quotes."
            )
    if window.start == window.end or window.start == "24:00":
        raise InvalidRecordError(
            f"{field}.from", "the window has no length.", hint='A whole day is "00:00" to "24:00".'
        )
    for text in window.days:
        if not isinstance(text, str) or not _days(text):
            raise InvalidRecordError(
                f"{field}.days",
                f"{str(text)[:20]!r} is no day.",
                hint="Write mon … sun, 1 … 31, mon-fri, 25-31, last.",
            )
    if not isinstance(window.statements, int) or isinstance(window.statements, bool) or window.statements < 0:
        raise InvalidRecordError(f"{field}.statements", "it must be 0 (closed) or a whole number above.")


def budget_values(budget: Budget) -> dict[str, Any]:
    """The budget as JSON and YAML hold it; what says nothing is left out."""
    found = {name: getattr(budget, name) for name in FIELDS if getattr(budget, name) not in (None, ())}
    if budget.windows:
        found["windows"] = [_window_values(window) for window in budget.windows]
    return found


def _window_values(window: Window) -> dict[str, Any]:
    values: dict[str, Any] = {"name": window.name} if window.name else {}
    if window.days:
        values["days"] = list(window.days)
    return {**values, "from": window.start, "to": window.end, "statements": window.statements}


def budget_of(values: Mapping[str, Any]) -> Budget:
    """Inverse of `budget_values`; `check_budget` looks at what is in it. Raises InvalidRecordError for its form."""
    _known("budget", values, FIELDS)
    windows = values.get("windows") or ()
    if not isinstance(windows, Sequence) or isinstance(windows, str):
        raise InvalidRecordError("budget.windows", "it must be a list.")
    numbers = {name: values.get(name) for name in FIELDS if name != "windows"}
    return Budget(**numbers, windows=tuple(_window(f"budget.windows[{n}]", one) for n, one in enumerate(windows)))


def _window(field: str, values: Any) -> Window:
    _known(field, values, WINDOW_FIELDS)
    days = values.get("days") or ()
    if not isinstance(days, Sequence) or isinstance(days, str):
        raise InvalidRecordError(f"{field}.days", "it must be a list.", hint="Write `days: [mon-fri, last]`.")
    written = tuple(str(day) if isinstance(day, int) and not isinstance(day, bool) else day for day in days)
    start, end = values.get("from", "00:00"), values.get("to", "24:00")
    return Window(values.get("name", ""), written, start, end, values.get("statements", 0))


def _known(field: str, values: Any, names: Sequence[str]) -> None:
    if not isinstance(values, Mapping):
        raise InvalidRecordError(field, "it must be a mapping of fields.", hint=f"Fields: {', '.join(names)}.")
    for name in values:
        if name not in names:
            raise InvalidRecordError(
                field, f"it has no field {str(name)[:40]!r}.", hint=f"Fields: {', '.join(names)}."
            )

import itertools
from datetime import UTC, date, datetime, timedelta

from server.demo.plant import MACHINES, NOW, STORY_START, epoch, local, shifts, utc


def test_shifts_are_eight_hours_and_never_overlap() -> None:
    found = shifts(STORY_START, NOW)
    assert all(shift.end - shift.start == 8 * 3600 for shift in found)
    assert all(one.end <= two.start for one, two in itertools.pairwise(found))
    assert found[-1].end == epoch(NOW)


def test_weekends_and_holidays_have_no_shift_except_the_sunday_night_before_a_workday() -> None:
    days = {shift.day for shift in shifts(STORY_START, NOW)}
    assert all(day.weekday() < 5 for day in days)
    assert date(2025, 12, 25) not in days
    monday_night = shifts(datetime(2026, 3, 29, 12, tzinfo=UTC), NOW)[0]
    assert (monday_night.day, monday_night.name) == (date(2026, 3, 30), "night")
    assert local(monday_night.start) == datetime(2026, 3, 29, 22)


def test_local_time_follows_summer_time() -> None:
    winter, summer = epoch(datetime(2026, 3, 27, 12, tzinfo=UTC)), epoch(datetime(2026, 3, 30, 12, tzinfo=UTC))
    assert local(winter) - utc(winter).replace(tzinfo=None) == timedelta(hours=1)
    assert local(summer) - utc(summer).replace(tzinfo=None) == timedelta(hours=2)


def test_there_are_twelve_machines_on_three_lines() -> None:
    assert len(MACHINES) == 12
    assert {machine.line for machine in MACHINES} == {"L1", "L2", "L3"}

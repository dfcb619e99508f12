"""Budgets of connections: their form, their windows, and that no file loses them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from catalog.budget import Standing, budget_of, budget_values, check_budget, standing
from catalog.connection_file import read_connections, write_connections
from catalog.errors import FilesError, InvalidRecordError
from catalog.files import no_secrets
from catalog.records import Budget, Connection, Window
from catalog.workspace_store import WorkspaceStore

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    """A moment by Berlin's clocks."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)


def closed(window: Window, moment: str, budget: Budget | None = None) -> Standing:
    return standing(budget or Budget(windows=(window,)), BERLIN, at(moment))


NIGHT = Window("backup", ("mon-fri",), "22:00", "04:00", 0)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-23T21:59", None),  # a Monday
        ("2026-11-23T22:00", "2026-11-24T04:00"),
        ("2026-11-24T03:59", "2026-11-24T04:00"),
        ("2026-11-24T04:00", None),
        ("2026-11-28T03:00", "2026-11-28T04:00"),  # Friday's window goes on into Saturday
        ("2026-11-28T23:00", None),
        ("2026-11-23T03:00", None),  # Sunday night is none
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(moment: str, until: str | None) -> None:
    assert closed(NIGHT, moment) == (Standing(0, at(until), "backup") if until else Standing(None))


@pytest.mark.parametrize(
    ("moment", "inside"),
    [("2026-02-28T12:00", True), ("2026-02-27T12:00", False), ("2028-02-28T12:00", False),
     ("2028-02-29T12:00", True), ("2026-12-31T12:00", True), ("2026-12-01T12:00", True)],
)  # fmt: skip
def test_month_end_is_the_last_day_of_any_month(moment: str, inside: bool) -> None:
    found = closed(Window("month-end", ("last", "1"), "00:00", "24:00", 0), moment)
    assert (found.statements == 0) == inside


def test_windows_that_touch_are_one_closed_time_and_the_tightest_counts() -> None:
    budget = Budget(
        statements=4,
        windows=(
            Window("mrp", (), "01:00", "02:00", 0),
            Window("backup", (), "02:00", "03:00", 0),
            Window("after", (), "02:30", "05:00", 2),
        ),
    )
    assert standing(budget, BERLIN, at("2026-11-24T01:30")) == Standing(0, at("2026-11-24T03:00"), "mrp")
    assert standing(budget, BERLIN, at("2026-11-24T03:30")) == Standing(2, at("2026-11-24T05:00"), "after")
    assert standing(budget, BERLIN, at("2026-11-24T05:00")) == Standing(4)


def test_always_closed_is_said_without_looking_for_ever() -> None:
    found = closed(Window("off", (), "00:00", "24:00", 0), "2026-11-24T12:00")
    assert found == Standing(0, None, "off")


@pytest.mark.parametrize("moment", ["2026-03-29T01:59", "2026-03-29T03:30", "2026-10-25T02:30"])
def test_a_change_of_clocks_neither_opens_nor_loops(moment: str) -> None:
    """2026-03-29 02:00 to 03:00 is skipped, 2026-10-25 02:00 to 03:00 comes twice."""
    found = closed(Window("", (), "00:30", "05:00", 0), moment)
    assert found == Standing(0, at(moment[:10] + "T05:00"), "")


FULL = Budget(4, 10, 5_000_000, 2_000_000_000, 60.5, (NIGHT, Window("", ("last", "25-27"), "18:00", "24:00", 1)))


def test_files_and_the_database_lose_nothing(plant: WorkspaceStore) -> None:
    connection = Connection("erp", "sqlite", {}, BERLIN, budget=FULL)
    (read,) = read_connections(write_connections([connection]), "connections.yaml", no_secrets)
    assert read == connection
    saved = plant.save_connection(connection)
    assert plant.get_connection("erp") == saved and saved.budget == FULL
    assert plant.save_connection(connection).version == saved.version
    assert budget_of(budget_values(FULL)) == FULL and budget_values(Budget()) == {}


@pytest.mark.parametrize(
    "budget",
    ["{statements: 0}", "{statements: 1.5}", "{rows: true}", "{timeout: -1}", "{row: 5}", "[]",
     "{windows: [{days: [moon]}]}", '{windows: [{from: "25:00"}]}', '{windows: [{from: "10:00", to: "10:00"}]}',
     "{windows: [{days: [32]}]}", "{windows: [{statements: -1}]}", "{windows: [{day: [mon]}]}", "{windows: 5}",
     "{windows: [{from: 10:00}]}", "{windows: [{days: [20-3]}]}"],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused_with_its_line(budget: str) -> None:
    text = f"erp:\n  connector: sqlite\n  time_zone: Europe/Berlin\n  budget: {budget}\n"
    with pytest.raises(FilesError, match=r"connections.yaml") as caught:
        read_connections(text, "connections.yaml", no_secrets)
    assert caught.value.details["line"] == 4


def test_windows_need_a_zone() -> None:
    with pytest.raises(InvalidRecordError, match="time_zone"):
        check_budget(Budget(windows=(NIGHT,)), None)

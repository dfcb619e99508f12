from __future__ import annotations

import dataclasses

import pytest

from catalog.errors import (
    ConflictError,
    InvalidRecordError,
    NameTakenError,
    NotFoundError,
    ViewCycleError,
    ViewInUseError,
)
from catalog.records import Draft, Problem, ViewColumn
from catalog.views import find_circle
from catalog.workspace_store import WorkspaceStore
from tests.catalog.sample import ERP, fill, view

ODD_SQL = "\r\n  SELECT 'it''s' AS \"a\", -- ünï 𝔘\r\n\t1 ;\n\n"


def test_a_view_comes_back_byte_for_byte(plant: WorkspaceStore) -> None:
    plant.save_connection(ERP)
    columns = (ViewColumn("a", "DECIMAL(12, 2)", False, "x"), ViewColumn("Ä", "TIMESTAMP WITH TIME ZONE"))
    given = view("Odd one", ODD_SQL, columns=columns, uses_tables=("erp.t",), key=("a",), comment="c", source="s")
    saved = plant.save_view(given)
    assert (saved.version, saved.created_by) == (1, "ada")
    assert saved.created_at is not None
    assert plant.get_view("ODD ONE") == saved
    assert plant.list_views() == (saved,)
    assert plant.read().view("odd one") == saved
    assert dataclasses.replace(saved, version=0, created_at=None, created_by="") == given


def test_a_save_that_says_nothing_new_makes_no_version(plant: WorkspaceStore) -> None:
    first = plant.save_view(view("v"))
    before = plant.read()
    assert plant.save_view(view("v")) == first
    assert plant.read() is before
    assert plant.save_view(view("v", "SELECT 1 AS a ")).version == 2
    assert plant.save_view(view("v", "SELECT 1 AS a ", columns=(ViewColumn("a", "BIGINT"),))).version == 3


def test_another_file_around_the_same_view_makes_no_version(plant: WorkspaceStore) -> None:
    plant.save_view(view("v", source="-- old\nCREATE VIEW v AS SELECT 1 AS a;"))
    saved = plant.save_view(view("v", source="-- new\nCREATE VIEW v AS SELECT 1 AS a;"))
    assert (saved.version, saved.source[:6]) == (1, "-- new")
    assert plant.read().view("v") == saved
    assert plant.save_view(view("v")).source == saved.source


def test_the_history_holds_every_version_the_latest_first(plant: WorkspaceStore) -> None:
    for number in range(3):
        plant.save_view(view("v", f"SELECT {number} AS a"))
    assert [(one.version, one.sql) for one in plant.view_history("V")] == [
        (3, "SELECT 2 AS a"),
        (2, "SELECT 1 AS a"),
        (1, "SELECT 0 AS a"),
    ]
    assert plant.get_view("v", 2).sql == "SELECT 1 AS a"
    with pytest.raises(NotFoundError, match="view version 'v version 4'"):
        plant.get_view("v", 4)


def test_a_stale_change_of_a_view_is_refused(plant: WorkspaceStore) -> None:
    plant.save_view(view("v"), expected_version=0)
    plant.save_view(view("v", "SELECT 2 AS a"), expected_version=1)
    with pytest.raises(ConflictError):
        plant.save_view(view("v", "SELECT 3 AS a"), expected_version=1)
    with pytest.raises(ConflictError, match="it is not there"):
        plant.save_view(view("w"), expected_version=1)
    assert [one.name for one in plant.list_views()] == ["v"]


def test_two_views_whose_names_differ_in_case_only_are_refused(plant: WorkspaceStore) -> None:
    plant.save_view(view("Orders"))
    with pytest.raises(NameTakenError, match=r"'orders'.*'Orders'"):
        plant.save_view(view("orders"))


def test_a_view_that_others_use_is_not_dropped(plant: WorkspaceStore) -> None:
    fill(plant)
    with pytest.raises(ViewInUseError) as caught:
        plant.drop_view("Orders")
    assert (caught.value.details["views"], caught.value.details["publications"]) == (["late"], ["Late"])
    plant.drop_publication("late")
    with pytest.raises(ViewInUseError, match="view 'late'"):
        plant.drop_view("orders")
    plant.drop_view("late")
    plant.drop_view("orders")
    assert plant.list_views() == ()
    assert plant.save_view(view("ORDERS")).version == 1


def test_what_a_view_uses_must_be_there_when_it_is_saved(plant: WorkspaceStore) -> None:
    with pytest.raises(NotFoundError, match="no view 'gone'"):
        plant.save_view(view("v", uses_views=("gone",)))
    with pytest.raises(NotFoundError, match="no connection 'erp'"):
        plant.save_view(view("v", uses_tables=("erp.orders",)))
    assert plant.list_views() == ()


def test_views_that_would_use_each_other_are_refused(plant: WorkspaceStore) -> None:
    plant.save_view(view("A"))
    plant.save_view(view("b", uses_views=("a",)))
    plant.save_view(view("c", uses_views=("b",)))
    with pytest.raises(ViewCycleError, match="A → c → b → A"):
        plant.save_view(view("A", uses_views=("c",)))
    with pytest.raises(ViewCycleError, match="new → new"):
        plant.save_view(view("new", uses_views=("new",)))


def test_a_circle_is_found_from_a_member_and_not_from_outside() -> None:
    uses = {"a": ["b"], "b": ["c", "d"], "c": ["b"], "d": []}
    assert find_circle(uses, "b") == ["b", "c", "b"]
    assert find_circle(uses, "a") == []


def test_columns_of_one_name_are_refused(plant: WorkspaceStore) -> None:
    columns = (ViewColumn("a", "INTEGER"), ViewColumn("A", "INTEGER"))
    with pytest.raises(InvalidRecordError, match="'a' and 'A'"):
        plant.save_view(view("v", columns=columns))
    with pytest.raises(InvalidRecordError):
        plant.save_view(view("v", columns=()))
    with pytest.raises(InvalidRecordError, match="line 2"):
        plant.save_view(view("v", "SELECT 1\n\0"))


def test_a_draft_may_be_invalid_and_goes_when_its_view_is_saved(plant: WorkspaceStore) -> None:
    problem = Problem("unknown_column", "there is no column 'x'", 1, 8, "Did you mean 'y'?")
    version = plant.read().version
    saved = plant.save_draft(Draft("V", "SELEC x", (problem,)))
    assert saved.updated_at is not None
    assert plant.get_draft("v") == saved
    assert plant.list_drafts() == (saved,)
    assert plant.read().version == version
    plant.save_view(view("V"))
    assert plant.list_drafts() == ()


def test_a_draft_of_a_name_that_is_taken_is_refused(plant: WorkspaceStore) -> None:
    plant.save_connection(ERP)
    with pytest.raises(NameTakenError):
        plant.save_draft(Draft("Erp", "SELECT 1"))
    plant.save_draft(Draft("w", "SELECT 1"))
    plant.drop_draft("W")
    with pytest.raises(NotFoundError):
        plant.drop_draft("w")

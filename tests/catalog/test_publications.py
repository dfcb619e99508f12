from __future__ import annotations

import dataclasses

import pytest

from catalog.errors import ConflictError, InvalidRecordError, NameTakenError, NotFoundError
from catalog.records import Limits, Publication
from catalog.workspace_store import WorkspaceStore
from tests.catalog.sample import fill, view

LIMITS = Limits(page_size=100, max_rows=10, max_bytes=2**40, timeout=1.5, min_client_rate=1, max_source_time=0.25)
LATE = Publication("Late", "late", {"late": 1, "orders": 1}, ("a",), "proven", frozenset({"odata"}), LIMITS, "c")


@pytest.fixture
def filled(plant: WorkspaceStore) -> WorkspaceStore:
    """The plant with views, without its publication."""
    fill(plant)
    plant.drop_publication("Late")
    return plant


def test_a_publication_comes_back_as_it_was_saved(filled: WorkspaceStore) -> None:
    assert filled.save_publication(LATE) == LATE
    assert filled.get_publication("LATE") == LATE
    assert filled.list_publications() == (LATE,)
    assert filled.read().publication("late") == LATE


def test_names_in_a_closure_and_a_key_are_spelled_as_the_views(filled: WorkspaceStore) -> None:
    saved = filled.save_publication(
        dataclasses.replace(LATE, view="LATE", closure={"LATE": 1, "Orders": 1}, key=("A",))
    )
    assert saved == LATE


def test_a_pinned_version_stays_readable_when_the_view_changes(filled: WorkspaceStore) -> None:
    filled.save_publication(LATE)
    filled.save_view(view("orders", "SELECT 2 AS a"))
    filled.save_view(view("orders", "SELECT 3 AS a"))
    catalog = filled.read()
    publication = catalog.publication("late")
    assert publication is not None and publication.closure["orders"] == 1
    assert [version for name, version in catalog.views if name == "orders"] == [1, 3]
    assert catalog.latest == {"late": 1, "orders": 3}


def test_publishing_again_moves_the_pins_and_the_version(filled: WorkspaceStore) -> None:
    filled.save_publication(LATE)
    filled.save_view(view("orders", "SELECT 2 AS a"))
    moved = filled.save_publication(dataclasses.replace(LATE, closure={"late": 1, "orders": 2}), expected_version=1)
    assert (moved.version, dict(moved.closure)) == (2, {"late": 1, "orders": 2})
    assert filled.save_publication(moved).version == 2
    with pytest.raises(ConflictError):
        filled.save_publication(LATE, expected_version=1)


def test_a_closure_that_is_not_whole_is_refused(filled: WorkspaceStore) -> None:
    for closure in ({"late": 1}, {"orders": 1}):
        with pytest.raises(InvalidRecordError, match="does not pin"):
            filled.save_publication(dataclasses.replace(LATE, closure=closure))
    with pytest.raises(NotFoundError):
        filled.save_publication(dataclasses.replace(LATE, closure={"late": 1, "orders": 7}))
    assert filled.list_publications() == ()


def test_publications_whose_names_differ_in_case_only_are_refused(filled: WorkspaceStore) -> None:
    filled.save_publication(LATE)
    with pytest.raises(NameTakenError, match=r"'late'.*'Late'"):
        filled.save_publication(dataclasses.replace(LATE, name="late"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"protocols": frozenset({"soap"})}, "protocols"),
        ({"protocols": frozenset()}, "protocols"),
        ({"key": (), "key_kind": "proven"}, "key_kind"),
        ({"key_kind": None}, "key_kind"),
        ({"key": ("b",)}, "key"),
        ({"key_kind": "guessed"}, "key_kind"),
        ({"limits": Limits(page_size=0)}, "limits.page_size"),
        ({"limits": Limits(max_rows=True)}, "limits.max_rows"),
        ({"limits": Limits(max_bytes=2**63)}, "limits.max_bytes"),
        ({"limits": Limits(timeout=float("nan"))}, "limits.timeout"),
        ({"comment": "\0"}, "comment"),
    ],
)
def test_a_wrong_field_is_named(filled: WorkspaceStore, changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRecordError) as caught:
        filled.save_publication(dataclasses.replace(LATE, **changes))  # type: ignore[arg-type]
    assert caught.value.details["field"] == field


def test_a_missing_publication_is_answered_with_the_nearest_name(filled: WorkspaceStore) -> None:
    filled.save_publication(LATE)
    with pytest.raises(NotFoundError) as caught:
        filled.drop_publication("lates")
    assert caught.value.hint == "Did you mean 'Late'?"

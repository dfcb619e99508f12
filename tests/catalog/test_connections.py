from __future__ import annotations

import dataclasses

import pytest

from catalog.errors import (
    ConflictError,
    ConnectionInUseError,
    InvalidNameError,
    InvalidRecordError,
    NameTakenError,
    NotFoundError,
    SecretInlineError,
)
from catalog.workspace_store import WorkspaceStore
from tests.catalog.sample import ERP, fill, schema, view


def test_a_connection_comes_back_as_it_was_saved(plant: WorkspaceStore) -> None:
    assert plant.save_connection(ERP, ["password"]) == ERP
    assert plant.get_connection("ERP") == ERP
    assert plant.list_connections() == (ERP,)
    assert plant.read().connection("Erp") == ERP


def test_saving_the_same_connection_again_changes_nothing(plant: WorkspaceStore) -> None:
    plant.save_connection(ERP)
    before = plant.read()
    assert plant.save_connection(ERP).version == 1
    assert plant.read() is before


def test_a_changed_connection_gets_the_next_version(plant: WorkspaceStore) -> None:
    plant.save_connection(ERP)
    changed = dataclasses.replace(ERP, config={**ERP.config, "options": {"size": 1, "on": 1}})
    assert plant.save_connection(changed, expected_version=1).version == 2
    true_for_one = dataclasses.replace(ERP, config={**ERP.config, "options": {"size": 1, "on": True}})
    assert plant.save_connection(true_for_one).version == 3


def test_a_stale_change_of_a_connection_is_refused(plant: WorkspaceStore) -> None:
    plant.save_connection(ERP)
    plant.save_connection(dataclasses.replace(ERP, comment="new"), expected_version=1)
    with pytest.raises(ConflictError) as caught:
        plant.save_connection(dataclasses.replace(ERP, comment="other"), expected_version=1)
    assert caught.value.details == {"kind": "connection", "name": "erp", "expected": 1, "found": 2}
    assert plant.get_connection("erp").comment == "new"


def test_an_inline_secret_is_refused_and_not_shown(plant: WorkspaceStore) -> None:
    with pytest.raises(SecretInlineError) as caught:
        plant.save_connection(dataclasses.replace(ERP, config={"password": "hunter2"}), ["password"])
    assert "password" in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../etc/passwd"),
        ("connector", ""),
        ("comment", "a\0b"),
        ("config", {"a": float("nan")}),
        ("config", {"a": object()}),
    ],
)
def test_a_wrong_field_is_named(plant: WorkspaceStore, field: str, value: object) -> None:
    with pytest.raises(InvalidRecordError) as caught:
        plant.save_connection(dataclasses.replace(ERP, **{field: value}))  # type: ignore[arg-type]
    assert caught.value.details["field"] == field


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "\ud800", "x" * 129, "line\u2028"])
def test_a_name_that_cannot_be_shown_is_refused(plant: WorkspaceStore, name: str) -> None:
    with pytest.raises(InvalidNameError):
        plant.save_connection(dataclasses.replace(ERP, name=name))
    with pytest.raises(InvalidNameError):
        plant.get_connection(name)


@pytest.mark.parametrize("name", ["2nd plant", 'a"b', "a'b; --", "Größe", "𝔘\u0301", " ", "x" * 128, "İ"])
def test_anything_that_sql_can_quote_is_a_name(plant: WorkspaceStore, name: str) -> None:
    plant.save_connection(dataclasses.replace(ERP, name=name))
    assert plant.get_connection(name).name == name
    assert plant.read().connection(name) is not None


def test_connections_and_views_share_one_space_of_names(plant: WorkspaceStore) -> None:
    plant.save_connection(ERP)
    with pytest.raises(NameTakenError, match="The view 'ERP' can't have this name: there is the connection 'erp'"):
        plant.save_view(view("ERP"))
    plant.save_view(view("Orders"))
    with pytest.raises(NameTakenError, match="the view 'Orders'"):
        plant.save_connection(dataclasses.replace(ERP, name="orders"))
    with pytest.raises(NameTakenError, match="the connection 'erp'"):
        plant.save_connection(dataclasses.replace(ERP, name="Erp"))


def test_a_connection_that_views_read_is_not_dropped(plant: WorkspaceStore) -> None:
    fill(plant)
    with pytest.raises(ConnectionInUseError, match="view 'orders'") as caught:
        plant.drop_connection("ERP")
    assert caught.value.details["views"] == ["orders"]


def test_a_connection_that_only_a_pinned_old_version_reads_is_not_dropped(plant: WorkspaceStore) -> None:
    fill(plant)
    plant.save_view(view("orders", "SELECT 2 AS a"))
    with pytest.raises(ConnectionInUseError):
        plant.drop_connection("erp")
    plant.drop_publication("late")
    plant.drop_connection("erp")


def test_a_dropped_connection_takes_its_schemas_and_frees_its_name(plant: WorkspaceStore) -> None:
    plant.save_connection(ERP)
    plant.save_schemas([schema("main.orders")])
    plant.drop_connection("erp")
    assert plant.list_schemas() == ()
    assert plant.read().schemas == {}
    plant.save_view(view("Erp"))
    with pytest.raises(NotFoundError):
        plant.drop_connection("erp")


def test_a_missing_connection_is_answered_with_the_nearest_name(plant: WorkspaceStore) -> None:
    plant.save_connection(ERP)
    with pytest.raises(NotFoundError) as caught:
        plant.get_connection("epr")
    assert caught.value.hint == "Did you mean 'erp'?"

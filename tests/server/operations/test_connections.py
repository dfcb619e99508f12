"""Connections are checked before they are kept, and tried where they are read: in a worker."""

import pytest

from catalog.errors import NotAdminError, SecretInlineError
from catalog.records import Connection
from catalog.scope import Scope
from connectors.sdk.errors import ConfigurationError
from server.operations.connections import infer, save_connection, try_connection
from server.operations.errors import RelationError

from .shop import Shop


def test_a_connection_is_saved_and_answers(shop: Shop) -> None:
    saved = save_connection(shop.state, shop.scope, shop.connection())
    assert saved.version == 1
    stages = try_connection(shop.state, shop.scope, "erp")
    assert stages and all(stage.ok for stage in stages)


def test_the_stage_that_fails_says_what_to_do(shop: Shop) -> None:
    wrong = Connection("gone", "sqlite", {"directory": str(shop.directory), "file": "missing.db"})
    save_connection(shop.state, shop.scope, wrong)
    *_, last = try_connection(shop.state, shop.scope, "gone")
    assert not last.ok and last.message and last.hint


def test_an_unknown_field_is_named_and_nothing_kept(shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="fil"):
        save_connection(shop.state, shop.scope, Connection("x", "sqlite", {"directory": "/tmp", "fil": "a"}))
    assert shop.state.store.workspace(shop.scope).list_connections() == ()


def test_a_secret_itself_is_refused_and_not_shown(shop: Shop) -> None:
    config: dict[str, object] = {"base_url": "https://mes.example", "auth": "bearer", "token": "hunter2"}
    with pytest.raises(SecretInlineError) as caught:
        save_connection(shop.state, shop.scope, Connection("mes", "rest", config))
    assert "hunter2" not in str(caught.value) and "token" in caught.value.message


def test_a_reference_is_kept_without_being_followed(shop: Shop) -> None:
    config: dict[str, object] = {
        "base_url": "https://mes.example",
        "auth": "bearer",
        "token": "env:VIEWLOOM_SECRET_NOT_SET",
    }
    saved = save_connection(shop.state, shop.scope, Connection("mes", "rest", config))
    assert saved.config["token"] == "env:VIEWLOOM_SECRET_NOT_SET"


def test_column_types_of_a_csv_file_are_proposed(shop: Shop) -> None:
    (shop.directory / "parts.csv").write_text("part,weight,made\nA1,2.5,2026-01-02\nB2,3.25,2026-01-03\n")
    save_connection(shop.state, shop.scope, Connection("lab", "files", {"directory": str(shop.directory)}))
    proposal = infer(shop.state, shop.scope, "lab", "parts")
    assert [(c.name, c.sql_type) for c in proposal.columns] == [
        ("part", "VARCHAR"),
        ("weight", "DECIMAL(18,2)"),
        ("made", "DATE"),
    ]


def test_a_database_has_nothing_to_infer(shop: Shop) -> None:
    save_connection(shop.state, shop.scope, shop.connection())
    with pytest.raises(RelationError, match="declares"):
        infer(shop.state, shop.scope, "erp", "orders")


def test_a_reader_may_not_try_connections(shop: Shop) -> None:
    save_connection(shop.state, shop.scope, shop.connection())
    reader = Scope(shop.scope.tenant, shop.scope.workspace, "somebody")
    with pytest.raises(NotAdminError):
        try_connection(shop.state, reader, "erp")

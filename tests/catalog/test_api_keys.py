from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from catalog.database import begin
from catalog.errors import InvalidRecordError, NotFoundError
from catalog.operator import operator_scope
from catalog.store import CatalogStore
from catalog.tables import api_keys
from catalog.transaction import write_workspace
from catalog.workspace_store import WorkspaceStore
from tests.catalog.sample import fill


def test_a_key_opens_its_workspace_and_nothing_else(store: CatalogStore, plant: WorkspaceStore) -> None:
    fill(plant)
    record, key = plant.issue_key("excel", publications=["LATE"])
    assert re.fullmatch(r"ft_[A-Za-z0-9_-]{43}", key)
    found = store.authenticate(key)
    assert found is not None
    scope, known = found
    assert known == record == plant.list_keys()[0]
    assert (scope.tenant, scope.workspace, scope.principal) == ("acme", "plant", f"key:{record.id}")
    assert (scope.is_admin, scope.publications) == (False, frozenset({"Late"}))
    assert (record.label, record.issuer, record.role) == (key[:8], "ada", "reader")


def test_an_admin_key_makes_an_admin(store: CatalogStore, plant: WorkspaceStore) -> None:
    _record, key = plant.issue_key("cli", "admin")
    found = store.authenticate(key)
    assert found is not None and found[0].is_admin
    store.workspace(found[0]).issue_key("by key")


def test_only_the_hash_of_a_key_is_in_the_database(store: CatalogStore, plant: WorkspaceStore) -> None:
    _record, key = plant.issue_key("excel")
    settings = {"viewloom.tenant": "acme", "viewloom.workspace": "plant"}
    with begin(store.engine, settings, writes=False) as connection:
        row = str(connection.execute(text("SELECT * FROM api_keys")).mappings().one())
    assert key not in row and key[9:] not in row
    assert hashlib.sha256(key.encode()).hexdigest() in row


def test_unknown_revoked_and_expired_keys_are_the_same(store: CatalogStore, plant: WorkspaceStore) -> None:
    revoked, revoked_key = plant.issue_key("revoked")
    expired, expired_key = plant.issue_key("expired", expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert store.authenticate(revoked_key) and store.authenticate(expired_key)
    ended = plant.revoke_key(revoked.id)
    assert ended.revoked_at is not None
    assert plant.revoke_key(revoked.id) == ended
    with write_workspace(store.engine, operator_scope("acme", "plant")) as tx:
        tx.change(api_keys, {"expires_at": datetime.now(UTC)}, api_keys.c.id == expired.id)
    unknown = "ft_" + "A" * 43
    for key in (revoked_key, expired_key, unknown, "", "ft_", revoked_key + "=", "ft_\0" + "A" * 42, "é" * 46):
        assert store.authenticate(key) is None


def test_wrong_keys_are_not_issued(plant: WorkspaceStore) -> None:
    with pytest.raises(InvalidRecordError, match="role"):
        plant.issue_key("k", "root")
    with pytest.raises(InvalidRecordError, match="past"):
        plant.issue_key("k", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(InvalidRecordError, match="time zone"):
        plant.issue_key("k", expires_at=datetime(2100, 1, 1))
    with pytest.raises(InvalidRecordError, match="admin"):
        plant.issue_key("k", "admin", [])
    with pytest.raises(NotFoundError):
        plant.issue_key("k", publications=["nothing"])
    with pytest.raises(NotFoundError):
        plant.revoke_key("nothing")
    assert plant.list_keys() == ()


def test_a_key_bound_to_no_publications_may_read_none(store: CatalogStore, plant: WorkspaceStore) -> None:
    _record, key = plant.issue_key("none", publications=[])
    found = store.authenticate(key)
    assert found is not None and found[0].publications == frozenset()

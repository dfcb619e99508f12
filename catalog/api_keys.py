"""API keys: 32 random bytes, shown once; the catalog keeps their SHA-256 and finds them by it.

A plain hash is enough for 256 random bits, there is nothing to guess; and the look-up by hash takes the same time
whatever the text is.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select

from catalog.errors import InvalidRecordError, NotFoundError
from catalog.names import check_name, check_text
from catalog.publications import get_publication
from catalog.records import ApiKey
from catalog.scope import ADMIN, READER, ROLES, Scope
from catalog.tables import api_keys
from catalog.transaction import WorkspaceTransaction

PREFIX = "ft_"
KEY_FORM = re.compile(r"ft_[A-Za-z0-9_-]{43}")
LABEL_CHARACTERS = 8


def issue_key(
    tx: WorkspaceTransaction,
    name: str,
    role: str,
    publications: Collection[str] | None,
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    """A new key: its record, and its text, which is kept nowhere."""
    check_name("key", name)
    if role not in ROLES:
        raise InvalidRecordError("role", f"{role!r} is none.", hint=f"Choose of {', '.join(ROLES)}.")
    if role == ADMIN and publications is not None:
        raise InvalidRecordError("publications", "an admin's key can't be bound to publications: it may change them.")
    if expires_at is not None and expires_at.tzinfo is None:
        raise InvalidRecordError("expires_at", "it has no time zone.", hint="Write it like 2027-01-31T00:00:00Z.")
    if expires_at is not None and expires_at <= tx.now:
        raise InvalidRecordError("expires_at", "it is in the past.")
    bound = None if publications is None else tuple(sorted({get_publication(tx, one).name for one in publications}))
    key = PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    record = ApiKey(
        id=secrets.token_hex(8),
        name=name,
        label=key[:LABEL_CHARACTERS],
        tenant=tx.scope.tenant,
        workspace=tx.scope.workspace,
        role=role,
        issuer=tx.scope.principal,
        created_at=tx.now,
        publications=bound,
        expires_at=expires_at,
    )
    values = dataclasses.asdict(record)
    del values["tenant"], values["workspace"]
    tx.add(api_keys, {**values, "hash": key_hash(key), "publications": None if bound is None else list(bound)})
    return record, key


def key_hash(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("ascii")).hexdigest()


def list_keys(tx: WorkspaceTransaction) -> tuple[ApiKey, ...]:
    """All keys, revoked ones too, the oldest first."""
    return tuple(map(_record, tx.rows(api_keys, order_by=(api_keys.c.created_at, api_keys.c.id))))


def revoke_key(tx: WorkspaceTransaction, key_id: str) -> ApiKey:
    """End a key now, by its record's id; a revoked one stays as it was."""
    check_text("id", key_id)
    tx.change(api_keys, {"revoked_at": tx.now}, api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    row = tx.row(api_keys, api_keys.c.id == key_id)
    if row is None:
        raise NotFoundError("key", key_id)
    return _record(row)


def count_uses(tx: WorkspaceTransaction, key_id: str, uses: int, last_used_at: datetime) -> None:
    """Add to a key's count of uses."""
    tx.change(api_keys, {"uses": api_keys.c.uses + uses, "last_used_at": last_used_at}, api_keys.c.id == key_id)


def find_key(connection: Connection, hashed: str, now: datetime) -> tuple[Scope, ApiKey] | None:
    """The valid key with this hash and what it may do, in whichever workspace it lies: what authentication asks."""
    row = connection.execute(select(api_keys).where(api_keys.c.hash == hashed)).mappings().first()
    if row is None:
        return None
    key = _record(row)
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return None
    scope = Scope(
        tenant=key.tenant,
        workspace=key.workspace,
        principal=f"key:{key.id}",
        roles=frozenset({ADMIN, READER}) if key.role == ADMIN else frozenset({READER}),
        publications=None if key.publications is None else frozenset(key.publications),
    )
    return scope, key


def _record(row: RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        label=row["label"],
        tenant=row["tenant_id"],
        workspace=row["workspace_id"],
        role=row["role"],
        issuer=row["issuer"],
        created_at=row["created_at"],
        publications=None if row["publications"] is None else tuple(row["publications"]),
        last_used_at=row["last_used_at"],
        uses=row["uses"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )

"""API keys: issued, listed, revoked."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic.dataclasses import dataclass

from catalog.records import ApiKey
from server.admin.access import Admin
from server.admin.bodies import KeyBody
from server.state import ServerState


@dataclass(frozen=True)
class IssuedKey:
    """A new key: `key` is shown this once and kept nowhere."""

    key: str
    record: ApiKey


def key_routes(state: ServerState) -> APIRouter:
    """Routes below `/keys`."""
    router = APIRouter(prefix="/keys", tags=["keys"])

    @router.get("", summary="All keys, revoked ones too")
    def list_keys(scope: Admin) -> list[ApiKey]:
        return list(state.store.workspace(scope).list_keys())

    @router.post("", status_code=201, summary="Issue a key; it is shown this once")
    def post_key(scope: Admin, body: KeyBody) -> IssuedKey:
        record, key = state.store.workspace(scope).issue_key(body.name, body.role, body.publications, body.expires_at)
        return IssuedKey(key, record)

    @router.delete("/{key_id}", summary="Revoke a key, by its record's id")
    def delete_key(scope: Admin, key_id: str) -> ApiKey:
        return state.store.workspace(scope).revoke_key(key_id)

    return router

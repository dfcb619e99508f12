"""Who asks: the key in a request's headers, path or query, as a verified Scope. The only place where one is made.

A key comes as `X-API-Key`, as the password of Basic (any user name, none too), as Bearer, as `api_key` in the query,
or as a path segment below /odata/key/. Whatever is wrong with it, the answer is the same.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from urllib.parse import parse_qsl

from catalog.records import ApiKey, WorkspaceCatalog
from catalog.scope import Scope
from catalog.store import CatalogStore
from server.errors import CredentialError

KEPT_SECONDS = 1.0
KEPT_KEYS = 10_000


def key_in(headers: Mapping[bytes, bytes], query: bytes) -> str | None:
    """The key that a request carries, None when it carries none. More than one must be the same."""
    found: list[str] = []
    if b"x-api-key" in headers:
        found.append(headers[b"x-api-key"].decode("latin-1").strip())
    authorization = headers.get(b"authorization", b"").decode("latin-1").strip()
    kind, _, rest = authorization.partition(" ")
    if kind.lower() == "bearer":
        found.append(rest.strip())
    elif kind.lower() == "basic":
        found.append(_basic_password(rest.strip()))
    elif authorization:
        found.append("")
    if b"api_key" in query:
        found += [value for name, value in parse_qsl(query.decode("latin-1")) if name == "api_key"]
    if not found:
        return None
    if len(set(found)) > 1:
        raise _refused()
    return found[0]


def _basic_password(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
    user, _, password = text.partition(":")
    return password or user


def _refused() -> CredentialError:
    return CredentialError("a valid API key is needed", hint="send it as X-API-Key, or as the password of Basic")


class Credentials:
    """Verified scopes and workspace snapshots, kept for a second: no longer does a revoked key work."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._scopes: OrderedDict[bytes, tuple[float, Scope, ApiKey]] = OrderedDict()
        self._catalogs: dict[tuple[str, str], tuple[float, WorkspaceCatalog]] = {}

    async def scope(self, key: str | None) -> tuple[Scope, ApiKey]:
        """What the key may do. Raises CredentialError, the same for every reason."""
        if not key:
            raise _refused()
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        now = time.monotonic()
        kept = self._scopes.get(digest)
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            return kept[1], kept[2]
        found = await asyncio.to_thread(self._store.authenticate, key)
        if found is None:
            self._scopes.pop(digest, None)
            raise _refused()
        self._scopes[digest] = (now, *found)
        while len(self._scopes) > KEPT_KEYS:
            self._scopes.popitem(last=False)
        return found

    async def catalog(self, scope: Scope) -> WorkspaceCatalog:
        """The workspace's snapshot."""
        place = (scope.tenant, scope.workspace)
        now = time.monotonic()
        kept = self._catalogs.get(place)
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            return kept[1]
        found = await asyncio.to_thread(lambda: self._store.workspace(scope).read())
        self._catalogs[place] = (now, found)
        return found

    def forget(self) -> None:
        """The catalog was changed through this process."""
        self._scopes.clear()
        self._catalogs.clear()

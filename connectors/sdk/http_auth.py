"""Credentials of an HTTP source: what goes into the Authorization header, and OAuth tokens that expire."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

EARLY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the moment (time.monotonic) from which on it is not used any more."""

    value: str
    until: float


class FixedHeaders:
    """Headers that never change: none at all, Basic, a bearer token, a header of the source's own."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def headers(self) -> dict[str, str]:
        """What each request to the configured origin carries."""
        return self._headers

    def renew(self, used: Mapping[str, str]) -> bool:
        """After a 401: whether there are other credentials now."""
        return False


class ExpiringToken:
    """OAuth client credentials: a token is fetched when needed and again when it has expired or was refused."""

    def __init__(self, fetch: Callable[[], Token], headers: Mapping[str, str]) -> None:
        """`headers`: what each request carries besides."""
        self._fetch = fetch
        self._headers = dict(headers)
        self._token: Token | None = None
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        """The Authorization header with a token that is still good, as far as its own expiry says."""
        with self._lock:
            if self._token is None or time.monotonic() >= self._token.until:
                self._token = self._fetch()
            return {**self._headers, "Authorization": f"Bearer {self._token.value}"}

    def renew(self, used: Mapping[str, str]) -> bool:
        """Forget the token that was refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token is not None and used.get("Authorization") == f"Bearer {self._token.value}":
                self._token = None
        return True


def basic(username: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic authentication, in UTF-8."""
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def token_of(answer: object, now: float) -> Token | None:
    """The token in a token endpoint's answer, None if there is none. It is good for 5 min by default."""
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str) or not answer["access_token"]:
        return None
    seconds = answer.get("expires_in")
    lifetime = float(seconds) if isinstance(seconds, int | float | str) and str(seconds).isdigit() else 300.0
    return Token(answer["access_token"], now + max(lifetime - EARLY_SECONDS, lifetime * 0.8))

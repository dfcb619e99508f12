"""The server's URL as the client sees it: links in answers must start with it, also behind a proxy.

`X-Forwarded-…` is believed only from configured proxies (addresses or networks); from anybody else it would let a
client choose where the links of an answer lead.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_HOST = re.compile(r"[A-Za-z0-9.\-_]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~\-]+){0,8}")


def base_url(scope: Any, headers: Mapping[bytes, bytes], trusted: tuple[str, ...]) -> str:
    """Scheme, host, port and path prefix, without a trailing slash."""
    scheme = str(scope.get("scheme", "http"))
    server = scope.get("server") or ("127.0.0.1", 80)
    host = headers.get(b"host", b"").decode("latin-1")
    prefix = ""
    client = scope.get("client")
    if trusted and client and is_trusted(client[0], trusted):
        proto = _first(headers, b"x-forwarded-proto")
        scheme = proto if proto in ("http", "https") else scheme
        host = _first(headers, b"x-forwarded-host") or host
        port = _first(headers, b"x-forwarded-port")
        if port.isdigit() and not re.search(r":\d+$", host) and port != {"http": "80", "https": "443"}[scheme]:
            host = f"{host}:{port}"
        given = _first(headers, b"x-forwarded-prefix").rstrip("/")
        prefix = given if _PREFIX.fullmatch(given) else ""
    if not _HOST.fullmatch(host):
        host = f"{server[0]}:{server[1]}"
    return f"{scheme}://{host}{prefix}"


@lru_cache(maxsize=1024)
def is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    """Whether a peer is one of the configured proxies."""
    try:
        peer = ipaddress.ip_address(address)
        return any(peer in ipaddress.ip_network(network, strict=False) for network in trusted)
    except ValueError:
        return False


def _first(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").split(",")[0].strip()

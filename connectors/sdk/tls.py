"""How a connection to a server is protected."""

from __future__ import annotations

from enum import StrEnum


class Tls(StrEnum):
    """disable: plain text. require: encrypted, the server's identity unchecked. verify-full: encrypted, and the
    certificate is of the configured authority and names the host."""

    DISABLE = "disable"
    REQUIRE = "require"
    VERIFY_FULL = "verify-full"

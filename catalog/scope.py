"""Who acts, and where: all of it for one request."""

from __future__ import annotations

from dataclasses import dataclass

ADMIN = "admin"
READER = "reader"
ROLES = (READER, ADMIN)


@dataclass(frozen=True, slots=True)
class Scope:
    """One tenant's workspace and the principal acting in it, made only from a verified credential.

    `roles`: `admin` may change the workspace, `reader` may read publications.
    `publications`: the only ones this principal may read; None: all of the workspace.
    """

    tenant: str
    workspace: str
    principal: str
    roles: frozenset[str] = frozenset({READER})
    publications: frozenset[str] | None = None

    @property
    def is_admin(self) -> bool:
        return ADMIN in self.roles

    def may_read(self, publication: str) -> bool:
        """Whether the principal may read a publication of that name."""
        return self.publications is None or publication in self.publications

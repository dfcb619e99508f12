"""Who may have an operation done that reads sources."""

from __future__ import annotations

from catalog.errors import NotAdminError
from catalog.scope import Scope


def require_admin(scope: Scope) -> None:
    """Refuse whoever is no admin of the workspace. Raises NotAdminError."""
    if not scope.is_admin:
        raise NotAdminError(
            f"{scope.principal!r} may read publications of the workspace {scope.workspace!r}, but not administer it.",
            hint="Use a key with the role admin.",
        )

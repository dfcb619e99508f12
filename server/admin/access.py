"""Who asks: the Scope that authentication left in the request, and whether it may administer."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request, Security
from fastapi.security import APIKeyHeader

from catalog.scope import Scope
from server.errors import PathError
from server.operations.access import require_admin

# For the button `Authorize` of /docs; the request was authenticated before it came here.
_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key of the workspace.")


def any_scope(
    request: Request,
    workspace: Annotated[str, Path(description="The workspace's name.", examples=["plant"])],
    key: Annotated[str | None, Security(_KEY)] = None,
) -> Scope:
    """The principal's scope, which must be of the path's workspace."""
    scope: Scope = request.state.scope
    if scope.workspace != workspace:
        raise PathError(f"there is no workspace {workspace[:64]!r} for this key")
    return scope


def admin_scope(scope: Annotated[Scope, Depends(any_scope)]) -> Scope:
    """The same, of an admin only. Raises NotAdminError."""
    require_admin(scope)
    return scope


Reader = Annotated[Scope, Depends(any_scope)]
Admin = Annotated[Scope, Depends(admin_scope)]

"""What the operator of the installation does: the only code that sees several tenants. No request may reach it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from catalog.database import begin
from catalog.errors import NameTakenError, NotFoundError
from catalog.names import check_place_name
from catalog.scope import ROLES, Scope
from catalog.store import CatalogStore
from catalog.tables import tenants, workspaces


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant and one of its workspaces."""

    tenant: str
    workspace: str
    created_at: datetime


def create_tenant(store: CatalogStore, tenant: str) -> None:
    """A new tenant, without workspaces."""
    check_place_name("tenant", tenant)
    with _operating(store, writes=True) as connection:
        if connection.execute(select(tenants).where(tenants.c.tenant_id == tenant)).first():
            raise NameTakenError("tenant", tenant, "tenant", tenant)
        connection.execute(tenants.insert().values(tenant_id=tenant, created_at=datetime.now(UTC)))


def create_workspace(store: CatalogStore, tenant: str, workspace: str) -> None:
    """A new, empty workspace of a tenant."""
    check_place_name("workspace", workspace)
    with _operating(store, writes=True) as connection:
        if not connection.execute(select(tenants).where(tenants.c.tenant_id == tenant)).first():
            raise NotFoundError("tenant", tenant)
        mine = (workspaces.c.tenant_id == tenant, workspaces.c.workspace_id == workspace)
        if connection.execute(select(workspaces).where(*mine)).first():
            raise NameTakenError("workspace", workspace, "workspace", workspace)
        values = {"tenant_id": tenant, "workspace_id": workspace, "version": 1, "schemas_version": 1}
        connection.execute(workspaces.insert().values(**values, created_at=datetime.now(UTC)))


def ensure_workspace(store: CatalogStore, tenant: str, workspace: str) -> Scope:
    """Create what is missing of a tenant and its workspace; the operator's scope there."""
    present = {(place.tenant, place.workspace) for place in list_workspaces(store)}
    if (tenant, workspace) not in present:
        if tenant not in list_tenants(store):
            create_tenant(store, tenant)
        create_workspace(store, tenant, workspace)
    return operator_scope(tenant, workspace)


def list_tenants(store: CatalogStore) -> tuple[str, ...]:
    """All tenants' names, in order."""
    with _operating(store, writes=False) as connection:
        return tuple(sorted(connection.execute(select(tenants.c.tenant_id)).scalars()))


def list_workspaces(store: CatalogStore) -> tuple[Place, ...]:
    """All tenants' workspaces, in order."""
    with _operating(store, writes=False) as connection:
        query = select(workspaces.c.tenant_id, workspaces.c.workspace_id, workspaces.c.created_at)
        found = [Place(*row) for row in connection.execute(query)]
    return tuple(sorted(found, key=lambda place: (place.tenant, place.workspace)))


def workspaces_in_use(store: CatalogStore) -> tuple[Scope, ...]:
    """The operator's scope in each workspace that this process has served lately."""
    return tuple(operator_scope(tenant, workspace) for tenant, workspace in store.held())


def operator_scope(tenant: str, workspace: str) -> Scope:
    """The operator, acting in one workspace: for commands on the server's machine, such as the first key."""
    return Scope(tenant=tenant, workspace=workspace, principal="operator", roles=frozenset(ROLES))


@contextmanager
def _operating(store: CatalogStore, *, writes: bool) -> Iterator[Connection]:
    with begin(store.engine, {"viewloom.operator": "on"}, writes=writes) as connection:
        yield connection

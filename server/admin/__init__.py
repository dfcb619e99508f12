"""The admin API: all objects of one workspace's catalog, over the same operations as the commands."""

from server.admin.router import admin_router

__all__ = ["admin_router"]

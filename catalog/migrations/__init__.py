"""Alembic's migrations of the metadata database; `catalog.migrate` runs them when the server starts."""

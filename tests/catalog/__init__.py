"""Tests of the catalog; those with the fixture `store` run on SQLite and on PostgreSQL."""

"""What each SQL dialect does exactly as DuckDB does: one table a dialect, an allow-list.

sqlglot's transpiler never warns: of 86 expressions on the same rows PostgreSQL gave 5 wrong answers, MariaDB 24,
SQLite 30. So fragments are written by our own renderer (`render`), which knows only the entries of these tables, and
each entry is proven on the live database. A *family* is `connectors.sdk.types.family` of an operand's type.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.dialects.db2 import DB2
from engine.dialects.mysql import MYSQL
from engine.dialects.oracle import ORACLE
from engine.dialects.postgres import POSTGRES
from engine.dialects.sqlite import SQLITE
from engine.dialects.table import DialectTable
from engine.dialects.tsql import TSQL

DIALECTS: Mapping[str, DialectTable] = MappingProxyType({d.name: d for d in (POSTGRES, MYSQL, SQLITE)})
"""By kind of connector."""

UNPROVEN: Mapping[str, DialectTable] = MappingProxyType({d.name: d for d in (TSQL, ORACLE, DB2)})
"""Of kinds for which there is no live database to prove them on: text-tested, and no rule looks here."""

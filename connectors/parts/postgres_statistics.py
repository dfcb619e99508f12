"""What PostgreSQL knows of a table's size: `pg_class`, `pg_stats` (as of the last ANALYZE) and `pg_index`."""

from __future__ import annotations

from typing import Any, Final, LiteralString

from connectors.sdk.capabilities import Table
from connectors.sdk.statistics import MEASURED, ColumnStatistics, bounds, place_of_text, with_columns
from connectors.sdk.types import family

# Rows as PostgreSQL's planner counts them: the density of the last ANALYZE times the pages of now. Before the first
# one, pages alone tell: 60 rows of ordinary width fill one. Parents of partitions have the rows of their leaves.
STATISTICS: Final[LiteralString] = """
SELECT a.attname::text, s.n_distinct, s.null_frac, s.bounds[1], s.bounds[pg_catalog.array_upper(s.bounds, 1)],
  s.common, EXISTS (SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
    JOIN pg_catalog.pg_am am ON am.oid = ic.relam WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL
    AND i.indkey[0] = a.attnum AND am.amname IN ('btree', 'hash')),
  (SELECT pg_catalog.sum(CASE WHEN l.relpages > 0 AND l.reltuples >= 0
      THEN l.reltuples / l.relpages ELSE 60 END * (pg_catalog.pg_relation_size(l.oid)
      / pg_catalog.current_setting('block_size')::int))::int8
    FROM pg_catalog.pg_class l WHERE l.relkind IN ('r', 'm') AND (l.oid = c.oid
      OR (c.relkind = 'p' AND l.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid) WHERE isleaf)))),
  s.correlation
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN LATERAL (
  SELECT p.n_distinct, p.null_frac, p.correlation,
    CASE WHEN t.typcategory IN ('N', 'D') THEN p.histogram_bounds::text::text[] END AS bounds,
    CASE WHEN t.typcategory IN ('N', 'D') THEN p.most_common_vals::text::text[] END AS common
  FROM pg_catalog.pg_stats p WHERE p.schemaname = n.nspname AND p.tablename = c.relname AND p.attname = a.attname
  ORDER BY p.inherited DESC LIMIT 1) s ON true
WHERE c.relkind IN ('r', 'm', 'p', 'f') AND n.nspname = %(schema)s AND c.relname = %(table)s
"""


def with_statistics(table: Table, found: list[tuple[Any, ...]]) -> Table:
    """The table with the rows of STATISTICS. The commonest values serve for their bounds and are dropped here."""
    rows = found[0][7] if found else None
    count = table.row_estimate if rows is None else rows
    types = {column.name: column.sql_type for column in table.columns}
    columns: dict[str, ColumnStatistics] = {}
    for name, distinct, nulls, least, greatest, common, _, _, order in found:
        if distinct is None or name not in types:
            continue
        if distinct < 0:  # a share of the rows: it grows with them
            distinct = -distinct * count if count is not None else None
        low, high = None, None
        if family(types[name]) in MEASURED:
            low, high = bounds(place_of_text(text, types[name]) for text in (least, greatest, *(common or ())))
        known = None if not distinct else max(1, round(distinct))
        columns[name] = ColumnStatistics(known, nulls, low, high, order)
    return with_columns(table, columns, rows, (row[0] for row in found if row[6]))

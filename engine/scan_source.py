"""A scan with its size, as DuckDB's optimizer wants to know it.

DuckDB takes a plain Arrow stream for one row, so that it builds its hash tables of the largest side as often as not.
It asks a source of its own class for `rows()`; that class is the only name of `duckdb._sources` used here, and duckdb
is pinned. The number is a hint: lies of any size change no answer (a test tells such lies).
"""

from __future__ import annotations

from duckdb._sources import ArrowScanSource

from engine.scan_stream import ScanStream

UNKNOWN_ROWS = (
    100_000  # nothing known: larger than what a table of words and codes has, smaller than what is measured
)


class SizedSource(ArrowScanSource):
    """Give it to `cursor.register`. DuckDB reads the stream itself, every column, as it would without this."""

    def __init__(self, stream: ScanStream) -> None:
        super().__init__(stream)
        self._schema = stream.schema

    def read_from(self, stream: ScanStream | None) -> None:
        """Read another stream of the same columns from now on; None: nothing, until there is one again."""
        self.obj = stream

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.obj.__arrow_c_stream__(requested_schema)

    def rows(self) -> int:
        """Counted where the scan has ended already, else what the plan expects."""
        stream: ScanStream | None = self.obj
        expected = None if stream is None else stream.rows if stream.finished else stream.scan.expected_rows
        return UNKNOWN_ROWS if expected is None else max(1, expected)

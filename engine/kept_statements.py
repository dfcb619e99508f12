"""Small statements that DuckDB has planned once: asked again, only rows and values are new.

DuckDB plans a join of a hundred rows three times as long as it runs it. So a worker keeps the plans of the last small
statements, each on a cursor of its own whose scans are places that a run puts its rows in. What decides a plan is the
statement without its values, its scans, and the form of the answer (decision 0034).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from engine.duckdb_session import Session
from engine.encoders.encoding import Encoding
from engine.encoders.rows import is_text, row_form, rows_sql
from engine.job import Statement
from engine.scan_source import SizedSource
from engine.scan_stream import ScanStream

MOST_STATEMENTS = 64
MOST_ROWS = 5_000  # of the answer, which is held whole; a larger one is made by the statement itself, as a stream


class KeptStatement:
    """One statement, planned. `types`: DuckDB's, of its output."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, places: Mapping[str, SizedSource], types: list[str]
    ) -> None:
        self.types = types
        self.cursor = cursor
        self._places = places

    def run(self, values: Sequence[str], streams: Sequence[ScanStream]) -> pa.Table | None:
        """The answer over these rows; None when it is too large to be held. `values`: literals, in the order of the
        statement's parameters. Raises duckdb.Error."""
        given = f"({', '.join(values)})" if values else ""
        try:
            for stream in streams:
                self._places[stream.scan.id].read_from(stream)
            # The public way to Arrow runs a second statement over the rows of the first.
            found: Any = self.cursor._submit(f"EXECUTE kept{given}", None, "arrow", MOST_ROWS + 1)
            table: pa.Table = found.arrow_table()
        finally:
            for place in self._places.values():
                place.read_from(None)  # rows of a run don't outlive it
        return table if table.num_rows <= MOST_ROWS else None


class KeptStatements:
    """The statements that one DuckDB has kept, the longest unused one leaving first."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: OrderedDict[Hashable, KeptStatement | None] = OrderedDict()

    def find(
        self, statement: Statement, encoding: Encoding | None, streams: Sequence[ScanStream]
    ) -> KeptStatement | None:
        """The statement's plan, made now if it is new; None for one that is not kept.

        `encoding`: of the answer; without one it is the statement's own rows.
        """
        key = _key(statement, encoding)
        if key not in self._kept:
            self._keep(key, self._planned(statement, encoding, streams))
        self._kept.move_to_end(key)
        return self._kept[key]

    def leave(self, statement: Statement, encoding: Encoding | None) -> None:
        """Don't keep this one any more: it failed, or turned out large."""
        self._keep(_key(statement, encoding), None)

    def _keep(self, key: Hashable, kept: KeptStatement | None) -> None:
        old = self._kept.pop(key, None)
        self._kept[key] = kept
        if old is None and len(self._kept) > MOST_STATEMENTS:
            old = self._kept.popitem(last=False)[1]
        if old is not None:
            old.cursor.close()

    def _planned(
        self, statement: Statement, encoding: Encoding | None, streams: Sequence[ScanStream]
    ) -> KeptStatement | None:
        assert statement.kept is not None
        cursor = self._session.cursor()
        places = {stream.scan.id: SizedSource(stream) for stream in streams}
        try:
            for name, place in places.items():
                cursor.register(name, place)
            types = [str(kind) for kind in cursor.sql(statement.sql).types]
            columns = ", ".join(f"c{number}" for number in range(len(types)))
            text = (
                rows_sql(statement.kept, encoding, types)
                if encoding is not None and is_text(encoding)
                else f"FROM ({statement.kept}) AS answer({columns})"
            )
            cursor.execute(f"PREPARE kept AS {text} LIMIT {MOST_ROWS + 1}")
        except duckdb.Error:
            cursor.close()
            return None  # asked with its values written out, it says itself what is wrong
        finally:
            for place in places.values():
                place.read_from(None)
        return KeptStatement(cursor, places, types)


def _key(statement: Statement, encoding: Encoding | None) -> Hashable:
    scans = tuple((scan.id, scan.columns, scan.expected_rows) for scan in statement.scans)
    return statement.kept, scans, None if encoding is None else row_form(encoding)

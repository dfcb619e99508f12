"""What a scan asks of its source when there is nothing to ask for."""

from __future__ import annotations

import threading
from typing import Any

import duckdb

from connectors.sdk import TableName
from engine.scan_source import SizedSource
from engine.scan_stream import ScanStream
from engine.scans import KeysFrom, Scan, ScanColumn


class Asked:
    """A source that must not be asked."""

    def __init__(self) -> None:
        self.requests: list[object] = []

    def scan(self, request: object) -> Any:
        self.requests.append(request)
        raise AssertionError("the source was asked")


def test_without_keys_no_source_is_asked_however_often_duckdb_reads_the_relation() -> None:
    source: Any = Asked()
    scan = Scan("s0", "erp", TableName(("customers",)), (ScanColumn("id", "id", "INTEGER"),))
    stream = ScanStream(scan, source, threading.Event())
    stream.restrict(KeysFrom("s1", "id", "id", 10), {None: ()})
    cursor: Any = duckdb.connect()
    cursor.register("s0", SizedSource(stream))
    sql = "SELECT (SELECT count(*) FROM s0), (SELECT max(id) FROM s0)"
    assert cursor.sql(sql).fetchall() == [(0, None)]
    assert not source.requests

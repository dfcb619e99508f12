"""What a scan asks of its source when there is nothing to ask for, and how far it reads ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from connectors.sdk import TableName
from engine.scan_source import SizedSource
from engine.scan_stream import ALONE_BYTES, ALONE_PART, QUEUE_BYTES, ScanStream
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


BATCH = pa.record_batch({"id": pa.array(range(25_000), pa.int32())})  # 100,000 bytes


class Endless:
    """A source of equal batches without an end; `given`: bytes so far."""

    def __init__(self) -> None:
        self.given = 0

    def scan(self, request: object) -> Iterator[pa.RecordBatch]:
        while True:
            self.given += BATCH.nbytes
            yield BATCH

    def cancel(self) -> None:
        """Nothing is under way."""


def settled(source: Endless) -> int:
    """The bytes that the source has given when it gives no more."""
    before = -1
    while before != source.given:
        before = source.given
        time.sleep(0.05)
    return before


def taken_and_given(alone: bool) -> list[tuple[int, int]]:
    """Bytes that a reader has taken, and those that the source has given when nobody takes more."""
    source: Any = Endless()
    scan = Scan("s0", "erp", TableName(("orders",)), (ScanColumn("id", "id", "INTEGER"),))
    stream = ScanStream(scan, source, threading.Event(), alone=alone)
    stream.start()
    found = [(0, settled(source))]
    reader: Any = pa.RecordBatchReader.from_stream(stream)
    taken = 0
    for wanted in (4_000_000, 40_000_000):
        while taken < wanted:
            taken += reader.read_next_batch().nbytes
        found.append((taken, settled(source)))
    stream.stop()
    assert stream.join(5.0)
    return found


def test_the_only_scan_of_a_query_is_read_ahead_by_a_part_of_what_was_taken() -> None:
    in_hand = 2 * BATCH.nbytes  # one waits for room, one is being cut into pieces
    for taken, given in taken_and_given(alone=True):
        ahead = min(QUEUE_BYTES, max(ALONE_BYTES, taken // ALONE_PART))
        assert ahead - BATCH.nbytes <= given - taken <= ahead + in_hand


def test_scans_that_are_read_side_by_side_are_read_ahead_as_far_as_may_be() -> None:
    for taken, given in taken_and_given(alone=False):
        assert QUEUE_BYTES - BATCH.nbytes <= given - taken <= QUEUE_BYTES + 2 * BATCH.nbytes

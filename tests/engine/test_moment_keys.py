"""Moments as keys of joins: taken where the source compares them as they are, right whoever gives and takes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from connectors.sdk import Column, Connector, Op, Support, TableName
from engine.rules import push_join_keys
from engine.rules.key_columns import takes_keys
from engine.scan_stream import ScanStream
from engine.scans import KeysFrom, Scan, ScanColumn
from tests.engine.live import Live, difference
from tests.engine.live_five import five

DATABASES = ("pg", "my", "lite", "lake")


@pytest.fixture(scope="module")
def live(five_sources: dict[str, Connector]) -> Live:
    return five(five_sources)


def _column(sql_type: str, support: Support | None) -> Column:
    return Column("m", sql_type, operators={} if support is None else {Op.IN: support})


def test_a_moment_takes_keys_only_where_it_is_compared_as_it_is() -> None:
    for kind in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        assert takes_keys(_column(kind, Support.EXACT))
        assert not takes_keys(_column(kind, Support.INEXACT))  # a naive column in a zone, a text in SQLite
    assert takes_keys(_column("VARCHAR", Support.INEXACT))
    assert not takes_keys(_column("BIGINT", None))


@pytest.mark.parametrize("giver", DATABASES)
@pytest.mark.parametrize("taker", DATABASES)
@pytest.mark.parametrize("column", ["moment", '"Seen"'])
def test_moments_of_one_source_restrict_those_of_another(
    giver: str, taker: str, column: str, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "lite" in (giver, taker) and "Seen" in column:
        return  # a text there
    monkeypatch.setattr(push_join_keys, "keys_pay", lambda *_: True)
    # Of the moments some are NULL, in an hour that a clock skips, or with a microsecond.
    for join in ("JOIN", "LEFT JOIN"):
        sql = (
            f"SELECT a.id AS a, b.id AS b, b.n FROM (SELECT * FROM {giver}.facts WHERE id IN (1, 2, 3, 5, 8, 17)) a "
            f"{join} {taker}.facts b ON b.{column} = a.{column} AND b.dim = a.dim"
        )
        found = live.run(sql)
        assert difference(found.table, live.expected(sql)) is None
        keys = [keys for scan in found.plan.scans for keys in scan.keys_from]
        types = {c.source: c.sql_type for scan in found.plan.scans for c in scan.columns}
        taken = any(types[one.target].startswith("TIMESTAMP") for one in keys)
        assert taken is (taker != "lite")


def test_a_moment_that_is_none_of_pythons_gives_no_keys() -> None:
    connector: Any = FarFuture()
    scan = Scan("s0", "erp", TableName(("t",)), (ScanColumn("m", "m", "TIMESTAMP"), ScanColumn("d", "d", "DATE")))
    stream = ScanStream(scan, connector, threading.Event())
    stream.start()
    assert stream.values("m", 10) is None and stream.values("d", 10) is None
    assert stream.grouped_values(KeysFrom("s0", "m", "m", 10, "d", "d")) is None
    assert stream.join(5) and stream.error is None


class FarFuture:
    """A source with a row of the year 33658."""

    def scan(self, request: object) -> Iterator[pa.RecordBatch]:
        columns = [pa.array([10**18], pa.timestamp("us")), pa.array([10**7], pa.date32())]
        yield pa.RecordBatch.from_arrays(columns, names=["m", "d"])

    def cancel(self) -> None:
        """Nothing runs."""

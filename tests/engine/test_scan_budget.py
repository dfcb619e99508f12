"""A statement that passes its budget fails, wherever it is read; it is never cut short."""

import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from connectors.sdk.errors import ScanBudgetError, ScanCancelledError
from engine.scan_budget import ScanBudget, bounded

BATCH = pa.RecordBatch.from_pydict({"a": list(range(100))})


def batches(count: int) -> Iterator[pa.RecordBatch]:
    for _ in range(count):
        yield BATCH


def read(found: Iterator[pa.RecordBatch]) -> int:
    return sum(batch.num_rows for batch in found)


def test_up_to_the_budget_all_rows_come() -> None:
    assert read(bounded(batches(5), ScanBudget(500, 4_000, 5.0), "t", lambda: None)) == 500


@pytest.mark.parametrize(
    ("budget", "words"),
    [(ScanBudget(rows=499), "more than 499 rows"), (ScanBudget(bytes=3_999), "more than 3,999 bytes")],
)
def test_past_it_the_statement_fails_and_is_closed(budget: ScanBudget, words: str) -> None:
    closed = threading.Event()

    def source() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches(9)
        finally:
            closed.set()

    with pytest.raises(ScanBudgetError, match=words):
        read(bounded(source(), budget, "erp.orders", lambda: None))
    assert closed.is_set()


def test_a_silent_source_is_ended_in_time() -> None:
    cancelled = threading.Event()

    def silent() -> Iterator[pa.RecordBatch]:
        yield BATCH
        assert cancelled.wait(5)
        raise ScanCancelledError("the query was cancelled")

    started = time.monotonic()
    with pytest.raises(ScanBudgetError, match=r"more than 0.2 seconds"):
        read(bounded(silent(), ScanBudget(seconds=0.2), "t", cancelled.set))
    assert time.monotonic() - started < 3


def test_one_that_ends_as_its_time_ends_is_not_taken_for_whole() -> None:
    """Others of the query were cancelled with it."""
    expired = threading.Event()

    def late() -> Iterator[pa.RecordBatch]:
        assert expired.wait(5)
        yield BATCH

    with pytest.raises(ScanBudgetError):
        read(bounded(late(), ScanBudget(seconds=0.05), "t", expired.set))


def test_closing_early_ends_the_watch() -> None:
    cancelled = threading.Event()
    found = bounded(batches(9), ScanBudget(seconds=0.1), "t", cancelled.set)
    next(found)
    found.close()  # type: ignore[attr-defined]
    time.sleep(0.25)
    assert not cancelled.is_set()

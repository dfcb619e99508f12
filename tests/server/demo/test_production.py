import hashlib
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise

from server.demo.plant import BAD_BATCH, MACHINES, MES_SINCE, NOW, STOPS_NOW, epoch
from server.demo.production import StateSpan, produce
from server.demo.products import BY_CODE


def test_each_machine_is_in_exactly_one_state_at_any_time() -> None:
    spans: dict[str, list[StateSpan]] = defaultdict(list)
    for span in produce().spans:
        spans[span.machine].append(span)
    assert set(spans) == {machine.code for machine in MACHINES}
    for found in spans.values():
        assert found[0].start == epoch(MES_SINCE)
        assert all(one.end == two.start for one, two in pairwise(found))
        assert [span.end for span in found].count(None) == 1 and found[-1].end is None


def test_the_stops_of_the_story_last_until_now() -> None:
    present = {span.machine: span for span in produce().spans if span.end is None}
    for stop in STOPS_NOW:
        assert (present[stop.machine].state, present[stop.machine].reason) == (stop.state, stop.reason)
        assert present[stop.machine].start <= stop.start
    assert sum(span.state == "running" for span in present.values()) >= 7


def test_scrap_reports_add_up_to_the_scrap_that_was_counted() -> None:
    counted: dict[tuple[str, int | None], int] = defaultdict(int)
    for count in produce().counts:
        counted[count.machine, count.work_order] += count.scrap
    reported: dict[tuple[str, int | None], int] = defaultdict(int)
    for scrap in produce().scrap:
        reported[scrap.machine, scrap.work_order] += scrap.quantity
    assert {key: pieces for key, pieces in counted.items() if pieces} == dict(reported)


def test_a_completed_work_order_accounts_for_every_piece() -> None:
    for order in produce().work_orders:
        if order.status == "completed":
            assert order.good + order.scrap == order.quantity
            assert order.started is not None and order.finished is not None
            assert order.started < order.finished <= epoch(NOW)


def test_the_bad_batch_shows_as_porosity_in_its_days() -> None:
    def porosity(inside: bool) -> int:
        return sum(
            scrap.quantity
            for scrap in produce().scrap
            if scrap.cause == "POR"
            and BY_CODE[scrap.product].frame == BAD_BATCH.frame
            and (BAD_BATCH.start <= scrap.shift.start < BAD_BATCH.end) == inside
        )

    assert porosity(inside=True) > 3 * porosity(inside=False)


def test_another_process_with_another_hash_seed_produces_the_same() -> None:
    code = (
        "import hashlib; from server.demo.production import produce; "
        "print(hashlib.sha256(repr(produce()).encode()).hexdigest())"
    )
    paths = ":".join(path or "." for path in sys.path)
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": paths, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
    )  # fmt: skip
    assert other.stdout.strip() == hashlib.sha256(repr(produce()).encode()).hexdigest()

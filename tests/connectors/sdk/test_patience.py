"""A wait that its driver can't bound ends in time; one that ends by itself is left alone."""

from __future__ import annotations

import threading

from connectors.sdk.patience import TICK, Patience


def test_a_wait_is_ended_when_its_time_is_up() -> None:
    woken = threading.Event()
    with Patience().at_most(0.1, woken.set) as wait:
        assert woken.wait(5)
        assert wait.ended


def test_a_wait_that_ends_by_itself_is_left_alone() -> None:
    patience, woken = Patience(), threading.Event()
    for _ in range(100):
        with patience.at_most(0.05, woken.set) as wait:
            pass
    assert not woken.wait(0.05 + 2 * TICK) and not wait.ended


def test_each_of_several_waits_has_its_own_time() -> None:
    patience = Patience()
    short, long = threading.Event(), threading.Event()
    with patience.at_most(60, long.set) as first, patience.at_most(0.1, short.set) as second:
        assert short.wait(5)
        assert second.ended and not first.ended and not long.is_set()


def test_a_failure_to_wake_one_leaves_the_others_watched() -> None:
    patience, woken = Patience(), threading.Event()
    with patience.at_most(0.05, lambda: {}["gone"]), patience.at_most(0.6, woken.set):
        assert woken.wait(5)

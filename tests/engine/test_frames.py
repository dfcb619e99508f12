"""Frames come out as they went in, however they are cut on their way."""

from __future__ import annotations

import random

import pytest

from engine.frames import DATA, FrameReader, Message, data_head, event_frame


def joined(messages: list[Message]) -> list[object]:
    """Events, and what stands between them as one piece."""
    found: list[object] = []
    for message in messages:
        if message.event is not None:
            found.append(message.event)
        elif found and isinstance(found[-1], bytes):
            found[-1] += message.data
        else:
            found.append(message.data)
    return found


ANSWER = data_head(5) + b"abcde" + data_head(0) + data_head(70) + b"J" * 70
STREAM = event_frame({"event": "head"}) + ANSWER + event_frame({"event": "done", "rows": 1}) + data_head(2) + b"xy"
WANTED = [{"event": "head"}, b"abcde" + b"J" * 70, {"event": "done", "rows": 1}, b"xy"]


def test_any_cut_gives_the_same_messages() -> None:
    for seed in range(200):
        rng, reader, rest = random.Random(seed), FrameReader(), STREAM
        messages: list[Message] = []
        while rest:
            size = rng.choice((1, 2, 7, 40, len(rest)))
            messages += reader.feed(rest[:size])
            rest = rest[size:]
        assert joined(messages) == WANTED


def test_what_was_not_taken_comes_first_the_next_time() -> None:
    reader, messages = FrameReader(), list[Message]()
    received = STREAM
    for _ in range(20):
        for message in reader.feed(received):
            messages.append(message)
            break
        received = b""
    assert joined(messages) == WANTED


def test_data_that_was_received_alone_is_handed_on_as_it_is() -> None:
    reader, part = FrameReader(), b"x" * 1000
    assert list(reader.feed(data_head(2000))) == []
    (message,) = reader.feed(part)
    assert message.data is part


@pytest.mark.parametrize("wrong", [b"X\x00\x00\x00\x01a", DATA + b"\xff\xff\xff\xff"])
def test_other_bytes_are_no_frame(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="not a frame"):
        list(FrameReader().feed(wrong))

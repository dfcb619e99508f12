"""Measuring in turns, and what is made of the samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

Sample = TypeVar("Sample")
ROOT = Path(__file__).resolve().parent.parent


def progress(text: str) -> None:
    """A line for whoever waits, on standard error: the reports go to standard output."""
    print(f"  {text}", file=sys.stderr, flush=True)


def in_turns(
    variants: Mapping[str, Callable[[], Sample]], rounds: int, show: Callable[[Sample], str]
) -> dict[str, list[Sample]]:
    """Measure every variant once per round, every second round backwards: drift of the machine hits all alike."""
    samples: dict[str, list[Sample]] = {name: [] for name in variants}
    for number in range(rounds):
        names = list(variants) if number % 2 == 0 else list(variants)[::-1]
        for name in names:
            sample = variants[name]()
            samples[name].append(sample)
            progress(f"round {number + 1} of {rounds}: {name}: {show(sample)}")
    return samples


def middle(samples: list[Sample], value: Callable[[Sample], float]) -> float:
    """The median of one number of the samples."""
    return median(value(sample) for sample in samples)


def quantile(ordered: list[float], part: float) -> float:
    """The value below which `part` of the ordered values lie."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def child_environment() -> dict[str, str]:
    """The environment of a process that imports this package from anywhere."""
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": str(ROOT) + (os.pathsep + inherited if inherited else "")}


def start_child(module: str, order: Mapping[str, object]) -> subprocess.Popen[str]:
    """Start `python -m module` with an order (JSON, one line) on its standard input, which stays open."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ) | child_environment(),
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    return process


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """The child, which is gone when the block has been left, however that was."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def finish_child(process: subprocess.Popen[str], timeout: float = 600.0) -> dict[str, Any]:
    """Close its standard input, wait, and give what it printed (JSON). RuntimeError when it failed."""
    try:
        output, _ = process.communicate(timeout=timeout)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"a client ended with status {process.returncode}; what it said stands above")
    result: dict[str, Any] = json.loads(output)
    return result

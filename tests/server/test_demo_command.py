"""`viewloom demo` as a person starts it: a process of its own, and HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

START_SECONDS = 120.0


@contextmanager
def started_demo(directory: Path) -> Iterator[tuple[str, str, float]]:
    """(root URL, key, seconds until it was ready) of a running demo."""
    began = time.monotonic()
    command = [
        sys.executable,
        "-c",
        "from server.cli import main; main()",
        "demo",
        "--data-directory",
        str(directory),
    ]
    environment = {**os.environ, "VIEWLOOM_WORKERS": "3", "VIEWLOOM_WORKER_MEMORY_MB": "512"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        text = ""
        while "Stop with" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        seconds = time.monotonic() - began
        root = re.search(r"http://127\.0\.0\.1:\d+", text)
        key = re.search(r"API key +(\S+)", text)
        assert root and key, text
        yield root[0], key[1], seconds
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130, -signal.SIGINT)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def rows(root: str, key: str, view: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{root}/odata/plant/{view}?$top=5", headers={"X-API-Key": key}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


@pytest.mark.slow
def test_the_demo_starts_answers_and_starts_again_without_making_anything_anew(tmp_path: Path) -> None:
    with started_demo(tmp_path) as (root, key, _):
        assert {"L2-GRD-01"} >= {row["machine"] for row in rows(root, key, "orders_at_risk")} != set()
        for view in ("order_backlog", "oee_by_line_shift", "lot_genealogy", "lab_results"):
            assert rows(root, key, view), view
        posted = httpx.post(
            f"{root}/api/v1/plant/sql?format=csv",
            content="SELECT line, count(*) AS n FROM oee_by_line_shift GROUP BY line ORDER BY line",
            headers={"X-API-Key": key, "Content-Type": "text/plain"},
            timeout=60,
        )
        assert [line.split(",")[0] for line in posted.text.split()] == ["line", "L1", "L2", "L3"]
    stamp = (tmp_path / "demo" / "applied").stat().st_mtime_ns
    with started_demo(tmp_path) as (root, key, _):
        assert rows(root, key, "machine_health"), "the MES is at another port now, and is found there"
    assert (tmp_path / "demo" / "applied").stat().st_mtime_ns == stamp

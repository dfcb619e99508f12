"""What the figures were measured on: size of the machine, versions, and how busy it was before."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = ("duckdb", "pyarrow", "sqlglot", "psycopg", "uvicorn", "uvloop", "httptools", "isal", "orjson")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor's name."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe_machine(quick: bool) -> str:
    """A paragraph for the head of a report."""
    memory = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {cores()} cores ({processor()}), {memory:.0f} GB of memory, "
        f"{platform.system()} {platform.release()}; client, server and sources share them. "
        f"Load of the machine in the minute before: {os.getloadavg()[0]:.1f}.",
        f"Python {platform.python_version()}, {versions}.",
    ]
    if quick:
        lines.append("**Quick run: small sizes, few repetitions. Not to be quoted.**")
    return "\n".join(lines)

"""Resident memory of processes over time, from /proc."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import psutil

from benchmarks.processes import RunningServer


@dataclass(slots=True)
class Trace:
    """One process: (seconds, resident bytes) in order. `busy`: CPU seconds that it used meanwhile."""

    name: str
    points: list[tuple[float, int]] = field(default_factory=list)
    cpu_before: float = 0.0
    busy: float = 0.0

    @property
    def growth(self) -> int:
        """From the first sample to the highest."""
        return max(size for _, size in self.points) - self.points[0][1]


class MemoryWatch:
    """Samples a server's API process and its workers until the block ends; `traces` by process id."""

    def __init__(self, server: RunningServer, interval: float = 0.2) -> None:
        self.api = server.process
        self._server = server
        self.traces: dict[int, Trace] = {}
        self._interval = interval
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watch")
        self._began = 0.0

    def __enter__(self) -> MemoryWatch:
        self._began = time.monotonic()
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._sample()

    @property
    def api_trace(self) -> Trace:
        """The API process."""
        return self.traces[self.api.pid]

    @property
    def worker_trace(self) -> Trace:
        """The worker that did the work: the one that used the most CPU time."""
        workers = [trace for pid, trace in self.traces.items() if pid != self.api.pid]
        return max(workers, key=lambda trace: trace.busy)

    def _watch(self) -> None:
        while not self._stopping.wait(self._interval):
            self._sample()

    def _sample(self) -> None:
        now = time.monotonic() - self._began
        for process in (self.api, *self._server.workers):
            try:
                with process.oneshot():
                    size, used = process.memory_info().rss, process.cpu_times()
            except psutil.NoSuchProcess:  # a worker that was ended in this moment
                continue
            name = "API process" if process.pid == self.api.pid else f"worker {process.pid}"
            cpu = used.user + used.system
            trace = self.traces.setdefault(process.pid, Trace(name, cpu_before=cpu))
            trace.points.append((now, size))
            trace.busy = cpu - trace.cpu_before

"""The servers that are measured: Viewloom's and a bare one, below a keeper that ends them with this process."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import psutil

from benchmarks.measure import child_environment
from tests.engine.workers import WORKER
from tests.servers.process import free_port, spawn, stop, wait_until

QUIET_CPU = 0.05


@dataclass(frozen=True, slots=True)
class RunningServer:
    """An HTTP server on a port of this machine. `keys`: of two readers, none where none is asked for."""

    port: int
    keeper: int
    log: Path
    keys: tuple[str, ...] = ()

    @property
    def process(self) -> psutil.Process:
        """The server's own process."""
        (process,) = psutil.Process(self.keeper).children()
        return process

    @property
    def workers(self) -> list[psutil.Process]:
        """Its worker processes; not the template that they are forked from."""
        found = []
        for child in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.name() == WORKER:
                    found.append(child)
        return found

    def headers(self, gzip: bool = False, reader: int = 0) -> dict[str, str]:
        """Headers of a request of a reader."""
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip" if gzip else "identity"}
        return headers | ({"X-API-Key": self.keys[reader]} if self.keys else {})

    def get(self, path: str) -> bytes:
        """The body of an answer. RuntimeError with the server's words when it is an error."""
        return self._asked(path)[0]

    def header(self, path: str, name: str) -> str:
        """A header of an answer, which is read to its end. RuntimeError like `get`."""
        return str(self._asked(path)[1][name])

    def _asked(self, path: str) -> tuple[bytes, Message]:
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=self.headers())
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"GET {path}: {error.code} {error.read(500).decode('utf-8', 'replace')}") from None

    def close(self) -> None:
        """End it."""
        stop(self.keeper)


def start_viewloom(data_directory: Path, keys: tuple[str, ...], **settings: str) -> RunningServer:
    """`viewloom serve` over a catalog that was made before, with its default settings but for these."""
    port = free_port()
    program = Path(sys.executable).with_name("viewloom")
    command = [str(program), "serve", "--port", str(port), "--data-directory", str(data_directory)]
    return _started(command, port, data_directory / "server.log", "/readyz", keys, settings)


def start_hello(directory: Path, size: int) -> RunningServer:
    """A bare HTTP server whose answers have `size` bytes."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.hello", str(port), str(size)]
    return _started(command, port, directory / "hello.log", "/", (), {})


def _started(
    command: list[str], port: int, log: Path, ready: str, keys: tuple[str, ...], settings: Mapping[str, str]
) -> RunningServer:
    keeper = spawn(command, log=log, environment={**child_environment(), **settings})
    server = RunningServer(port, keeper, log, keys)
    wait_until(lambda: _answers(server, ready), pid=keeper, log=log, what=" ".join(command[:3]))
    return server


def _answers(server: RunningServer, path: str) -> bool:
    try:
        server.get(path)
    except (RuntimeError, OSError):
        return False
    return True


def settle(server: RunningServer, most: float = 60.0) -> None:
    """Wait until the server and its workers have been quiet for two seconds."""
    began = time.monotonic()
    quiet, before = 0, cpu_seconds(server)
    while quiet < 2 and time.monotonic() - began < most:
        time.sleep(1.0)
        now = cpu_seconds(server)
        quiet = quiet + 1 if now - before < QUIET_CPU else 0
        before = now


def cpu_seconds(server: RunningServer) -> float:
    """CPU time of the API process and its workers so far."""
    api = server.process
    return sum(sum(process.cpu_times()[:2]) for process in (api, *api.children(recursive=True)))

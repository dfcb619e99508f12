"""One server for all xdist workers of a test run: the first that asks starts it, the others find it.

What was made is noted in the directory of the run, below a lock; the process that began the run ends it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerMissingError, ServerStartError, stop

Server = TypeVar("Server", PostgresServer, MariaDBServer)


@dataclass(frozen=True, slots=True)
class TestRun:
    """The directory of the run, and the process (pytest, or xdist's controller) whose end ends its servers."""

    __test__ = False

    directory: Path
    owner: int


@contextlib.contextmanager
def locked(run: TestRun, name: str) -> Iterator[None]:
    """Keep the other workers of this run out until the block is done."""
    with (run.directory / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(run: TestRun, name: str, make: Callable[[], dict[str, object]]) -> dict[str, object]:
    """What `make` gives (JSON), made by the first worker that asks.

    ServerMissingError and ServerStartError are kept too: the other workers get the same without trying.
    """
    made = run.directory / f"{name}.json"
    with locked(run, name):
        if not made.exists():
            try:
                note: dict[str, object] = {"made": make()}
            except (ServerMissingError, ServerStartError) as error:
                note = {type(error).__name__: str(error)}
            made.touch(0o600)
            made.write_text(json.dumps(note), "utf-8")
        note = json.loads(made.read_text("utf-8"))
    for kind in (ServerMissingError, ServerStartError):
        if kind.__name__ in note:
            raise kind(note[kind.__name__])
    found = note["made"]
    assert isinstance(found, dict)
    return found


def shared_server(run: TestRun, kind: type[Server], start: Callable[..., Server]) -> Server:
    """The run's one server of this kind."""
    name = kind.__name__

    def begin() -> dict[str, object]:
        return asdict(start(run.directory / f"{name}.files", owner=run.owner))

    return kind(**once(run, name, begin))  # type: ignore[arg-type]


def end_run(run: TestRun) -> None:
    """Stop every shared server and remove the directory of the run."""
    for kind in (PostgresServer, MariaDBServer):
        made = run.directory / f"{kind.__name__}.json"
        note = json.loads(made.read_text("utf-8")) if made.exists() else {}
        if "made" in note:
            stop(note["made"]["pid"])
    shutil.rmtree(run.directory)

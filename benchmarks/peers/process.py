"""Our side of a peer: its environment, made once and kept, and the process that answers queries in it."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, progress

ENVIRONMENTS = ROOT / ".viewloom" / "peers"
INSTALL_SECONDS = 900.0
QUERY_SECONDS = 300.0
JARS = {
    "libpostgresql-jdbc-java": Path("/usr/share/java/postgresql.jar"),
    "libmariadb-java": Path("/usr/share/java/mariadb-java-client.jar"),
}


class PeerMissingError(Exception):
    """A peer can't be had here; the message is a sentence for the report."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine beside ours. `script`: what runs in its environment; `java`: it needs that and JDBC's drivers."""

    name: str
    title: str
    script: str
    packages: tuple[str, ...]
    java: bool = False


PEERS = (
    Peer(
        "attach",
        "DuckDB 1.5.5 with ATTACH",
        "duckdb_attach.py",
        (
            "duckdb==1.5.5",
            "duckdb-extension-postgres-scanner==1.5.5",
            "duckdb-extension-mysql-scanner==1.5.5",
            "pytz",
        ),
    ),
    Peer("chdb", "ClickHouse (chdb 4.4.0)", "chdb_functions.py", ("chdb==4.4.0",)),
    Peer("spark", "Spark 4.3.0 over JDBC", "spark_jdbc.py", ("pyspark==4.3.0",), java=True),
)


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """Rows as `loop.py` writes them, or why there are none. `seconds`: in the peer, until the last row was there."""

    rows: list[list[Any]] | None
    seconds: float
    error: str = ""


class PeerProcess:
    """A running peer. Close it, or use it in `with`."""

    def __init__(self, peer: Peer, python: Path, sources: Mapping[str, Any]) -> None:
        self.peer = peer
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name(peer.script))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            said = self._say(sources | {"jars": [str(path) for path in JARS.values()]})
        except RuntimeError as error:
            self.close()
            raise PeerMissingError(f"{peer.title} could not start: {error}") from None
        if "error" in said:
            self.close()
            raise PeerMissingError(f"{peer.title} could not start: {said['error']}")

    def ask(self, sql: str) -> PeerAnswer:
        """The answer to one query; a failure of the peer's own is an answer too. RuntimeError when it is gone."""
        said = self._say({"sql": sql})
        return PeerAnswer(said.get("rows"), said.get("seconds", 0.0), said.get("error", ""))

    def _say(self, order: Mapping[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        late = threading.Timer(QUERY_SECONDS, process.kill)
        late.start()
        try:
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            late.cancel()
        if not line:
            raise RuntimeError(f"its process ended with status {process.wait()}: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read()[-400:].decode("utf-8", "replace").strip() or "it said nothing"

    def close(self) -> None:
        """End it."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._log.close()

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def environment(peer: Peer, without: Sequence[str] = ()) -> Path:
    """The Python of the peer's environment, made on first use. Raises PeerMissingError with a sentence.

    `without`: names of peers that are not wanted.
    """
    if peer.name in without:
        raise PeerMissingError(f"{peer.title} was left out, as asked.")
    if peer.java:
        missing = [package for package, path in JARS.items() if not path.exists()]
        if shutil.which("java") is None or missing:
            wanted = " ".join(missing or ["default-jre-headless"])
            raise PeerMissingError(
                f"{peer.title} was left out: it needs Java and drivers (apt-get install {wanted})."
            )
    directory = ENVIRONMENTS / peer.name
    python, stamp = directory / "bin" / "python", directory / "installed"
    wanted = "\n".join(peer.packages)
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    progress(f"making an environment for {peer.title}")
    shutil.rmtree(directory, ignore_errors=True)
    commands = (
        [sys.executable, "-m", "venv", str(directory)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages],
    )
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise PeerMissingError(f"{peer.title} was left out: its installation took too long.") from None
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or [""]
            raise PeerMissingError(f"{peer.title} was left out: it can't be installed here ({last[0][:200]}).")
    stamp.write_text(wanted, "utf-8")
    return python

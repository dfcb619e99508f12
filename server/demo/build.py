"""Builds the demo plant's sources into a directory, and starts its MES.

The directory is named by a hash of the code that makes the data: the second start finds it and does
nothing, and a changed generator gets a new one. It is built beside its place and renamed when complete,
so a build that is cut short is never seen.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from server.demo.erp import write_erp
from server.demo.historian import write_historian
from server.demo.lab import write_lab

HERE = Path(__file__).parent
WORKSPACE = HERE / "workspace"
"""The catalog as code of the demo: views and publications over these sources."""


@dataclass(frozen=True, slots=True)
class DemoPlant:
    """Where the demo plant's sources are; `version` changes when their contents may have."""

    root: Path
    version: str

    @property
    def erp(self) -> Path:
        """The ERP's SQLite file."""
        return self.root / "erp.sqlite"

    @property
    def historian(self) -> Path:
        """The folder with `readings/*.parquet` and `tags.parquet`."""
        return self.root / "historian"

    @property
    def lab(self) -> Path:
        """The folder with `quality_lab.xlsx`, `hardness.csv` and `oil_cleanliness.csv`."""
        return self.root / "lab"


class MesError(RuntimeError):
    """The MES didn't start; the message holds what it said."""


def content_version() -> str:
    """Twelve hex digits over the code of the generators and the Parquet writer's version."""
    digest = hashlib.sha256(pa.__version__.encode())
    for path in sorted(HERE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def build_demo(directory: Path) -> DemoPlant:
    """Build the sources below `directory`, unless they are there; a few seconds the first time, nothing later.

    Two processes may build at once: the first to finish wins and both use its result.
    """
    version = content_version()
    plant = DemoPlant(directory / f"plant-{version}", version)
    if plant.root.is_dir():
        return plant
    directory.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".plant-", dir=directory))
    try:
        unfinished = DemoPlant(draft, version)
        write_erp(unfinished.erp)
        write_historian(unfinished.historian)
        write_lab(unfinished.lab)
        draft.chmod(0o755)
        try:
            draft.rename(plant.root)
        except OSError:
            if not plant.root.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return plant


@dataclass(frozen=True, slots=True)
class Mes:
    """A running MES in a process of its own; leave the `with` block or call `stop` to end it."""

    process: subprocess.Popen[bytes]
    url: str

    def stop(self) -> None:
        """End the process; calling it twice does no harm."""
        if self.process.stdin and not self.process.stdin.closed:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_mes(
    port: int = 0,
    *,
    page_seconds: float = 0.2,
    throttle_every: int = 7,
    token_seconds: float = 60.0,
    timeout: float = 20.0,
) -> Mes:
    """Start the MES on `port` of localhost (0 picks a free one) and wait until it answers.

    It ends with `Mes.stop`, and also when this process dies. MesError when it ends at once or says
    nothing for `timeout` seconds.
    """
    command = [
        sys.executable, "-m", "server.demo.mes", "--until-stdin-closes", "--port", str(port),
        "--page-seconds", str(page_seconds), "--throttle-every", str(throttle_every),
        "--token-seconds", str(token_seconds),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    watchdog = threading.Timer(timeout, process.kill)
    watchdog.start()
    first = process.stdout.readline().decode().strip() if process.stdout else ""
    watchdog.cancel()
    mes = Mes(process, first)
    if not first.startswith("http://"):
        process.kill()
        mes.stop()
        reason = first or f"it ended or said nothing for {timeout:g} seconds"
        raise MesError(f"The demo MES did not start: {reason}. Port 0 picks a free one.")
    return mes

"""Server processes of the tests: start one on a free loopback port, wait until it answers, stop it.

Every server runs below `keep.py`, which ends it when the owning process (the test run) is gone, so
nothing survives a run that was killed.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

KEEP = Path(__file__).with_name("keep.py")
START_SECONDS = 30.0
STOP_SECONDS = 12.0


class ServerMissingError(Exception):
    """The server's program is not on this machine; the message says how to get it."""


class ServerStartError(Exception):
    """The server's program is there, but it did not start; the message ends with its log."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def new_password() -> str:
    """A random password that needs no quoting in a URL, in SQL or in a shell."""
    return secrets.token_hex(12)


def ordinary_user(*preferred: str) -> str | None:
    """An existing user to run a server as when we are root (servers refuse to run as root), else None."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in (*preferred, "nobody"):
        if name in known:
            return name
    raise ServerMissingError(f"Asked for a user to run a server as: none of {preferred} exists here.")


def is_reachable(path: Path, user: str | None) -> bool:
    """Whether the user may walk to the path; judged by the permissions for everybody else."""
    return user is None or all(
        parent.stat().st_mode & stat.S_IXOTH or parent.owner() == user for parent in path.resolve().parents
    )


def give_to(directory: Path, user: str | None) -> None:
    """Make the directory the user's own, mode 0700.

    Raises ServerStartError when one of its parents shuts the user out, as pytest's tmp_path does.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not is_reachable(directory, user):
        raise ServerStartError(
            f"{directory} can't be reached by the user {user!r}, whom the server runs as because we are root. "
            "Use the fixture server_directory in place of tmp_path."
        )
    directory.chmod(0o700)
    if user is not None:
        shutil.chown(directory, user, pwd.getpwnam(user).pw_gid)


def spawn(
    command: list[str],
    *,
    log: Path,
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    owner: int | None = None,
    environment: dict[str, str] | None = None,
) -> int:
    """Start the command below keep.py and give the process id of its keeper.

    posix_spawn, not Popen: the keeper may outlive the xdist worker that started it, and Popen would
    warn about that. `owner` is the process whose end ends the server (default: this one).
    """
    arguments = [sys.executable, "-I", "-S", str(KEEP), str(owner or os.getpid()), str(int(stop_signal))]
    arguments += [user or "-", str(log), *command]
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
    keeper_output = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        return os.posix_spawn(
            sys.executable,
            arguments,
            inherited | (environment or {}),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, keeper_output, 1),
                (os.POSIX_SPAWN_DUP2, keeper_output, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(keeper_output)


def is_running(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not yet waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(answers: Callable[[], bool], *, pid: int, log: Path, what: str) -> None:
    """Return when `answers()` is true. Raises ServerStartError when the process ends or time is up."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not is_running(pid):
            raise ServerStartError(f"{what} ended while starting. Its log: {tail(log)}")
        if answers():
            return
        time.sleep(0.02)
    stop(pid)
    raise ServerStartError(f"{what} did not answer within {START_SECONDS:.0f} s. Its log: {tail(log)}")


def stop(pid: int) -> None:
    """End the server of this keeper and wait until both are gone; fine when they already are."""
    deadline = time.monotonic() + STOP_SECONDS
    if is_running(pid):
        os.kill(pid, signal.SIGTERM)
    while is_running(pid):
        if time.monotonic() > deadline:
            raise TimeoutError(f"The keeper {pid} of a test server did not end within {STOP_SECONDS:.0f} s.")
        time.sleep(0.01)
    with contextlib.suppress(ChildProcessError):  # started by another worker of this run: not ours to reap
        os.waitpid(pid, os.WNOHANG)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file, or a word that says there are none."""
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:]) or "(empty)"

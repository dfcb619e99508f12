"""Runs one server for a test run, and ends it when the run ends, however that ends.

Called as a script: `python keep.py OWNER_PID STOP_SIGNAL USER LOG COMMAND…` (USER is "-" for the
present one). It starts COMMAND and waits for the first of three things: COMMAND ends by itself, the
process OWNER_PID is gone (even by kill -9), or it is told to stop by SIGTERM. Then COMMAND gets
STOP_SIGNAL and, ten seconds later, SIGKILL. Should this process itself be killed, the kernel sends
STOP_SIGNAL to COMMAND (Linux).

It imports the standard library only, so that it is up in a few hundredths of a second.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.5
STOP_SECONDS = 10.0


class Stop(BaseException):
    """Somebody asked this process to stop."""


def stop_now(signum: int, frame: FrameType | None) -> None:
    """Signal handler: leave whatever is being waited for."""
    raise Stop


def wait_for_either(child: int, owner: int) -> None:
    """Return when one of the two processes has ended."""
    if not hasattr(os, "pidfd_open"):  # not Linux: look twice a second
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            try:
                os.kill(owner, 0)
            except ProcessLookupError:
                return
            time.sleep(POLL_SECONDS)
        return
    try:
        watched = [os.pidfd_open(child), os.pidfd_open(owner)]
    except ProcessLookupError:
        return
    select.select(watched, [], [])


def main(arguments: list[str]) -> int:
    """Run the command of the arguments until it, its owner or our caller ends it."""
    owner, stop_signal, user, log, *command = arguments
    number = int(stop_signal)
    library = ctypes.CDLL(None)

    def tie_to_this_process() -> None:
        if sys.platform == "linux":
            library.prctl(PR_SET_PDEATHSIG, number)

    signal.signal(signal.SIGTERM, stop_now)
    demotion = {} if user == "-" else {"user": user, "group": group_of(user), "extra_groups": []}
    with Path(log).open("ab") as output:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=tie_to_this_process,
            cwd="/",
            **demotion,  # type: ignore[call-overload]
        )
    try:
        wait_for_either(server.pid, int(owner))
    except Stop:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if server.poll() is None:
        server.send_signal(number)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    returncode: int = server.returncode
    return returncode


def group_of(user: str) -> int:
    """The number of the user's own group."""
    import pwd

    return pwd.getpwnam(user).pw_gid


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

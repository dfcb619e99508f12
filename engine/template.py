"""The template of workers: a process that has imported what every worker needs, and forks a worker when asked.

Started as `python -I -m engine.template` with an empty environment. It has one thread, no DuckDB instance, no
connection to a source, and a socket over which the API process asks for workers and never sends a job: a forked
worker finds in its memory what a fresh interpreter has there after its imports. It ends when the API process is gone,
and its workers end with it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import socket
import sys
from pathlib import Path

import orjson

from engine.forked_process import UNFIT
from engine.isolation import confine_worker, die_with, name_process


def prepare() -> None:
    """Import what workers need: the worker itself, and the drivers of every kind that comes with Viewloom."""
    import pyarrow as pa

    from connectors.sdk.errors import DriverMissingError
    from connectors.sdk.registry import connector_type, own_kinds
    from engine import worker

    assert worker
    for kind in own_kinds():
        with contextlib.suppress(DriverMissingError):
            connector_type(kind)
    pa.array([0])  # Arrow looks for pandas at its first array, and imports it where it is installed
    # Not looked at again by the collector: it would write to each of their pages, which are shared until then.
    gc.collect()
    gc.freeze()


def threads() -> int:
    """How many threads this process has, those that no Python code knows of included."""
    return len(list(Path("/proc/self/task").iterdir()))


def serve(requests: socket.socket) -> None:
    """Fork when asked, tell of those that ended, until the API process is gone."""
    living: dict[int, tuple[int, socket.socket]] = {}  # by pidfd: the process, and where its end is told
    watch = select.poll()
    watch.register(requests, select.POLLIN)
    while True:
        for descriptor, _ in watch.poll():
            if descriptor in living:
                watch.unregister(descriptor)
                pid, tells = living.pop(descriptor)
                _, status = os.waitpid(pid, 0)
                with contextlib.suppress(OSError):
                    tells.send(b"%d" % os.waitstatus_to_exitcode(status))
                tells.close()
                os.close(descriptor)
                continue
            settings, descriptors, _, _ = socket.recv_fds(requests, 65536, 3, socket.MSG_CMSG_CLOEXEC)
            if len(descriptors) != 3:
                return
            jobs, control = descriptors[:2]
            tells = socket.socket(fileno=descriptors[2])
            template = os.getpid()
            try:
                pid = os.fork()
            except OSError:  # no process or memory left: told by closing
                pid = -1
            if pid == 0:
                others = [requests, tells, *(one for _, one in living.values())]
                _become_worker(template, settings, jobs, control, others)
            os.close(jobs)
            os.close(control)
            if pid > 0:
                new = os.pidfd_open(pid)
                with contextlib.suppress(OSError):  # it is not waited for any more: its sockets are closed, it ends
                    socket.send_fds(tells, [b"%d" % pid], [new])
                living[new] = pid, tells
                watch.register(new, select.POLLIN)
            else:
                tells.close()


def _become_worker(template: int, settings: bytes, jobs: int, control: int, others: list[socket.socket]) -> None:
    """The forked process, which never returns: it keeps its two sockets, and not one descriptor of another worker."""
    try:
        for one in others:
            one.detach()  # or their objects would close numbers that by then are something else
        low, high = sorted((jobs, control))
        os.closerange(3, low)
        os.closerange(low + 1, high)
        os.closerange(high + 1, os.sysconf("SC_OPEN_MAX"))
        from engine.worker import run_worker

        def confined() -> None:
            die_with(template)
            if not os.access(__file__, os.R_OK):  # what it would still import: better not to start than to fail then
                os._exit(1)

        run_worker(orjson.loads(settings) | {"fd": jobs, "control": control}, confined)
    finally:
        os._exit(1)


def main() -> None:
    """Confine the process, import, serve."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    confine_worker(None)
    name_process("loom-template")
    prepare()
    if threads() != 1:
        os._exit(UNFIT)
    serve(requests)
    os._exit(0)


if __name__ == "__main__":
    main()

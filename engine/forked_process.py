"""The API process's end of the template of workers, and of the processes that it forks.

A request to fork is one message with three descriptors: the worker's two sockets, and one over which the template
tells of that worker: first its number and a descriptor of the process (a pidfd, which no later process can be taken
for), then, when it has ended, its exit status.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading

import orjson

from engine.worker_process import Process, python_module

START_SECONDS = 30.0
LOOK_SECONDS = 0.2
UNFIT = 77  # exit status of a template that must not fork: something that it imported has started a thread


def can_fork() -> bool:
    """Whether workers are forked here: macOS's own libraries break in a forked process, and pidfds are Linux's."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # a kernel before 5.3, or a container that forbids it
        return False
    return True


class Template:
    """The template process. One thread at a time forks."""

    def __init__(self) -> None:
        """Start it; it takes requests at once and serves them when it has imported what it needs. Raises OSError."""
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = python_module("engine.template", str(theirs.fileno()), [theirs])
        except OSError:
            self._requests.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """The template's own process."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it can be asked for workers."""
        return self._process.poll() is None

    def unfit(self) -> bool:
        """Whether it ended because it must not fork; another one would find the same."""
        return self._process.poll() == UNFIT

    def kill(self) -> None:
        """End it, and the workers that live, whose parent it is."""
        self._process.kill()

    def close(self) -> None:
        """End it, reap it, give its socket back."""
        self.kill()
        self._process.wait()
        self._requests.close()

    def fork(self, settings: dict[str, object], jobs: socket.socket, control: socket.socket) -> Process:
        """A worker process that has the two sockets. Raises OSError when the template can't give one."""
        told, tells = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with tells:
                descriptors = [one.fileno() for one in (jobs, control, tells)]
                socket.send_fds(self._requests, [orjson.dumps(settings)], descriptors)
            told.settimeout(START_SECONDS)
            number, received, _, _ = socket.recv_fds(told, 64, 1, socket.MSG_CMSG_CLOEXEC)
            if not received:
                raise OSError("the template of workers has not forked")
        except OSError as error:
            told.close()
            if isinstance(error, TimeoutError):
                self.kill()
            raise
        told.setblocking(False)
        return ForkedProcess(int(number), received[0], told)


class ForkedProcess:
    """A process that the template has forked. Thread-safe, like `subprocess.Popen`."""

    def __init__(self, pid: int, descriptor: int, told: socket.socket) -> None:
        """`descriptor`: its pidfd; `told`: where its exit status comes."""
        self.pid = pid
        self._descriptor = descriptor
        self._told = told
        self._status: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit status (negative: the signal that ended it), None while it runs."""
        with self._lock:
            if self._status is None:
                try:
                    told = self._told.recv(64)
                except BlockingIOError:
                    return None
                self._status = int(told) if told else self._lost()
                self._told.close()
                os.close(self._descriptor)
            return self._status

    def wait(self) -> int:
        """The exit status as soon as it has ended."""
        while (status := self.poll()) is None:
            watch = select.poll()
            # Another thread's poll() may have closed it by now: then this waits once in vain.
            with contextlib.suppress(ValueError):
                watch.register(self._told, select.POLLIN)
            watch.poll(LOOK_SECONDS * 1000)
        return status

    def kill(self) -> None:
        """End it now; nothing happens when it has ended."""
        with self._lock:
            if self._status is None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def _lost(self) -> int:
        """The template is gone, and nobody tells: workers end with it. Where we are the first process of a container,
        its dead are ours to bury."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        watch = select.poll()
        watch.register(self._descriptor, select.POLLIN)
        watch.poll(START_SECONDS * 1000)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self._descriptor, os.WEXITED | os.WNOHANG)
        return -signal.SIGKILL

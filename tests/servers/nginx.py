"""An nginx for tests: a free loopback port, the caller's configuration, all files in one directory."""

from __future__ import annotations

import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import ServerMissingError, free_port, ordinary_user, spawn, stop, wait_until

HOW_TO_GET = "run `python -m tests.servers.install` as root, or apt-get install nginx"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True, slots=True)
class NginxServer:
    """A running nginx; `url` is its root without a slash at the end, `log` its error log."""

    host: str
    port: int
    pid: int
    log: str

    @property
    def url(self) -> str:
        """Where it listens, as http."""
        return f"http://{self.host}:{self.port}"

    def close(self) -> None:
        """Stop it; its directory stays."""
        stop(self.pid)


def nginx_program() -> str:
    """The path of the program. Raises ServerMissingError."""
    program = shutil.which("nginx", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise ServerMissingError(f"nginx is not on this machine: {HOW_TO_GET}.")
    return program


def start_nginx(directory: Path, http: str, *, owner: int | None = None) -> NginxServer:
    """Start nginx with `http` as the inside of its http block.

    In that text `@PORT@` is replaced by the free port and `@DIRECTORY@` by the directory, for example
    `server { listen 127.0.0.1:@PORT@; location / { return 200 "hello"; } }`. The worker runs as the
    present user, so that it reads every file that the test can read.
    Raises ServerMissingError, ServerStartError (with nginx's own words on a wrong configuration).
    """
    program = nginx_program()
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "error.log"
    port = free_port()
    text = http.replace("@PORT@", str(port)).replace("@DIRECTORY@", str(directory))
    as_root = "user root;\n" if ordinary_user() is not None else ""
    paths = "".join(f"{name}_temp_path {directory}/{name};\n" for name in TEMPORARY)
    configuration = directory / "nginx.conf"
    configuration.write_text(
        f"{as_root}daemon off;\nworker_processes 1;\npid {directory}/nginx.pid;\nerror_log {log} info;\n"
        f"events {{ worker_connections 512; }}\n"
        f"http {{\naccess_log {directory}/access.log;\n{paths}{text}\n}}\n",
        "utf-8",
    )
    pid = spawn(
        [program, "-p", str(directory), "-e", str(log), "-c", str(configuration)],
        log=log,
        stop_signal=signal.SIGTERM,
        owner=owner,
    )
    wait_until(lambda: listens(port), pid=pid, log=log, what="nginx")
    return NginxServer("127.0.0.1", port, pid, str(log))


def listens(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

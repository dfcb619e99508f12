"""The settings for nginx in docs/how-to/deploy.md are ones that nginx takes, with what a broken answer needs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.project.places import DOCS
from tests.servers.nginx import nginx_program
from tests.servers.process import ServerMissingError

PAGE = DOCS / "how-to" / "deploy.md"


def documented() -> str:
    found = re.search(r"### nginx\n\n```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_settings_keep_broken_answers_broken_and_forged_headers_out() -> None:
    text = documented()
    assert "proxy_http_version 1.1;" in text
    assert "proxy_buffering off;" in text
    for name in ("Proto", "Host", "Port", "Prefix"):
        assert f"proxy_set_header X-Forwarded-{name} " in text


def test_nginx_takes_the_settings(tmp_path: Path) -> None:
    try:
        program = nginx_program()
    except ServerMissingError as error:
        pytest.skip(str(error))
    # Without TLS: a certificate would have to be made for it.
    server = re.sub(r"^ *ssl_.*\n", "", documented(), flags=re.MULTILINE).replace("listen 443 ssl", "listen 8443")
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\nhttp {{\naccess_log off;\n{server}\n}}\n",
        "utf-8",
    )
    done = subprocess.run(
        [program, "-t", "-c", str(configuration), "-p", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr

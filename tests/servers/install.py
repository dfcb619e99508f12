"""Installs the servers that the tests start and that no Python package carries: MariaDB and nginx.

Run it by `python -m tests.servers.install`. When all is there it ends at once. It installs only as root
on a machine with apt-get; otherwise, and with VIEWLOOM_NO_INSTALL=1, it only says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = {"mariadbd": "mariadb-server", "nginx": "nginx"}
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing_packages() -> list[str]:
    """The distribution's packages whose programs are not on this machine."""
    return [package for program, package in PACKAGES.items() if shutil.which(program, path=SEARCH) is None]


def main() -> int:
    """Install what is missing; 0 when all is there or may stay away, 1 when an installation failed."""
    missing = missing_packages()
    if not missing:
        return 0
    names = " ".join(missing)
    if os.environ.get("VIEWLOOM_NO_INSTALL") == "1":
        print(f"Not installed, as VIEWLOOM_NO_INSTALL=1 asks: {names}. Tests that need them are skipped.")
        return 0
    if os.geteuid() != 0 or shutil.which("apt-get", path=SEARCH) is None:
        print(f"Missing: {names}. Install them (on Debian: sudo apt-get install {names}), or tests are skipped.")
        return 0
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    subprocess.run(command, env=environment, check=False)
    still_missing = missing_packages()
    if still_missing:
        print(f"apt-get did not bring {' '.join(still_missing)}; its own messages are above.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a process has imported when it is ready: seconds of start, megabytes, and what an attacker finds there.

That layers hold is import-linter's part of `make check`.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.project.places import ROOT

LIST = "import sys, json; print(json.dumps(sorted(sys.modules)))"


def imported_by(statement: str) -> set[str]:
    """The modules of a fresh interpreter after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{LIST}"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("statement", "never"),
    [
        # Law 5: SQL never runs in the API process; sources are read by workers only.
        ("import server.app", {"duckdb", "psycopg", "pymysql", "httpx", "connectors.postgres", "connectors.files"}),
        # Planning is done before a worker gets its job; sqlglot alone is half a second.
        ("import engine.worker", {"sqlglot", "sqlalchemy", "fastapi", "uvicorn", "server", "catalog.store"}),
        # Help must be quick.
        ("import server.cli", {"duckdb", "sqlglot", "fastapi", "sqlalchemy", "pyarrow"}),
        ("import connectors.sdk", {"duckdb", "sqlglot", "fastapi", "sqlalchemy", "catalog", "engine", "server"}),
        ("import catalog.store", {"duckdb", "connectors", "engine", "server", "fastapi"}),
    ],
    ids=["API process", "worker", "command line", "connector SDK", "catalog"],
)
def test_a_process_imports_no_more_than_it_needs(statement: str, never: set[str]) -> None:
    assert not imported_by(statement) & never

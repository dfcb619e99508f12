"""The command `viewloom`: what it prints, and its exit codes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from server.cli import COMMANDS, SUMMARIES, main

from .operations.shop import SCHEMA

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name, value in {"SPARE_WORKERS": "0", "WORKER_MEMORY_MB": "256"}.items():
        monkeypatch.setenv(f"VIEWLOOM_{name}", value)

    def call(*arguments: str, code: int = 0) -> Result:
        found = CliRunner().invoke(main, arguments)
        assert found.exit_code == code, found.output + repr(found.exception)
        return found

    return call


def files(directory: Path, view: str = "SELECT order_id, status FROM erp.orders") -> Path:
    if not (directory / "shop.db").exists():
        with closing(sqlite3.connect(directory / "shop.db")) as database:
            database.executescript(SCHEMA)
    root = directory / "code"
    (root / "views").mkdir(parents=True, exist_ok=True)
    (root / "connections.yaml").write_text(
        f"erp:\n  connector: sqlite\n  time_zone: UTC\n  config: {{directory: '{directory}', file: shop.db}}\n"
    )
    (root / "views/v.sql").write_text(f"CREATE VIEW v AS {view};\n")
    (root / "publications.yaml").write_text("- view: v\n  name: orders\n")
    return root


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append(((*path, name), command))
        if isinstance(command, click.Group):
            found += every_command(command, (*path, name))
    return found


def test_every_command_teaches_with_an_example(run: Run) -> None:
    assert COMMANDS.keys() == SUMMARIES.keys()
    for path, _ in every_command(main):
        assert "Example:  viewloom" in run(*path, "--help").output, path


def test_a_workspace_from_files_to_a_key(run: Run, tmp_path: Path) -> None:
    root = str(files(tmp_path))
    run("init")
    assert "create view v" in run("apply", root, "--dry-run").output
    assert "3 changes made." in run("apply", root).output
    assert "Nothing to change." in run("apply", root).output
    assert "order_id" in run("views", "show", "v").output
    assert json.loads(run("preview", "v", "--limit", "1", "--json").stdout) == [{"order_id": 10, "status": "open"}]
    assert "statement  SELECT" in run("explain", "SELECT * FROM orders WHERE order_id = 10", "--analyze").output
    assert "ok" in run("connections", "test", "erp").output
    assert "erp" in run("connections", "list").output
    assert "orders" in run("publications", "list").output
    issued = json.loads(run("keys", "issue", "Excel", "--json").stdout)
    assert issued["key"].startswith("ft_")
    assert issued["key"] not in run("keys", "list").output
    assert "revoked" in run("keys", "revoke", issued["record"]["id"]).output
    assert "No runs yet." in run("runs", "list").output
    run("export", str(tmp_path / "out"))
    assert (tmp_path / "out/views/v.sql").read_text() == (tmp_path / "code/views/v.sql").read_text()


def test_problems_in_files_end_with_one_and_are_told_with_their_places(run: Run, tmp_path: Path) -> None:
    run("init")
    found = run("apply", str(files(tmp_path, "SELECT statsu FROM erp.orders")), code=1)
    assert "views/v.sql:1:25: there is no column 'statsu' (did you mean 'status'?)" in found.stderr
    assert "nothing was changed" in found.stderr


def test_a_change_at_the_source_is_seen_by_refresh_and_check(run: Run, tmp_path: Path) -> None:
    run("init")
    run("apply", str(files(tmp_path)))
    assert "All is well." in run("check").output
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.executescript("ALTER TABLE orders DROP COLUMN status")
    found = run("refresh", "erp", code=1)
    assert "changed  orders: -status" in found.stdout and "view     v: there is no column" in found.stdout
    assert "v, line 1" in run("check", code=1).output


def test_a_view_file_is_checked_and_saved(run: Run, tmp_path: Path) -> None:
    run("init")
    root = files(tmp_path)
    run("apply", str(root))
    (tmp_path / "w.sql").write_text("CREATE VIEW w AS SELECT total FROM erp.orders;")
    assert "DECIMAL(12,2)" in run("views", "check", "w.sql").output
    assert "saved as version 1" in run("views", "check", "w.sql", "--save").output
    assert "is published, version 1: no key" in run("publish", "w", "--key", "").output
    assert "(total) is not" not in run("publish", "w", "--key", "total").output
    run("publications", "drop", "w")


def test_expected_errors_end_with_one_and_say_what_to_do(run: Run) -> None:
    run("init")
    found = run("views", "show", "missing", code=1)
    assert "Error: There is no view 'missing' here." in found.stderr and "Traceback" not in found.output
    assert "no workspace" in run("views", "list", "--workspace", "elsewhere", code=1).stderr


def test_a_closed_source_is_an_expected_error(run: Run, tmp_path: Path) -> None:
    run("init")
    root = files(tmp_path)
    with (root / "connections.yaml").open("a") as file:
        file.write('  budget: {windows: [{name: mrp, from: "00:00", to: "24:00"}]}\n')
    run("apply", str(root))
    found = run("preview", "v", code=1)
    assert "Error: connection 'erp' is closed (mrp)" in found.stderr and "Traceback" not in found.output


def test_a_wrong_command_line_ends_with_two(run: Run) -> None:
    run("apply", code=2)
    run("nonsense", code=2)
    run("preview", "v", "--limit", "1000", code=2)


def test_a_broken_contract_fails_the_check_with_the_plan_in_hand(run: Run, tmp_path: Path) -> None:
    run("init")
    sql = "\n-- contract: a filter on status reaches erp\nSELECT {} AS status FROM erp.orders"
    run("apply", str(files(tmp_path, sql.format("status"))))
    assert "All is well." in run("check").output
    root = files(tmp_path, sql.format("upper(status)"))
    failed = run("check", str(root), code=1).stderr
    assert "views/v.sql:2:1: the contract" in failed and "UPPER" in failed and "s0  erp.orders" in failed
    run("apply", str(root), "--contracts", "warn")
    failed = run("check", code=1).output
    assert "v, line 2: the contract" in failed and "s0  erp.orders" in failed

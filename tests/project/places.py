"""Where the project's files are: for tests that look at all of them."""

from __future__ import annotations

import ast
import importlib
import subprocess
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PACKAGES = ("catalog", "connectors", "engine", "server")
SKIPPED = {".git", ".venv", ".viewloom", "__pycache__", "node_modules"}
# Alembic runs it on its own terms; importing it outside of a migration fails.
NOT_IMPORTED = frozenset({"catalog.migrations.env"})


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that git tracks or would track; outside of a checkout, all that are not made."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not SKIPPED & set(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in paths if path.is_file()))


@cache
def package_files() -> tuple[Path, ...]:
    """Every Python file of the four packages."""
    return tuple(path for path in project_files() if path.suffix == ".py" and within(path).split("/")[0] in PACKAGES)


def within(path: Path) -> str:
    """A file's path from the project's root on, with slashes."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    """The dotted name under which a file is imported."""
    return within(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every module of the four packages, imported."""
    names = (module_name(path) for path in package_files())
    return tuple(importlib.import_module(name) for name in names if name not in NOT_IMPORTED)


@cache
def tree_of(path: Path) -> ast.Module:
    """A Python file, parsed."""
    return ast.parse(path.read_text("utf-8"), str(path))


@cache
def reference(name: str) -> str:
    """The text of a page of docs/reference."""
    return (REFERENCE / name).read_text("utf-8")

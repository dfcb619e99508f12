"""The project's shape: small files with a docstring and a plain name, each in its place."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import connectors.sdk
from tests.project.places import PACKAGES, ROOT, module_name, package_files, project_files, tree_of, within

MOST_LINES = 400
# Less is a constant or a wrapper that belongs into its neighbour. An `__init__` may be a docstring alone.
FEWEST_LINES = 10
TOP_LEVEL = {
    *PACKAGES,
    *("tests", "benchmarks", "docs", ".ci", ".gitignore", ".github"),
    *("LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"),
}
VAGUE = re.compile(r"(manager|helper|util|utils|service|misc|common|stuff)s?$", re.IGNORECASE)
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".sql", ".lock", ".svg", ".txt", ".cfg", ".json", ""}
# A path that exists on one person's machine only.
OF_A_MACHINE = re.compile(r"(/home/[a-z]|/Users/[A-Za-z]|[A-Z]:\\Users\\)")


def test_the_top_level_holds_what_it_should() -> None:
    assert {within(path).split("/")[0] for path in project_files()} <= TOP_LEVEL


def test_files_are_neither_too_long_nor_too_short() -> None:
    lines = {within(path): len(path.read_text("utf-8").splitlines()) for path in package_files()}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}, "split them by idea"
    short = {n: count for n, count in lines.items() if count < FEWEST_LINES and not n.endswith("__init__.py")}
    assert not short, "put them where they are used"


def test_every_module_public_class_and_function_says_what_it_is() -> None:
    without = []
    for path in package_files():
        tree = tree_of(path)
        if not ast.get_docstring(tree):
            without.append(within(path))
        if module_name(path).startswith("catalog.migrations"):
            continue  # what Alembic calls is named by Alembic
        without += [
            f"{within(path)}:{node.lineno} {node.name}"
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    assert not without, "begin with a sentence that says what it is"


def test_names_say_what_things_are() -> None:
    names = {
        f"{within(path)} {name}"
        for path in package_files()
        for name in (path.stem, *(node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)))
        if VAGUE.search(name)
    }
    assert not names


def test_no_exception_is_swallowed() -> None:
    silent = [
        f"{within(path)}:{node.lineno}"
        for path in package_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and all(isinstance(statement, ast.Pass) for statement in node.body)
    ]
    assert not silent


def test_nothing_is_left_to_do_in_the_code() -> None:
    # Put together, so that this file passes its own test.
    words = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)))
    assert not [within(path) for path in package_files() if words.search(path.read_text("utf-8"))]


def test_the_program_reads_no_place_beside_the_project() -> None:
    """Tests may use a folder of shared files beside a checkout; the program knows of none."""
    assert not [within(path) for path in package_files() if "VIEWLOOM_SHARED" in path.read_text("utf-8")]


def test_no_file_names_a_machine() -> None:
    for path in project_files():
        if path.suffix not in TEXT or path.name == Path(__file__).name:
            continue
        text = path.read_text("utf-8")
        assert str(ROOT) not in text or len(ROOT.parts) < 3, within(path)
        found = OF_A_MACHINE.search(text)
        assert found is None, f"{within(path)}: {found and found[0]}"


def test_the_sdk_exports_what_it_imports_in_order() -> None:
    names = connectors.sdk.__all__
    assert names == sorted(names)
    tree = tree_of(ROOT / "connectors" / "sdk" / "__init__.py")
    imported = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(names)


def test_every_decision_is_a_record_with_what_was_decided() -> None:
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        text = path.read_text("utf-8")
        assert text.startswith("# "), within(path)
        assert "**Decided" in text, within(path)

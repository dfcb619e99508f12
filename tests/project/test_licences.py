"""The licences of what is installed with Viewloom allow a program under Apache-2.0 to be run and passed on."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

from tests.project.places import ROOT, reference

# Permissive ones; MPL-2.0 covers its own files only. LGPL stands for psycopg alone: an optional extra that is
# imported, never copied or changed (docs/decisions/0009-licences-of-dependencies.md).
ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MPL-2.0"),
        *("PSF-2.0", "Python-2.0", "Unlicense", "Zlib"),
    }
)
WEAK_COPYLEFT = {"psycopg": "LGPL-3.0-only", "psycopg-binary": "LGPL-3.0-only"}
# Packages that say it in words of their own.
SPELLINGS = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "ISC License (ISCL)": "ISC",
}
WORDS = re.compile(r"[()]|\b(?:AND|OR|WITH)\b")


def key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def runtime() -> dict[str, str]:
    """Every distribution that `viewloom[all]` needs here, by name, with its licence as it says it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    waiting = [Requirement(text) for text in (*project["dependencies"], *extras)]
    found: dict[str, str] = {}
    while waiting:
        wanted = waiting.pop()
        name = key(wanted.name)
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if name in found or name == "viewloom" or not applies:
            continue
        try:
            distributed = distribution(wanted.name)
        except PackageNotFoundError:
            raise AssertionError(f"{wanted.name} is not installed: run `make check`") from None
        found[name] = licence(distributed.metadata)
        for text in distributed.requires or ():
            needed = Requirement(text)
            asked = needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in (*wanted.extras, "")
            )
            if asked:
                needed.marker = None
                waiting.append(needed)
    return found


def licence(metadata: object) -> str:
    """As an SPDX expression where the package gives one, else from its classifiers, else from its text."""
    get, get_all = metadata.get, metadata.get_all  # type: ignore[attr-defined]
    if get("License-Expression"):
        return str(get("License-Expression"))
    classifiers = [
        text.rpartition(" :: ")[2] for text in get_all("Classifier") or () if text.startswith("License ::")
    ]
    known = [SPELLINGS.get(text, text) for text in classifiers if text != "OSI Approved"]
    return " AND ".join(known) if known else SPELLINGS.get(str(get("License")), str(get("License")))


def test_every_runtime_dependency_has_a_licence_that_fits() -> None:
    for name, text in sorted(runtime().items()):
        if WEAK_COPYLEFT.get(name) == text:
            continue
        names = {part.strip() for part in WORDS.split(text) if part and part.strip()}
        assert names and names <= ALLOWED, f"{name}: {text!r}; decide, and write why in docs/decisions/"


def test_what_is_weakly_copyleft_is_optional() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    required = {key(Requirement(text).name) for text in project["dependencies"]}
    assert not required & set(WEAK_COPYLEFT)


def test_the_licence_is_the_one_that_the_project_says() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text and "Version 2.0" in text
    assert "Apache-2.0" in (ROOT / "README.md").read_text("utf-8")


def test_the_three_that_decide_an_answer_are_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = {key(Requirement(text).name) for text in project["dependencies"] if "==" in text}
    assert pinned == {"duckdb", "pyarrow", "sqlglot"}
    assert all(name in reference("sql.md") for name in ("DuckDB", "sqlglot"))

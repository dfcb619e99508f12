"""The documents say all that there is, and nothing that isn't so: names are compared with the code."""

from __future__ import annotations

import ast
import json
import re
import sys
import types
import typing
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote

import pytest
import sqlglot
import yaml
from pydantic import BaseModel

from catalog.records import Limits
from connectors.sdk import Comparison, Connector, Op, ScanRequest, TableName
from connectors.sdk.errors import SourceTableMissingError
from connectors.sdk.registry import connector_kinds, connector_type
from engine.allowed import FUNCTIONS, TABLE_FUNCTIONS
from engine.optimizer import RULES
from engine.parse import MAX_BYTES, MAX_DEPTH, MAX_TOKENS
from server.odata.functions import FUNCTIONS as ODATA_FUNCTIONS
from server.odata.vocabulary import FILTER_FUNCTIONS
from server.rest.formats import CONTENT_TYPES
from server.rest.parser import OPERATORS, OPTIONS, TESTS
from server.settings import PREFIX, Settings
from tests.project import command_line, dialect_tables
from tests.project.places import DOCS, REFERENCE, ROOT, project_files, reference, within

PAGES = tuple(path for path in project_files() if path.suffix == ".md")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def ids(path: Path) -> str:
    return within(path)


def without_blocks(text: str) -> str:
    return BLOCK.sub("", text)


def anchors(text: str) -> set[str]:
    """The fragments that headings make, as GitHub makes them."""
    found = set()
    for heading in HEADING.findall(without_blocks(text)):
        plain = re.sub(r"[`*]", "", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    for indent, language, code in BLOCK.findall(path.read_text("utf-8")):
        yield language, "\n".join(line.removeprefix(indent) for line in code.splitlines())


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(without_blocks(path.read_text("utf-8"))):
        target, _, fragment = unquote(link).partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        found = path if not target else (path.parent / target).resolve()
        assert found.exists(), f"{link} leads nowhere"
        if fragment and found.suffix == ".md":
            assert fragment in anchors(found.read_text("utf-8")), f"there is no heading for {link}"


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_code_in_pages_can_be_read(path: Path) -> None:
    for language, code in blocks(path):
        match language:
            case "python":
                ast.parse(code)
            case "sql":
                assert sqlglot.parse(code, dialect="duckdb")
            case "yaml":
                assert yaml.safe_load(code) is not None
            case "json":
                json.loads(code)


def test_the_example_of_a_connector_works(tmp_path: Path) -> None:
    """The how-to's own code, over a real file: filtered, cut, in the order of columns that was asked for."""
    page = DOCS / "how-to" / "write-a-connector.md"
    code = next(code for language, code in blocks(page) if language == "python")
    example = types.ModuleType("json_tables")
    sys.modules[example.__name__] = example  # pydantic looks up annotations there
    exec(compile(code, str(page), "exec"), vars(example))
    content = {"columns": {"id": "BIGINT", "name": "VARCHAR"}, "rows": [[1, "a"], [2, None], [3, "c"]]}
    (tmp_path / "parts.json").write_text(json.dumps(content), "utf-8")
    connector: Connector = example.CONNECTOR(example.JsonTablesConfig(directory=tmp_path))
    (name,) = connector.list_tables()
    columns = (("name", "VARCHAR"), ("id", "BIGINT"))
    request = ScanRequest(name, columns, (Comparison("id", Op.GE, (2,)),), limit=1)
    assert [row for batch in connector.scan(request) for row in batch.to_pylist()] == [{"name": None, "id": 2}]
    assert all(stage.ok for stage in connector.test())
    with pytest.raises(SourceTableMissingError, match="gone"):
        connector.describe(TableName(("gone",)))
    connector.close()


def test_every_page_is_reached_from_the_index() -> None:
    text = (DOCS / "README.md").read_text("utf-8")
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall(text) if "://" not in link}
    for path in PAGES:
        if path.is_relative_to(DOCS) and path != DOCS / "README.md":
            assert path.resolve() in linked, f"docs/README.md does not lead to {within(path)}"


def test_every_setting_is_listed_with_its_default() -> None:
    text = reference("settings.md")
    rows = dict(re.findall(r"^\| `(VIEWLOOM_\w+)` \| ([^|]*) \|", text, re.MULTILINE))
    assert set(rows) == {PREFIX + field.name.upper() for field in fields(Settings)}
    for field in fields(Settings):
        default = field.default
        shown = ", ".join(default) if isinstance(default, tuple) else str(default)
        assert rows[PREFIX + field.name.upper()].strip("` ") == shown, field.name


def test_every_limit_of_a_publication_is_explained() -> None:
    text = (DOCS / "how-to" / "publish-a-view.md").read_text("utf-8")
    for field in fields(Limits):
        assert f"`{field.name}`" in text, field.name


def test_the_page_of_dialects_is_the_tables_themselves() -> None:
    found = dialect_tables.PAGE.read_text("utf-8")
    assert found == dialect_tables.page(), "write it anew: python -m tests.project.dialect_tables"


def test_the_command_line_is_the_help_itself() -> None:
    found = command_line.PAGE.read_text("utf-8")
    assert found == command_line.page(), "write it anew: python -m tests.project.command_line"


def config_fields(model: type[BaseModel]) -> Iterator[str]:
    """Names of all fields of a configuration, those of nested parts too."""
    for name, field in model.model_fields.items():
        yield name
        for part in parts(field.annotation):
            yield from config_fields(part)


def parts(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from parts(argument)


@pytest.mark.parametrize("kind", connector_kinds())
def test_every_field_of_a_connector_is_documented(kind: str) -> None:
    text = reference(f"connectors/{kind}.md")
    for name in config_fields(connector_type(kind).config_type):
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("kind", connector_kinds())
def test_a_connectors_secret_fields_are_said_to_be_secret(kind: str) -> None:
    text = reference(f"connectors/{kind}.md")
    for name in connector_type(kind).secret_fields:
        assert re.search(rf"^\| `{re.escape(name)}` \|.*secret", text, re.MULTILINE), name


def test_every_odata_function_is_documented() -> None:
    text = reference("odata.md")
    for name in FILTER_FUNCTIONS:
        assert f"`{name}(" in text, name
    for name in ODATA_FUNCTIONS:
        assert f"`{name}(" in text.lower(), name


def test_every_rest_operator_option_and_format_is_documented() -> None:
    text = reference("rest.md")
    for name in (*OPERATORS, *OPTIONS, *(f"is.{test}" for test in TESTS), *(str(form) for form in CONTENT_TYPES)):
        assert f"`{name}`" in text, name
    for content_type in CONTENT_TYPES.values():
        assert content_type.partition(";")[0] in text


def test_sql_functions_are_listed_one_and_all() -> None:
    text = reference("sql.md")
    section = text.partition("## Functions")[2].partition("\n## ")[0]
    listed = {word for _, language, code in BLOCK.findall(section) if language == "text" for word in code.split()}
    assert listed == FUNCTIONS | TABLE_FUNCTIONS


def test_the_caps_on_sql_are_those_of_the_parser() -> None:
    text = reference("sql.md")
    for shown in (f"{MAX_BYTES // 1024} KB", f"{MAX_TOKENS:,} tokens", f"{MAX_DEPTH} levels"):
        assert shown in text


def test_every_rule_is_explained() -> None:
    text = (DOCS / "explanation" / "pushdown.md").read_text("utf-8")
    for rule in RULES:
        assert f"`{rule.__name__}`" in text


def test_every_metric_is_listed() -> None:
    source = (ROOT / "server" / "request_log.py").read_text("utf-8")
    names = set(re.findall(r'"(viewloom_[a-z_]+)"', source)) | {
        f"viewloom_pool_{name}" for name in ("workers", "busy", "idle", "starting", "waiting")
    }
    assert names
    for name in names:
        assert f"`{name}`" in reference("metrics-and-logs.md"), name


def test_every_publication_of_the_demo_has_a_word_in_the_tutorial() -> None:
    published = yaml.safe_load((ROOT / "server" / "demo" / "workspace" / "publications.yaml").read_text("utf-8"))
    text = (DOCS / "tutorial" / "first-plant.md").read_text("utf-8")
    for publication in published:
        assert f"`{publication['view']}`" in text


def test_files_that_pages_name_are_there() -> None:
    """`engine/pool.py` in backquotes is a promise."""
    for path in PAGES:
        for name in re.findall(
            r"`((?:catalog|connectors|engine|server|tests|benchmarks|docs)/[\w./-]+)`", path.read_text("utf-8")
        ):
            assert (ROOT / name).exists() or "…" in name, f"{within(path)} names {name}"


def test_no_figure_stands_in_readme_that_no_benchmark_printed() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert text.count("<!-- figures -->") == 1 and text.count("<!-- /figures -->") == 1
    outside = re.sub(r"<!-- figures -->.*<!-- /figures -->", "", text, flags=re.DOTALL)
    claims = re.findall(r"\d[\d,.]*\s?(?:rows/s|requests/s|ms\b|GB/s|MB/s)|\d+ times (?:faster|quicker)", outside)
    assert not claims


def test_the_reference_has_a_page_for_each_kind_of_source_and_no_other() -> None:
    assert {path.stem for path in (REFERENCE / "connectors").glob("*.md")} == set(connector_kinds())

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.errors import FilesError
from catalog.files import CatalogFiles, files_of, read_files, write_files
from catalog.publication_file import PublicationText
from catalog.records import PROTOCOLS, Connection, Limits, Publication, ViewColumn
from catalog.view_file import ViewText, same_text, with_comments
from catalog.workspace_store import WorkspaceStore
from tests.catalog.sample import ERP, view
from tests.catalog.test_view_file import AUTHORS, NAMES, SQL, TEXTS

CONNECTIONS = """\
# Where it runs
ERP:
  connector: sqlite
  time_zone: Europe/Berlin
  include: [main.*]
  config:
    path: erp.db
    auth:
      password: env:ERP
mes: {connector: rest}
"""
PUBLICATIONS = """\
- view: Late "orders" now
  name: late
  key: [id]
  protocols: [odata, rest]
  limits:
    page_size: 500
    timeout: 2.5
  comment: ünï
- view: plain
"""


def write(directory: Path, **files: str) -> Path:
    """Files by name; `view_x` is views/x.sql, `connections` is connections.yaml."""
    (directory / "views").mkdir(parents=True)
    for name, text in files.items():
        path = f"views/{name[5:]}.sql" if name.startswith("view_") else f"{name}.yaml"
        (directory / path).write_bytes(text.encode())
    return directory


def secrets_of(connector: str) -> tuple[str, ...]:
    """What the connectors of these tests call secret."""
    return ("auth.password",) if connector == "sqlite" else ()


def test_a_directory_is_read(tmp_path: Path) -> None:
    directory = write(tmp_path / "d", connections=CONNECTIONS, publications=PUBLICATIONS, view_01_late=AUTHORS)
    files = read_files(directory, secrets_of)
    config = {"path": "erp.db", "auth": {"password": "env:ERP"}}
    assert files.connections == (
        Connection("ERP", "sqlite", config, "Europe/Berlin", ("main.*",)),
        Connection("mes", "rest", {}),
    )
    assert [(one.name, one.path) for one in files.views] == [('Late "orders" now', "views/01_late.sql")]
    limits = Limits(page_size=500, timeout=2.5)
    assert files.publications == (
        PublicationText("late", 'Late "orders" now', ("id",), frozenset({"odata", "rest"}), limits, "ünï"),
        PublicationText("plain", "plain", None, frozenset(PROTOCOLS)),
    )


def test_an_empty_directory_is_an_empty_catalog(tmp_path: Path) -> None:
    assert read_files(tmp_path) == CatalogFiles()
    with pytest.raises(FilesError, match="no such directory"):
        read_files(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "text", "line", "words"),
    [
        ("connections", "- erp\n", 1, "mapping: name → fields"),
        ("connections", "erp:\n  connector: x\n  conector: y\n", 3, "no field 'conector'"),
        ("connections", "erp:\n  config: {}\n", 2, "'connector' is missing"),
        ("connections", "erp:\n  connector: 5\n", 2, "'connector' must be text"),
        ("connections", "erp:\n  connector: x\n  include: all\n", 3, "list of texts"),
        ("connections", "erp:\n  connector: x\n  time_zone: Mars\n", 3, "'Mars' is not the name of a time zone"),
        ("connections", "erp:\n  connector: x\nERP:\n  connector: x\n", 4, "same name"),
        ("connections", "erp: nothing\n", 1, "must be a mapping of fields"),
        (
            "connections",
            "erp:\n  connector: sqlite\n  config:\n    path: x\n    auth:\n      password: hunter2\n",
            6,
            "'auth.password' is a secret and must be a reference",
        ),
        ("publications", "late:\n  view: x\n", 1, "a list"),
        ("publications", "- view: a\n- name: b\n", 2, "'view' is missing"),
        ("publications", "- view: a\n- view: A\n", 2, "same name"),
        ("publications", "- view: a\n  limits:\n    page_sise: 5\n", 3, "no field 'page_sise'"),
        ("publications", "- view: a\n  limits:\n    page_size: no\n", 3, "limits.page_size"),
        ("publications", "- view: a\n  limits: 5\n", 2, "must be a mapping"),
        ("publications", "- view: a\n  protocols: [odata, soap]\n", 2, "'soap'"),
        ("publications", "- view: a\n  key: id\n", 2, "list of texts"),
        ("publications", "- view: ''\n", 1, "needs a name"),
        ("view_v", "CREATE VIEW v AS SELECT 1;\nx", 2, "COMMENT was expected"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(
    tmp_path: Path, name: str, text: str, line: int, words: str
) -> None:
    directory = write(tmp_path / "d", **{name: text})
    with pytest.raises(FilesError) as caught:
        read_files(directory, secrets_of)
    path = "views/v.sql" if name == "view_v" else f"{name}.yaml"
    assert caught.value.details == {"path": path, "line": line}
    assert words in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_an_unknown_field_is_answered_with_the_nearest(tmp_path: Path) -> None:
    directory = write(tmp_path / "d", connections="erp:\n  connector: x\n  conector: y\n")
    with pytest.raises(FilesError) as caught:
        read_files(directory)
    assert caught.value.hint == "Did you mean 'connector'?"


def test_names_are_compared_over_all_files(tmp_path: Path) -> None:
    view_v, view_w = "CREATE VIEW Erp AS SELECT 1;", "CREATE VIEW w AS SELECT 1;"
    directory = write(tmp_path / "a", connections="erp: {connector: x}", view_v=view_v)
    with pytest.raises(FilesError, match=r"views/v.sql, line 1: the view 'Erp' has the same name as the connection"):
        read_files(directory)
    directory = write(tmp_path / "b", view_w=view_w, view_x="-- review\n" + view_w.replace("w", '"W"'))
    with pytest.raises(FilesError, match=r"views/x.sql, line 2: .* the view 'w' in views/w.sql"):
        read_files(directory)


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    directory = write(tmp_path / "d")
    (directory / "views" / "v.sql").write_bytes(b"CREATE VIEW v AS\nSELECT '\xe4';")
    with pytest.raises(FilesError, match=r"views/v.sql, line 2: this is not UTF-8"):
        read_files(directory)


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_files_to_catalog_to_files_is_byte_identical_for_views(
    plant: WorkspaceStore, tmp_path: Path, line_break: str
) -> None:
    authors = AUTHORS.replace("\n", line_break)
    one = write(
        tmp_path / "one", connections=CONNECTIONS, view_01_late=authors, view_plain="create view plain as select 1"
    )
    files = read_files(one)
    for connection in files.connections:
        plant.save_connection(connection)
    columns = (ViewColumn("id", "BIGINT"), ViewColumn("x", "VARCHAR"))
    for text in files.views:
        plant.save_view(with_comments(view(text.name, text.sql, columns=columns), text))
    plant.save_publication(Publication("p", "plain", {"plain": 1}, ("ID",), "declared"))
    two = tmp_path / "two"
    exported = files_of(plant.read())
    write_files(two, exported)
    written = {path.read_bytes() for path in (two / "views").iterdir()}
    assert written == {path.read_bytes() for path in (one / "views").iterdir()}
    assert read_files(two).connections == files.connections
    assert files_of(plant.read()) == exported
    assert write_files(two, exported) == ()


def test_an_export_keeps_the_names_of_files_that_are_there(tmp_path: Path) -> None:
    directory = write(tmp_path / "d", view_01_v="CREATE VIEW V AS SELECT 1;")
    files = CatalogFiles(views=(ViewText("v", "SELECT 2"), ViewText("w", "SELECT 3")))
    assert write_files(directory, files) == (
        "connections.yaml",
        "publications.yaml",
        "views/01_v.sql",
        "views/w.sql",
    )
    assert (directory / "views" / "01_v.sql").read_text() == "CREATE VIEW v AS\nSELECT 2\n;\n"


def test_an_export_deletes_other_views_files_only_when_told(tmp_path: Path) -> None:
    directory = write(tmp_path / "d", view_old="CREATE VIEW old AS SELECT 1;")
    files = CatalogFiles(views=(ViewText("v", "SELECT 2"),))
    with pytest.raises(FilesError, match=r"views/old.sql"):
        write_files(directory, files)
    assert [path.name for path in directory.rglob("*.*")] == ["old.sql"]
    assert "views/old.sql" in write_files(directory, files, prune=True)
    assert [path.name for path in (directory / "views").iterdir()] == ["v.sql"]


@pytest.mark.parametrize("name", ["con", "a/b", "..", "A", "x" * 128, "𝔘" * 128, "a.b"])
def test_any_view_gets_a_file_that_every_file_system_takes(tmp_path: Path, name: str) -> None:
    files = CatalogFiles(views=(ViewText(name, "SELECT 1"), ViewText("a", "SELECT 1"), ViewText("a_b", "SELECT 1")))
    if name == "A":
        files = dataclasses.replace(files, views=(ViewText("A", "SELECT 1"), ViewText("a_b", "SELECT 1")))
    write_files(tmp_path, files)
    names = [path.name.casefold() for path in (tmp_path / "views").iterdir()]
    assert len(set(names)) == len(files.views)
    assert all(len(one) < 100 and one.isascii() and one != "con.sql" for one in names)
    assert {one.name for one in read_files(tmp_path).views} == {one.name for one in files.views}


def unique(names: list[str]) -> list[str]:
    """Without those that differ in case only."""
    return list({name.lower(): name for name in names}.values())


JSON_VALUES = st.none() | st.booleans() | st.integers() | TEXTS | st.lists(TEXTS, max_size=2)
LIMITS = st.builds(Limits, page_size=st.none() | st.integers(1, 2**63 - 1), timeout=st.none() | st.floats(0.1, 1e9))


@st.composite
def catalogs(draw: st.DrawFn) -> CatalogFiles:
    """Files of odd names and texts."""
    names = unique(draw(st.lists(NAMES, max_size=5)))
    split = draw(st.integers(0, len(names)))
    connections = [
        Connection(
            name=name,
            connector=draw(TEXTS.filter(bool)),
            config=draw(st.dictionaries(TEXTS, JSON_VALUES, max_size=2)),
            time_zone=draw(st.sampled_from([None, "UTC", "Europe/Berlin"])),
            include=tuple(draw(st.lists(TEXTS, max_size=2))),
            exclude=tuple(draw(st.lists(TEXTS, max_size=2))),
            comment=draw(TEXTS),
        )
        for name in names[:split]
    ]
    views = [ViewText(name, draw(SQL), draw(TEXTS), {"a": draw(TEXTS.filter(bool))}) for name in names[split:]]
    publications = [
        PublicationText(
            name=name,
            view=draw(NAMES),
            key=draw(st.none() | st.lists(TEXTS, max_size=2).map(tuple)),
            protocols=frozenset(draw(st.sets(st.sampled_from(PROTOCOLS), min_size=1))),
            limits=draw(LIMITS),
            comment=draw(TEXTS),
        )
        for name in unique(draw(st.lists(NAMES, max_size=2)))
    ]
    return CatalogFiles(
        tuple(sorted(connections, key=lambda one: one.name.lower())),
        tuple(sorted(views, key=lambda one: one.name.lower())),
        tuple(sorted(publications, key=lambda one: one.name.lower())),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=catalogs())
def test_any_catalog_survives_its_files(tmp_path_factory: pytest.TempPathFactory, files: CatalogFiles) -> None:
    directory = tmp_path_factory.mktemp("files")
    write_files(directory, files)
    found = read_files(directory)
    assert found.connections == files.connections
    assert found.publications == files.publications
    assert len(found.views) == len(files.views)
    assert all(same_text(one, other) for one, other in zip(found.views, files.views, strict=True))
    assert write_files(directory, found) == ()


def test_a_connections_version_is_not_in_its_file(plant: WorkspaceStore) -> None:
    plant.save_connection(ERP)
    plant.save_connection(dataclasses.replace(ERP, comment="new"))
    assert files_of(plant.read()).connections[0].version == 1

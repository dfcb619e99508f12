from __future__ import annotations

import dataclasses

import pytest

from catalog.dependencies import in_order, view_references
from catalog.diff import Action, Change, diff
from catalog.errors import ViewCycleError
from catalog.files import CatalogFiles, files_of
from catalog.publication_file import PublicationText
from catalog.records import Publication, View, WorkspaceCatalog
from catalog.view_file import ViewText
from tests.catalog.sample import ERP, view


def catalog(*views: View, publications: tuple[Publication, ...] = ()) -> WorkspaceCatalog:
    """A snapshot with these views at their versions, and the connection erp."""
    return WorkspaceCatalog(
        "acme",
        "plant",
        1,
        connections={"erp": ERP},
        views={(one.name.lower(), one.version): one for one in views},
        latest={one.name.lower(): one.version for one in views},
        publications={one.name.lower(): one for one in publications},
    )


ORDERS = dataclasses.replace(view("orders", "SELECT a FROM erp.t", uses_tables=("erp.t",)), version=1)
LATE = dataclasses.replace(view("Late", "SELECT a FROM Orders", uses_views=("orders",)), version=1)
OTHER = dataclasses.replace(view("other"), version=1)
LATE_ORDERS = Publication("late_orders", "Late", {"Late": 1, "orders": 1}, ("a",), "proven")
OTHERS = Publication("others", "other", {"other": 1})
NOW = catalog(ORDERS, LATE, OTHER, publications=(LATE_ORDERS, OTHERS))


def with_view(files: CatalogFiles, name: str, **changes: str) -> CatalogFiles:
    """The files with one view changed."""
    views = tuple(dataclasses.replace(one, **changes) if one.name == name else one for one in files.views)  # type: ignore[arg-type]
    return dataclasses.replace(files, views=views)


def test_what_is_exported_changes_nothing() -> None:
    changes = diff(NOW, files_of(NOW))
    assert not changes
    assert list(changes.lines()) == []
    assert changes.view_order == ("orders", "other", "Late")


def test_everything_is_created_in_an_empty_workspace() -> None:
    changes = diff(WorkspaceCatalog("acme", "new", 1), files_of(NOW))
    assert list(changes.lines()) == [
        "create connection erp",
        "create view orders",
        "create view other",
        "create view Late",
        "create publication late_orders",
        "create publication others",
    ]


def test_everything_is_dropped_users_first() -> None:
    assert list(diff(NOW, CatalogFiles()).lines()) == [
        "drop   connection erp",
        "drop   view Late",
        "drop   view other",
        "drop   view orders",
        "drop   publication late_orders",
        "drop   publication others",
    ]


def test_a_changed_view_moves_the_publications_above_it() -> None:
    changes = diff(NOW, with_view(files_of(NOW), "orders", sql="SELECT b AS a FROM erp.t", source=""))
    assert changes.views == (Change(Action.CHANGE, "orders", ("sql", "source")),)
    assert changes.publications == (Change(Action.MOVE, "late_orders", ("orders",)),)


def test_another_file_around_a_view_moves_nothing() -> None:
    source = "-- mine\nCREATE VIEW orders AS SELECT a FROM erp.t;"
    changes = diff(NOW, with_view(files_of(NOW), "orders", source=source))
    assert changes.views == (Change(Action.CHANGE, "orders", ("source",)),)
    assert changes.publications == ()


def test_a_publication_behind_its_views_would_move() -> None:
    newer = dataclasses.replace(ORDERS, version=2)
    changes = diff(
        catalog(newer, LATE, publications=(LATE_ORDERS,)), files_of(catalog(newer, LATE, publications=(LATE_ORDERS,)))
    )
    assert changes.publications == (Change(Action.MOVE, "late_orders", ("orders",)),)


def test_changed_fields_are_named() -> None:
    files = files_of(NOW)
    files = dataclasses.replace(
        files,
        connections=(dataclasses.replace(ERP, config={"path": "new"}, comment=""),),
        publications=(dataclasses.replace(files.publications[0], comment="x"), PublicationText("others", "Other")),
    )
    assert list(diff(NOW, files).lines()) == [
        "change connection erp (comment, config)",
        "change publication late_orders (comment)",
    ]


def test_a_circle_of_views_is_named() -> None:
    views = (ViewText("a", "SELECT * FROM b"), ViewText("b", "SELECT * FROM a"))
    with pytest.raises(ViewCycleError, match="a → b → a"):
        diff(WorkspaceCatalog("acme", "new", 1), CatalogFiles(views=views))


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ('SELECT * FROM a JOIN "B" ON true', {"a", "b"}),
        ("SELECT a FROM t", set()),
        ("SELECT * FROM erp.a", set()),
        ("WITH a AS (SELECT 1) SELECT * FROM a", set()),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", {"a"}),
        ("WITH x AS (SELECT * FROM a) SELECT (SELECT max(c) FROM b) FROM x", {"a", "b"}),
        ("SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM b) UNION SELECT 1 FROM a", {"a", "b"}),
        ("FROM a", {"a"}),
        ("SELECT FROM WHERE", set()),
        ("SELECT 'a", set()),
        ("(" * 5000 + "SELECT * FROM a" + ")" * 5000, set()),
        ("SELECT " + "-" * 30_000 + "1 FROM a", set()),
    ],
)
def test_the_views_that_sql_reads_are_found(sql: str, found: set[str]) -> None:
    assert view_references(sql, {"a", "b"}) == found


def test_each_view_comes_after_those_it_uses() -> None:
    uses = {"a": {"c"}, "b": set[str](), "c": {"b"}, "d": {"a", "b"}}
    assert in_order(uses) == ("b", "c", "a", "d")

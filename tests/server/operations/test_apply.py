"""A directory becomes a workspace: all of it or nothing, and every problem has its place."""

from pathlib import Path

import pytest

from catalog.errors import ViewInUseError
from catalog.records import WorkspaceCatalog
from engine.check_view import ViewSource
from server.operations.apply import apply, export
from server.operations.errors import FileProblem, FilesProblemsError
from server.operations.publish import publish
from server.operations.refresh import refresh
from server.operations.views import save_view

from .shop import Shop

ORDERS = "CREATE VIEW orders_view AS\nSELECT order_id, status, total\nFROM erp.orders;\n"
LATE = "-- Late ones\nCREATE VIEW late AS SELECT order_id FROM orders_view WHERE status = 'late';\n"
FILES = {
    "views/orders_view.sql": ORDERS,
    "views/late.sql": LATE,
    "publications.yaml": "- view: late\n- view: orders_view\n  name: orders\n  key: [order_id]\n",
}


def catalog(shop: Shop) -> WorkspaceCatalog:
    return shop.state.store.workspace(shop.scope).read()


def problems(shop: Shop, root: Path) -> tuple[FileProblem, ...]:
    before = catalog(shop)
    with pytest.raises(FilesProblemsError) as caught:
        apply(shop.state, shop.scope, root)
    assert catalog(shop) is before, "nothing may be changed"
    return caught.value.problems


def test_files_become_a_workspace_and_the_second_time_nothing_changes(shop: Shop) -> None:
    root = shop.write(FILES)
    done = apply(shop.state, shop.scope, root)
    assert len(done.changes.connections) == 1 and len(done.changes.views) == 2 and not done.warnings
    now = catalog(shop)
    late = now.publication("late")
    assert late is not None and late.closure == {"late": 1, "orders_view": 1} and late.key == ("order_id",)
    assert not apply(shop.state, shop.scope, root).changes
    assert catalog(shop) is now


def test_a_dry_run_checks_everything_and_changes_nothing(shop: Shop) -> None:
    before = catalog(shop)
    done = apply(shop.state, shop.scope, shop.write(FILES), dry_run=True)
    assert next(done.changes.lines()) == "create connection erp"
    assert catalog(shop) is before


def test_export_and_apply_lose_nothing(shop: Shop, tmp_path: Path) -> None:
    apply(shop.state, shop.scope, shop.write(FILES))
    export(shop.state, shop.scope, tmp_path / "out")
    assert (tmp_path / "out/views/late.sql").read_text() == LATE
    assert not apply(shop.state, shop.scope, tmp_path / "out").changes


def test_a_changed_view_moves_the_publications_above_it(shop: Shop) -> None:
    apply(shop.state, shop.scope, shop.write(FILES))
    changed = {**FILES, "views/orders_view.sql": ORDERS.replace("total", "customer_id")}
    done = apply(shop.state, shop.scope, shop.write(changed))
    assert [(c.action, c.name) for c in done.changes.publications] == [("move", "late"), ("move", "orders")]
    late = catalog(shop).publication("late")
    assert late is not None and late.closure == {"late": 1, "orders_view": 2}


def test_what_left_the_files_is_dropped(shop: Shop) -> None:
    apply(shop.state, shop.scope, shop.write(FILES))
    root = shop.write({"publications.yaml": "- view: orders_view\n  name: orders\n"})
    (root / "views/late.sql").unlink()
    apply(shop.state, shop.scope, root)
    now = catalog(shop)
    assert now.view("late") is None and now.publication("late") is None and now.publication("orders") is not None


def test_every_problem_is_told_with_its_place_in_the_file(shop: Shop) -> None:
    broken = {
        "views/a.sql": "-- a remark\nCREATE VIEW a AS SELECT order_id,\n  statsu FROM erp.orders;\n",
        "views/b.sql": "CREATE VIEW b AS SELECT nam FROM erp.customers;\n",
        "views/over_a.sql": "CREATE VIEW over_a AS SELECT * FROM a;\n",
        "views/c.sql": "CREATE VIEW c AS SELECT name FROM erp.customers;\nCOMMENT ON COLUMN c.nmae IS 'x';\n",
        "publications.yaml": "- view: c\n  key: [nothing]\n- view: missing\n",
    }
    found = {(p.path, p.line, p.column): p.message for p in problems(shop, shop.write(broken))}
    assert set(found) == {
        ("views/a.sql", 3, 3),
        ("views/b.sql", 1, 25),
        ("views/c.sql", 2, 1),
        ("publications.yaml", 3, 1),
    }


def test_a_connection_that_does_not_answer_is_a_problem_of_its_file(shop: Shop) -> None:
    shop.database.unlink()
    root = shop.write(FILES)
    (root / "connections.yaml").write_text("# remark\n\n" + (root / "connections.yaml").read_text())
    first, *_ = problems(shop, root)
    assert (first.path, first.line) == ("connections.yaml", 4) and "erp" in first.message


def test_a_declared_key_that_is_none_stops_the_apply(shop: Shop) -> None:
    files = {**FILES, "publications.yaml": "- view: orders_view\n  key: [status]\n"}
    (found,) = problems(shop, shop.write(files))
    assert (found.code, found.path, found.line) == ("key_check", "publications.yaml", 1)
    apply(shop.state, shop.scope, shop.write(files), check_keys=False)


def test_a_change_of_a_source_is_seen_when_its_connection_changes(shop: Shop) -> None:
    apply(shop.state, shop.scope, shop.write(FILES))
    shop.change("CREATE TABLE extra (a INTEGER)")
    root = shop.write(FILES)
    assert not apply(shop.state, shop.scope, root).changes
    (root / "connections.yaml").write_text(shop.connections_yaml() + "  comment: now with extra\n")
    apply(shop.state, shop.scope, root)
    assert catalog(shop).schema("erp", "extra") is not None


def test_a_failure_while_writing_undoes_everything(shop: Shop) -> None:
    apply(shop.state, shop.scope, shop.write(FILES))
    # The old version of `late` still reads orders_view; a publication beside the files pins it.
    save_view(shop.state, shop.scope, ViewSource("extra", "SELECT order_id FROM orders_view"))
    publish(shop.state, shop.scope, "extra")
    root = shop.write({**FILES, "views/new.sql": "CREATE VIEW new AS SELECT name FROM erp.customers;\n"})
    before = catalog(shop)
    broken = pytest.MonkeyPatch()
    with broken.context() as patch:

        def fail(*_: object) -> None:
            raise ViewInUseError("view", "extra", views=["late"])

        patch.setattr("catalog.workspace_store.WorkspaceStore.drop_view", fail)
        with pytest.raises(ViewInUseError):
            apply(shop.state, shop.scope, root)
    assert catalog(shop) == before
    apply(shop.state, shop.scope, root)
    assert catalog(shop).view("extra") is None and catalog(shop).view("new") is not None


def test_an_unchanged_view_over_a_changed_source_is_checked_again(shop: Shop) -> None:
    root = shop.write(
        {"views/v.sql": "CREATE VIEW v AS SELECT status FROM erp.orders;\n", "publications.yaml": "- view: v\n"}
    )
    apply(shop.state, shop.scope, root)
    shop.change("ALTER TABLE orders DROP COLUMN status; ALTER TABLE orders ADD COLUMN status INTEGER")
    assert not apply(shop.state, shop.scope, root).warnings, "nobody has looked"
    done = apply(shop.state, shop.scope, root, look_again=True)
    assert done.warnings == (
        "view 'v' becomes another version, and what offers it moves: column 'status' was VARCHAR and would be BIGINT",
    )
    published = catalog(shop).publication("v")
    assert published is not None and published.closure == {"v": 2}
    shop.change("ALTER TABLE orders DROP COLUMN status")
    with pytest.raises(FilesProblemsError) as caught:
        apply(shop.state, shop.scope, root, look_again=True)
    assert caught.value.problems[0].path == "views/v.sql" and "status" in caught.value.problems[0].message


def test_a_refresh_before_an_apply_is_enough(shop: Shop) -> None:
    root = shop.write({"views/v.sql": "CREATE VIEW v AS SELECT status FROM erp.orders;\n"})
    apply(shop.state, shop.scope, root)
    shop.change("ALTER TABLE orders DROP COLUMN status; ALTER TABLE orders ADD COLUMN status INTEGER")
    refresh(shop.state, shop.scope, "erp")
    assert apply(shop.state, shop.scope, root, dry_run=True).warnings
    assert apply(shop.state, shop.scope, root).warnings and not apply(shop.state, shop.scope, root).warnings

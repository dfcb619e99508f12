"""Publications that answer from older versions go through files without a loss, into an empty workspace too."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.errors import FilesError
from catalog.records import WorkspaceCatalog
from engine.check_view import ViewSource
from server.operations.apply import apply, export
from server.operations.connections import save_connection
from server.operations.errors import FilesProblemsError
from server.operations.preview import preview
from server.operations.publish import publish
from server.operations.refresh import refresh
from server.operations.views import save_view
from server.state import ServerState

from .shop import Shop, new_shop


@pytest.fixture
def behind(shop: Shop) -> Shop:
    """`old` answers from first versions of both views, `mixed` from a newer lower one, `new` from the latest."""
    state, scope = shop.state, shop.scope
    save_connection(state, scope, shop.connection())
    refresh(state, scope, "erp")
    save_view(state, scope, ViewSource("low", "SELECT order_id, status FROM erp.orders", "first"))
    save_view(state, scope, ViewSource("high", "SELECT order_id, status FROM low WHERE status = 'open'"))
    publish(state, scope, "high", "old")
    save_view(state, scope, ViewSource("low", "SELECT order_id, status, total FROM erp.orders", "second"))
    publish(state, scope, "high", "mixed")
    save_view(state, scope, ViewSource("high", "SELECT order_id, total FROM low WHERE total > 10"))
    save_view(state, scope, ViewSource("low", "SELECT order_id, status, total, placed_at FROM erp.orders", "third"))
    publish(state, scope, "high", "new")
    return shop


def catalog(shop: Shop) -> WorkspaceCatalog:
    return shop.state.store.workspace(shop.scope).read()


def meaning(shop: Shop) -> dict[str, dict[str, str]]:
    """Publication → view → the SQL that it answers from."""
    now = catalog(shop)
    found = {}
    for one in now.publications.values():
        views = {name: now.view(name, version) for name, version in one.closure.items()}
        found[one.name] = {name: view.sql for name, view in views.items() if view is not None}
    return found


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_into_the_same_workspace_nothing_changes(behind: Shop, tmp_path: Path) -> None:
    before = catalog(behind)
    export(behind.state, behind.scope, tmp_path / "out")
    assert not apply(behind.state, behind.scope, tmp_path / "out").changes
    after = catalog(behind)  # what came over the API knows its file now, and that is all
    assert after.publications == before.publications and after.latest == before.latest
    assert not apply(behind.state, behind.scope, tmp_path / "out").changes and catalog(behind) is after


def test_into_an_empty_workspace_everything_answers_as_before(
    behind: Shop, state: ServerState, tmp_path: Path
) -> None:
    export(behind.state, behind.scope, tmp_path / "out")
    (tmp_path / "other").mkdir()
    empty = new_shop(state, tmp_path / "other")
    apply(state, empty.scope, tmp_path / "out")
    assert meaning(empty) == meaning(behind) and len(meaning(empty)) == 3
    export(state, empty.scope, tmp_path / "again")
    assert content(tmp_path / "again") == content(tmp_path / "out")
    assert not apply(state, empty.scope, tmp_path / "again").changes
    latest = catalog(empty).view("low")
    assert latest is not None and latest.comment == "third"
    assert preview(state, empty.scope, "high").rows


def test_a_view_that_is_edited_leaves_the_pinned_behind_and_moves_the_others(behind: Shop, tmp_path: Path) -> None:
    export(behind.state, behind.scope, tmp_path / "out")
    before = meaning(behind)
    (tmp_path / "out/views/high.sql").write_text("CREATE VIEW high AS SELECT order_id FROM low;\n")
    done = apply(behind.state, behind.scope, tmp_path / "out")
    assert "move   publication new (high)" in list(done.changes.lines())
    after = meaning(behind)
    assert after["old"] == before["old"] and after["mixed"]["low"] == before["mixed"]["low"]
    assert after["new"]["high"] == "SELECT order_id FROM low"


def test_without_its_pins_a_publication_moves_to_the_latest(behind: Shop, tmp_path: Path) -> None:
    export(behind.state, behind.scope, tmp_path / "out")
    text = (tmp_path / "out/publications.yaml").read_text()
    lines = [line for line in text.splitlines() if "pins" not in line and not line.startswith("    ")]
    (tmp_path / "out/publications.yaml").write_text("\n".join(lines) + "\n")
    assert apply(behind.state, behind.scope, tmp_path / "out").changes
    closures = {one.name: one.closure for one in catalog(behind).publications.values()}
    assert closures["old"] == closures["mixed"] == closures["new"]


def test_a_pin_without_its_text_or_of_another_view_is_an_error(behind: Shop, tmp_path: Path) -> None:
    root = tmp_path / "out"
    export(behind.state, behind.scope, root)
    pinned = sorted((root / "pinned").glob("low.*.sql"))
    whole = pinned[0].read_text()
    pinned[0].write_text(whole.replace("status", "status AS s"))
    with pytest.raises(FilesError, match=r"which no file in pinned/ says"):
        apply(behind.state, behind.scope, root)
    pinned[0].write_text(whole)
    text = (root / "publications.yaml").read_text()
    pin = pinned[0].name.split(".")[1]
    (root / "publications.yaml").write_text(text + f"- view: low\n  pins: {{high: '{pin}'}}\n")
    with pytest.raises(FilesError):
        apply(behind.state, behind.scope, root)
    high = sorted((root / "pinned").glob("high.*.sql"))[0].name.split(".")[1]
    (root / "publications.yaml").write_text(text + f"- view: low\n  pins: {{high: '{high}'}}\n")
    with pytest.raises(FilesProblemsError, match="which it does not read"):
        apply(behind.state, behind.scope, root)


def test_pinned_files_that_nobody_needs_go_with_prune(behind: Shop, tmp_path: Path) -> None:
    root = tmp_path / "out"
    export(behind.state, behind.scope, root)
    for name in ("old", "mixed"):
        publish(behind.state, behind.scope, "high", name)
    export(behind.state, behind.scope, root)
    assert list((root / "pinned").iterdir())
    export(behind.state, behind.scope, root, prune=True)
    assert not list((root / "pinned").iterdir())

"""EXPLAIN over real sources: what is sent to them, and what a run costs."""

import pytest

from catalog.errors import NotAdminError
from catalog.records import Budget, Window
from catalog.scope import Scope
from engine.check_view import ViewSource
from engine.errors import UnknownNameError
from engine.explain import explanation_text
from server.errors import SourceClosedError
from server.operations.connections import save_connection
from server.operations.explain import explain
from server.operations.preview import preview
from server.operations.publish import publish
from server.operations.refresh import refresh
from server.operations.views import save_view

from .shop import Shop


@pytest.fixture
def published(shop: Shop) -> Shop:
    save_connection(shop.state, shop.scope, shop.connection())
    refresh(shop.state, shop.scope, "erp")
    save_view(shop.state, shop.scope, ViewSource("v", "SELECT order_id, status, total FROM erp.orders"))
    publish(shop.state, shop.scope, "v", "orders")
    return shop


def test_the_statement_that_the_source_gets_has_placeholders(published: Shop) -> None:
    found = explain(published.state, published.scope, "SELECT order_id FROM orders WHERE order_id = 11")
    (scan,) = found.scans
    assert scan.statement is not None and "?" in scan.statement and "11" not in scan.statement
    assert scan.pushed == ("order_id eq ?",) and found.publications == ("orders",)
    assert found.rows is None


def test_analyze_tells_rows_of_source_and_answer(published: Shop) -> None:
    found = explain(published.state, published.scope, "SELECT order_id FROM orders WHERE order_id = 11", analyze=True)
    assert found.rows == 1 and found.scans[0].reading is not None and found.scans[0].reading.rows == 1
    assert "answer  1 rows" in explanation_text(found)


def test_verbose_lists_each_rule(published: Shop) -> None:
    found = explain(published.state, published.scope, "SELECT order_id FROM orders", verbose=True)
    assert {"push_filters", "push_limit", "prune_columns"} <= {step.rule for step in found.steps}


def test_a_source_that_is_away_hides_only_its_statement(published: Shop) -> None:
    published.database.unlink()
    published.state.engine.pool.recycle(published.scope.tenant)
    found = explain(published.state, published.scope, "SELECT order_id FROM orders")
    assert found.scans[0].statement is None and found.scans[0].statement_problem


def test_a_reader_sees_only_publications_that_it_may_read(published: Shop) -> None:
    place = (published.scope.tenant, published.scope.workspace)
    reader = Scope(*place, "key:1", publications=frozenset({"orders"}))
    assert explain(published.state, reader, "SELECT order_id FROM orders").scans
    nobody = Scope(*place, "key:2", publications=frozenset())
    with pytest.raises(UnknownNameError):
        explain(published.state, nobody, "SELECT order_id FROM orders")
    with pytest.raises(NotAdminError):
        explain(published.state, reader, "erp.orders", workspace_names=True)


def test_an_admin_may_ask_for_a_view_or_a_table(published: Shop) -> None:
    for text in ("v", "erp.orders", "SELECT count(*) AS n FROM v"):
        assert explain(published.state, published.scope, text, workspace_names=True).scans


def test_a_reader_sees_no_value_of_the_views(published: Shop) -> None:
    sql = (
        "SELECT order_id, 'canary-1' AS tag FROM v WHERE status <> 'canary-2' AND upper(status) <> 'canary-3'"
        " AND total < 87654.25 ORDER BY order_id LIMIT 87654"
    )
    save_view(published.state, published.scope, ViewSource("w", sql))
    publish(published.state, published.scope, "w", "w")
    reader = Scope(published.scope.tenant, published.scope.workspace, "key:1")
    asked = "SELECT * FROM w WHERE order_id > 4711"
    for verbose, analyze in ((False, False), (True, True)):
        found = explain(published.state, reader, asked, verbose=verbose, analyze=analyze)
        shown = explanation_text(found) + str(found.to_json())
        assert not any(value in shown for value in ("canary", "87654", "4711")), shown
        assert "UPPER" in shown and "?" in shown
    assert "canary-3" in explanation_text(explain(published.state, published.scope, asked))


def test_a_closed_window_holds_for_what_reads_beside_the_answers(published: Shop) -> None:
    shut = Budget(windows=(Window("inventory", (), "00:00", "24:00", 0),))
    save_connection(published.state, published.scope, published.connection(budget=shut))
    asked = "SELECT order_id FROM orders"
    assert explain(published.state, published.scope, asked).scans, "a plan reads no rows"
    with pytest.raises(SourceClosedError, match="inventory"):
        explain(published.state, published.scope, asked, analyze=True)
    with pytest.raises(SourceClosedError, match="inventory"):
        preview(published.state, published.scope, "v")
    with pytest.raises(SourceClosedError, match="inventory"):
        publish(published.state, published.scope, "v", "counted", key=["status"])

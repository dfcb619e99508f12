"""Contracts of views in files: applied, proven, and kept byte for byte."""

from pathlib import Path

import pytest

from catalog.errors import FilesError
from server.operations.apply import apply, export
from server.operations.errors import FilesProblemsError

from .shop import Shop

VIEW = """-- Orders by key.
CREATE VIEW v AS
-- contract: at most 1 row fetched for a lookup by order_id
--   contract: a filter on order_id reaches erp.orders
SELECT order_id,
       {status} AS status  -- contract: a filter on status reaches erp
FROM erp.orders
;
"""
GOOD, BAD = VIEW.format(status="status"), VIEW.format(status="upper(status)")


def test_contracts_that_hold_are_kept_byte_for_byte(shop: Shop, tmp_path: Path) -> None:
    root = shop.write({"views/v.sql": GOOD})
    assert not apply(shop.state, shop.scope, root).warnings
    export(shop.state, shop.scope, tmp_path / "out")
    assert (tmp_path / "out/views/v.sql").read_bytes() == GOOD.encode()
    assert not apply(shop.state, shop.scope, tmp_path / "out").changes


def test_a_broken_contract_stops_an_apply_with_its_line_and_plan(shop: Shop) -> None:
    root = shop.write({"views/v.sql": BAD})
    with pytest.raises(FilesProblemsError) as caught:
        apply(shop.state, shop.scope, root)
    (problem,) = caught.value.problems
    assert problem.code == "contract_broken" and problem.line == 6 and problem.path == "views/v.sql"
    assert "the filter on status does not reach s0" in problem.message
    assert "UPPER" in problem.plan and "erp.orders" in problem.plan


def test_on_request_it_only_warns(shop: Shop) -> None:
    done = apply(shop.state, shop.scope, shop.write({"views/v.sql": BAD}), contracts="warn")
    (warning,) = done.warnings
    assert warning.startswith("views/v.sql:6: the contract 'a filter on status reaches erp' is broken")
    assert shop.state.store.workspace(shop.scope).read().view("v") is not None


def test_a_change_below_breaks_the_contract_of_the_view_above(shop: Shop) -> None:
    above = "CREATE VIEW w AS\n-- contract: a filter on status reaches erp\nSELECT status FROM v;\n"
    files = {"views/w.sql": above, "views/v.sql": "CREATE VIEW v AS SELECT status FROM erp.orders;\n"}
    root = shop.write(files)
    apply(shop.state, shop.scope, root)
    (root / "views/v.sql").write_text("CREATE VIEW v AS SELECT trim(status) AS status FROM erp.orders;\n")
    with pytest.raises(FilesProblemsError) as caught:
        apply(shop.state, shop.scope, root)
    assert [problem.path for problem in caught.value.problems] == ["views/w.sql"]


@pytest.mark.parametrize(
    "text",
    [
        "-- contract: a filter on a reaches erp\nCREATE VIEW v AS SELECT status AS a FROM erp.orders;\n",
        "CREATE VIEW v AS SELECT status AS a FROM erp.orders;\n-- contract: a filter on a reaches erp\n",
        "CREATE VIEW v AS SELECT status AS a FROM erp.orders; -- contract: a filter on a reaches erp",
    ],
)
def test_a_contract_outside_the_sql_would_be_lost_and_is_refused(shop: Shop, text: str) -> None:
    with pytest.raises(FilesError, match="outside the view's SQL"):
        apply(shop.state, shop.scope, shop.write({"views/v.sql": text}))


def test_one_of_no_known_form_is_a_problem_at_its_line(shop: Shop) -> None:
    root = shop.write({"views/v.sql": "CREATE VIEW v AS\nSELECT status\n-- contract: be quick\nFROM erp.orders;\n"})
    with pytest.raises(FilesProblemsError) as caught:
        apply(shop.state, shop.scope, root)
    (problem,) = caught.value.problems
    assert problem.line == 3 and "'be quick' is no contract" in problem.message

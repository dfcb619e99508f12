"""Which keys are foreseen before fragments are made."""

from __future__ import annotations

import pytest

from engine.optimizer import RULES
from engine.rules.keys_to_come import Coming, keys_to_come
from engine.source_tables import table_from_json
from tests.engine.fragment_plans import CATALOG, plan

NO_RULES = tuple(rule for rule in RULES if rule.__name__ in ("push_filters", "prune_columns"))
OF_REGION = "JOIN {0}.customers c ON c.id = o.customer WHERE c.region = 3"


@pytest.mark.parametrize(
    ("joined", "found"),
    [
        (OF_REGION.format("rest"), {("s0", "customer"): Coming(("s1", "id"), 4_758, 0.04758)}),
        (OF_REGION.format("erp"), {}),  # joined there
        (OF_REGION.format("rest").replace("=", ">"), {}),  # too many to find few
        ("LEFT " + OF_REGION.format("rest").replace("WHERE", "AND"), {}),
    ],
)
def test_keys_of_other_connections_are_foreseen(joined: str, found: dict[tuple[str, str], Coming]) -> None:
    made = plan(f"SELECT o.total FROM erp.orders o {joined}", rules=NO_RULES)
    tables = {s.id: table_from_json(CATALOG.schemas[s.connection, str(s.table)].definition) for s in made.scans}
    assert keys_to_come(made, tables) == found


def test_what_was_grouped_before_is_no_obstacle() -> None:
    one = f"SELECT c.region, sum(o.total) FROM erp.orders o {OF_REGION.format('rest')} GROUP BY c.region"
    both = plan(f"{one} UNION ALL {one}".replace("= 3", "= 4", 1))
    assert sum(note.rule == "group_below_joins" and "grouped before" in note.text for note in both.notes) == 2

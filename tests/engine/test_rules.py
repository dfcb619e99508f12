"""Each rule does in its golden cases what its file says, and every rule has a file."""

from __future__ import annotations

import os

import pytest

from engine.optimizer import RULES
from tests.engine import golden

NAMES = [rule.__name__ for rule in RULES if (golden.FOLDER / f"{rule.__name__}.sql").exists()]
if os.environ.get("VIEWLOOM_UPDATE_GOLDEN"):
    for rule in NAMES:
        golden.update(rule)
CASES = [(rule, case) for rule in NAMES for case in golden.cases(rule)]


@pytest.mark.parametrize(("rule", "case"), CASES, ids=[f"{rule}: {case.name}" for rule, case in CASES])
def test_a_rule_does_what_its_file_says(rule: str, case: golden.Case) -> None:
    assert golden.outcome(rule, case.query) == case.expected


@pytest.mark.parametrize(
    "rule", ["factor_conditions", "push_filters", "push_limit", "push_join_keys", "prune_columns", "share_scans"]
)
def test_the_rules_have_golden_cases(rule: str) -> None:
    assert len(golden.cases(rule)) >= 5

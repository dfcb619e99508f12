"""Patterns of like and ilike, run in DuckDB and compared with a regular expression."""

from __future__ import annotations

import re

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from engine.query import Parameter
from server.rest.like import like


def tree(pattern: str, ignore_case: bool = False) -> tuple[exp.Expr, list[Parameter]]:
    parameters: list[Parameter] = []
    return like(exp.column("t", quoted=True), pattern, parameters, ignore_case=ignore_case), parameters


@pytest.mark.parametrize(
    ("pattern", "kind", "value"),
    [
        ("abc", exp.EQ, "abc"),
        ("", exp.EQ, ""),
        (r"50\%", exp.EQ, "50%"),
        ("A*", exp.StartsWith, "A"),
        ("A%", exp.StartsWith, "A"),
        (r"A\*_b".replace("_b", "*"), exp.StartsWith, "A*"),
        ("*A", exp.EndsWith, "A"),
        ("**A*", exp.Contains, "A"),
        ("a_c", exp.Escape, "a_c"),
        ("a*c", exp.Escape, "a%c"),
        ("*", exp.Escape, "%"),
        (r"a\_*c", exp.Escape, r"a\_%c"),
        ("a\\", exp.EQ, "a\\"),
    ],
)
def test_a_pattern_becomes_the_simplest_condition(pattern: str, kind: type[exp.Expr], value: str) -> None:
    found, parameters = tree(pattern)
    assert type(found) is kind
    assert parameters == [Parameter("VARCHAR", value)]


def test_ilike_is_never_a_test_that_heeds_case() -> None:
    assert isinstance(tree("A*", ignore_case=True)[0], exp.Escape)


TEXT = st.text("aAä%_*\\b\n", max_size=6)


@given(TEXT, TEXT, st.booleans())
def test_duckdb_matches_what_the_pattern_says(pattern: str, text: str, ignore_case: bool) -> None:
    wanted, at = "", 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\" and at + 1 < len(pattern):
            at += 1
            wanted += re.escape(pattern[at])
        else:
            wanted += {"*": ".*", "%": ".*", "_": "."}.get(character, re.escape(character))
        at += 1
    expected = re.fullmatch(wanted, text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None
    condition, parameters = tree(pattern, ignore_case)
    sql = f"SELECT {condition.sql('duckdb')} FROM (SELECT ? AS t)".replace("?", "CAST($2 AS VARCHAR)")
    row = duckdb.execute(sql, [parameters[0].value, text]).fetchone()
    assert row == (expected,)

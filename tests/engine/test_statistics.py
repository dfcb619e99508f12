"""Statistics in the catalog's form: what is taken over from a new look, and what makes plans anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.sdk import Column, Table, TableName
from engine.source_tables import table_from_json, table_to_json
from engine.statistics import age, changed_much, with_new_statistics

NOW = datetime(2026, 11, 25, tzinfo=UTC)
AMOUNT = Column("amount", "DOUBLE", distinct_estimate=100, minimum=0.0, maximum=10.0)
ORDERS = Table(
    TableName(("orders",)),
    (Column("id", "BIGINT", distinct_estimate=1_000), AMOUNT),
    row_estimate=1_000,
    indexed=("id",),
    statistics_at=NOW - timedelta(hours=7),
)


def seen(**changes: object) -> dict[str, object]:
    return table_to_json(replace(ORDERS, **changes))  # type: ignore[arg-type]


def test_statistics_have_an_age() -> None:
    assert age(seen(), NOW) == timedelta(hours=7)
    assert age(seen(statistics_at=None), NOW) is None


def test_only_statistics_are_taken_over() -> None:
    other = (
        Column("id", "BIGINT", nullable=False, distinct_estimate=5_000, comment="new"),
        Column("amount", "VARCHAR", distinct_estimate=7),
    )
    found = table_from_json(with_new_statistics(seen(), seen(columns=other, row_estimate=5_000, statistics_at=NOW)))
    assert (found.row_estimate, found.statistics_at) == (5_000, NOW)
    assert found.columns[0] == replace(ORDERS.columns[0], distinct_estimate=5_000)
    assert found.columns[1] == Column("amount", "DOUBLE"), "of a retyped column nothing is known until a refresh"


def test_a_little_more_is_no_reason_to_plan_anew() -> None:
    assert not changed_much(seen(), seen(row_estimate=1_900, columns=(replace(ORDERS.columns[0]), AMOUNT)))
    assert not changed_much(seen(), seen(columns=(ORDERS.columns[0], replace(AMOUNT, maximum=15.0))))


def test_more_than_twice_is() -> None:
    assert changed_much(seen(), seen(row_estimate=2_100))
    assert changed_much(seen(), seen(row_estimate=400))
    assert changed_much(seen(), seen(columns=(ORDERS.columns[0], replace(AMOUNT, distinct_estimate=201))))
    assert changed_much(seen(), seen(columns=(ORDERS.columns[0], replace(AMOUNT, maximum=30.0))))
    assert changed_much(seen(), seen(columns=(ORDERS.columns[0], replace(AMOUNT, distinct_estimate=None))))
    assert changed_much(seen(), seen(indexed=()))

"""Statistics that the catalog keeps with a table's description: their age, new ones taken in, and whether they differ
enough for plans to be made anew. They are JSON here, as `engine.source_tables` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

Definition = Mapping[str, object]
MUCH = 2.0  # estimates are off by more than that often enough; a plan that hangs on less is as good as the other


def age(definition: Definition, now: datetime) -> timedelta | None:
    """How old a description's statistics are; None when it has none."""
    at = definition.get("statistics_at")
    return now - datetime.fromisoformat(str(at)) if at else None


def with_new_statistics(known: Definition, seen: Definition) -> dict[str, object]:
    """What is known of a table, with the statistics of what was just seen of it.

    Nothing else is taken over: a column that is new, gone or of another type is for a refresh to tell.
    """
    fresh = {(column["name"], column["type"]): column.get("statistics") for column in _columns(seen)}
    columns = []
    for column in _columns(known):
        kept = {name: value for name, value in column.items() if name != "statistics"}
        statistics = fresh.get((column["name"], column["type"]))
        columns.append({**kept, "statistics": statistics} if statistics else kept)
    whole = {name: seen.get(name) for name in ("row_estimate", "indexed", "statistics_at")}
    return {**known, **whole, "columns": columns}


def changed_much(before: Definition, now: Definition) -> bool:
    """Whether a count or a span is more than twice what it was, or known where it was not."""
    if set(cast("list[str]", before.get("indexed") or ())) != set(cast("list[str]", now.get("indexed") or ())):
        return True
    if _differ(before.get("row_estimate"), now.get("row_estimate")):
        return True
    old = {column["name"]: _figures(column) for column in _columns(before)}
    return any(
        _differ(one, other)
        for column in _columns(now)
        for one, other in zip(old.get(column["name"], (None, None)), _figures(column), strict=True)
    )


def _columns(definition: Definition) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", definition["columns"])


def _figures(column: Mapping[str, object]) -> tuple[float | None, float | None]:
    """How many values a column has, and how far they reach."""
    found = cast("Mapping[str, float]", column.get("statistics") or {})
    low, high = found.get("minimum"), found.get("maximum")
    return found.get("distinct_estimate"), None if low is None or high is None else high - low


def _differ(one: object, other: object) -> bool:
    if one is None or other is None:
        return one is not other
    low, high = sorted((float(cast(float, one)), float(cast(float, other))))
    return max(high, 1.0) > MUCH * max(low, 1.0)

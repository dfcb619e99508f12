"""Whether two answers are the same: types equal, rows as multisets (or in order), doubles within 1e-9."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from tests.engine.workspace import Answer


def same(found: Answer, expected: Answer, ordered: bool, unlimited: Answer | None = None) -> str | None:
    """None, or what differs. `unlimited`: the answer may be any rows of it, as many as `expected` has."""
    if found.types != expected.types:
        return f"types {found.types} instead of {expected.types}"
    if len(found.rows) != len(expected.rows):
        return f"{len(found.rows)} rows instead of {len(expected.rows)}"
    mine = [tuple(map(_rounded, row)) for row in found.rows]
    if unlimited is not None:
        extra = Counter(mine) - Counter(tuple(map(_rounded, row)) for row in unlimited.rows)
        return f"rows that are none: {list(extra)[:3]}" if extra else None
    theirs = [tuple(map(_rounded, row)) for row in expected.rows]
    if ordered:
        return next(
            (f"row {i}: {a} instead of {b}" for i, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b),
            None,
        )
    more, less = Counter(mine) - Counter(theirs), Counter(theirs) - Counter(mine)
    return f"too many: {list(more)[:3]}, missing: {list(less)[:3]}" if more or less else None


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return str(value)
        return float(f"{value:.9g}") + 0.0
    return tuple(map(_rounded, value)) if isinstance(value, list) else value

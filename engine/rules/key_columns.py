"""Which columns take the keys of a join."""

from __future__ import annotations

from connectors.sdk import Column, Op, Support
from connectors.sdk.types import family

MOMENTS = frozenset({"timestamp", "timestamptz"})


def takes_keys(column: Column, of_fragment: bool = False) -> bool:
    """Whether a column may be looked up in a list of values.

    Moments only where the source compares them as they are: an instant on a naive column is a range for each key, and
    texts of moments are compared by their day. A fragment's columns were looked at when it was made.
    """
    support = column.operators.get(Op.IN)
    if support is None or of_fragment or family(column.sql_type) not in MOMENTS:
        return support is not None
    return support is Support.EXACT

"""Predicates evaluated on Arrow batches, exactly as DuckDB would.

For sources that can't filter themselves (files), or only roughly (REST). Exact for every column type but FLOAT:
what a FLOAT is compared as depends on how the constant was written. Text is compared byte by byte; NaN equals NaN
and is greater than any other number, as in DuckDB and not as in Arrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from connectors.sdk.capabilities import Support
from connectors.sdk.errors import UnsupportedPredicateError
from connectors.sdk.scan import AllOf, Comparison, Op, Predicate, Value
from connectors.sdk.types import INTEGERS, arrow_type, family
from connectors.sdk.values import integer_range

_ORDER = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE, Op.IN)
_TEXT = (Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS)
_NULL = (Op.IS_NULL, Op.IS_NOT_NULL)
# pyarrow-stubs do not know most of these by their real signatures.
_ARROW: dict[Op, Any] = {
    Op.EQ: pc.equal,
    Op.NE: pc.not_equal,
    Op.LT: pc.less,
    Op.LE: pc.less_equal,
    Op.GT: pc.greater,
    Op.GE: pc.greater_equal,
}
_PATTERN: dict[Op, Any] = {
    Op.STARTS_WITH: pc.starts_with,
    Op.ENDS_WITH: pc.ends_with,
    Op.CONTAINS: pc.match_substring,
}
_PYTHON: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "decimal": (int, Decimal),
    "float": (int, float, Decimal),
    "text": (str,),
    "blob": (bytes,),
    "date": (date,),
    "time": (time,),
    "timestamp": (datetime,),
    "timestamptz": (datetime,),
    "uuid": (UUID, str),
}


def exact_operators(sql_type: str) -> dict[Op, Support]:
    """The operators that `filter_batch` evaluates exactly on a column type."""
    if sql_type == "FLOAT":
        return dict.fromkeys(_NULL, Support.EXACT)
    texts = _TEXT if family(sql_type) == "text" else ()
    return dict.fromkeys((*_ORDER, *texts, *_NULL), Support.EXACT)


def filter_batch(batch: pa.RecordBatch, types: dict[str, str], predicates: Sequence[Predicate]) -> pa.RecordBatch:
    """The rows for which every predicate is true. `types`: the column type of every column of the batch.

    UnsupportedPredicateError if a predicate names a column that isn't there, an operator that its type has not, or a
    value of another family: nothing is ever left out silently.
    """
    if not predicates:
        return batch
    mask = _mask(AllOf(tuple(predicates)), batch, types)
    return batch.filter(mask)  # a NULL in the mask drops the row


def _mask(predicate: Predicate, batch: pa.RecordBatch, types: dict[str, str]) -> Any:
    if isinstance(predicate, Comparison):
        return _compare(predicate, batch, types)
    combine: Any = pc.and_kleene if isinstance(predicate, AllOf) else pc.or_kleene
    masks = [_mask(term, batch, types) for term in predicate.terms]
    if not masks:
        return pa.array([isinstance(predicate, AllOf)] * batch.num_rows, pa.bool_())
    result = masks[0]
    for mask in masks[1:]:
        result = combine(result, mask)
    return result


def _compare(comparison: Comparison, batch: pa.RecordBatch, types: dict[str, str]) -> Any:
    name, op = comparison.column, comparison.op
    if name not in types or op not in exact_operators(types[name]):
        raise UnsupportedPredicateError(
            f"a scan was asked for a filter {op.value!r} on {name!r}, which was not declared"
        )
    array, sql_type = batch.column(name), types[name]
    if op is Op.IS_NULL:
        return pc.is_null(array)
    if op is Op.IS_NOT_NULL:
        return pc.is_valid(array)
    kind = family(sql_type)
    for value in comparison.values:
        _check_family(value, kind, name)
    if op in _PATTERN:
        return _PATTERN[op](array, str(comparison.values[0]))
    if op is Op.IN:
        result = pa.array([False] * batch.num_rows, pa.bool_()) if not comparison.values else None
        plain = [value for value in comparison.values if kind not in ("float", "decimal") and _fits(value, sql_type)]
        if kind not in ("float", "decimal"):
            wanted = pa.array([_plain(value) for value in plain], arrow_type(sql_type))
            members: Any = pc.is_in(array, value_set=wanted)
            return pc.if_else(pc.is_valid(array), members, pa.scalar(None, pa.bool_()))
        for value in comparison.values:
            one = _one(array, Op.EQ, value, sql_type)
            result = one if result is None else pc.or_kleene(result, one)
        return result
    return _one(array, op, comparison.values[0], sql_type)


def _check_family(value: Value, kind: str, column: str) -> None:
    good = isinstance(value, _PYTHON[kind])
    if kind != "boolean" and isinstance(value, bool):
        good = False
    if kind == "date" and isinstance(value, datetime):
        good = False
    if isinstance(value, datetime) and (value.tzinfo is not None) != (kind == "timestamptz"):
        good = False
    if not good:
        raise UnsupportedPredicateError(
            f"a scan was asked to compare column {column!r} ({kind}) with a {type(value).__name__}"
        )


def _plain(value: Value) -> Value:
    return str(value).lower() if isinstance(value, UUID) else value


def _fits(value: Value, sql_type: str) -> bool:
    if sql_type not in INTEGERS or not isinstance(value, int):
        return True
    low, high = integer_range(sql_type)
    return low <= value <= high


def _one(array: Any, op: Op, value: Value, sql_type: str) -> Any:
    """One comparison with one value of the right family."""
    kind = family(sql_type)
    if kind == "float":
        return _float(array, op, float(value))  # type: ignore[arg-type]
    if kind == "decimal":
        return _decimal(array, op, Decimal(value), arrow_type(sql_type))  # type: ignore[arg-type]
    if not _fits(value, sql_type):  # an integer outside of the type's range: the same answer for every row
        above = isinstance(value, int) and value > 0
        return _always(array, op is Op.NE or op in ((Op.LT, Op.LE) if above else (Op.GT, Op.GE)))
    if kind == "uuid":
        return _ARROW[op](array, pa.scalar(str(value).lower()))
    return _ARROW[op](array, pa.scalar(value, arrow_type(sql_type)))


def _always(array: Any, answer: bool) -> Any:
    """The answer for every row, NULL where the value is NULL."""
    return pc.if_else(pc.is_valid(array), pa.scalar(answer), pa.scalar(None, pa.bool_()))


def _float(array: Any, op: Op, value: float) -> Any:
    nan: Any = pc.is_nan(array)
    if math.isnan(value):  # NaN equals NaN and nothing is greater
        return {
            Op.EQ: nan,
            Op.GE: nan,
            Op.NE: pc.invert(nan),
            Op.LT: pc.invert(nan),
            Op.LE: _always(array, True),
            Op.GT: _always(array, False),
        }[op]
    result = _ARROW[op](array, pa.scalar(value, pa.float64()))
    return pc.or_kleene(result, nan) if op in (Op.GT, Op.GE, Op.NE) else result


def _decimal(array: Any, op: Op, value: Decimal, of: Any) -> Any:
    """In the column's own precision and scale, by moving the bound to the next value that the column can hold."""
    if not value.is_finite():
        raise UnsupportedPredicateError("a scan was asked to compare a decimal column with NaN or infinity")
    with localcontext(prec=1_000):
        units = int(value.scaleb(of.scale).to_integral_value(ROUND_FLOOR))
        bound = Decimal(units).scaleb(-of.scale)
        if bound != value:
            # Between two neighbours: below means at most the lower one, above means more than the lower one.
            if op in (Op.EQ, Op.NE):
                return _always(array, op is Op.NE)
            op = Op.LE if op in (Op.LT, Op.LE) else Op.GT
        if abs(units) >= 10**of.precision:
            return _always(array, op is Op.NE or op in ((Op.LT, Op.LE) if units > 0 else (Op.GT, Op.GE)))
        return _ARROW[op](array, pa.scalar(bound, of))

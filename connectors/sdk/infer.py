"""Column types proposed from samples: the narrowest type that every sampled value fits, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from connectors.sdk.values import BadValueError, text_reader

TOLERATED = 0.1  # so many misfits of a sample still leave the type proposed, with the remark that they are there


@dataclass(frozen=True, slots=True)
class ColumnProposal:
    """A proposed column type. `misfits` of `values` samples (NULLs not counted) can't be read as it."""

    name: str
    sql_type: str
    reason: str
    values: int
    nulls: int
    misfits: int = 0


@dataclass(frozen=True, slots=True)
class TableProposal:
    """The columns proposed for a table, and from how many rows."""

    table: str
    rows: int
    columns: tuple[ColumnProposal, ...]


def infer_text(
    name: str, samples: Sequence[str | None], *, decimal_comma: bool = False, tolerant: bool = False
) -> ColumnProposal:
    """The type of a column of text (CSV). `tolerant`: a tenth of the values may be misfits, such as 'n/a'."""
    texts = [text.strip() for text in samples if text is not None and text.strip()]
    nulls = len(samples) - len(texts)
    if not texts:
        return ColumnProposal(name, "VARCHAR", "no values in the sample", 0, nulls)
    best: tuple[int, str, str] | None = None
    for sql_type, reason in _candidates(texts, decimal_comma):
        misfits = _misfits(texts, text_reader(sql_type, decimal_comma=decimal_comma))
        if misfits == 0:
            return ColumnProposal(name, sql_type, reason, len(texts), nulls)
        if misfits <= len(texts) * TOLERATED and (best is None or misfits < best[0]):
            best = (misfits, sql_type, reason)
    if tolerant and best is not None:
        misfits, sql_type, reason = best
        remark = f"{reason}, but for {misfits} of {len(texts)} values (bad_value: null makes them NULL)"
        return ColumnProposal(name, sql_type, remark, len(texts), nulls, misfits)
    return ColumnProposal(name, "VARCHAR", "text", len(texts), nulls)


def _candidates(texts: Sequence[str], decimal_comma: bool) -> Iterable[tuple[str, str]]:
    words = {text.lower() for text in texts}
    if words <= {"true", "false"} or words <= {"t", "f"} or words <= {"yes", "no"}:
        yield "BOOLEAN", "truth values only"
    if not any(_has_leading_zero(text) for text in texts):  # 007 is a name, not a number
        yield "BIGINT", "whole numbers"
        decimal_type = _decimal_type(texts, decimal_comma)
        if decimal_type:
            yield decimal_type, f"numbers with up to {decimal_type[8:-1].split(',')[1]} decimals"
        yield "DOUBLE", "numbers"
    yield "DATE", "dates"
    yield "TIMESTAMP", "timestamps without an offset"
    yield "TIMESTAMP WITH TIME ZONE", "timestamps with an offset"
    yield "TIME", "times of the day"
    if all(len(text) == 36 for text in texts):
        yield "UUID", "UUIDs"


def _has_leading_zero(text: str) -> bool:
    bare = text.lstrip("+-")
    return len(bare) > 1 and bare[0] == "0" and bare[1].isdigit()


def _decimal_type(texts: Sequence[str], decimal_comma: bool) -> str | None:
    """The DECIMAL that holds all plain numbers among the texts with room to grow, if any has decimals."""
    whole = scale = 0
    read = text_reader("DECIMAL(38,15)", decimal_comma=decimal_comma)
    for text in texts:
        if "e" in text.lower():
            return None
        try:
            value = read(text)
        except BadValueError:
            continue
        point = text.rpartition("," if decimal_comma else ".")
        scale = max(scale, len(point[2]) if point[1] else 0)
        if isinstance(value, Decimal):
            whole = max(whole, value.adjusted() + 1 if value else 0)
    return f"DECIMAL({max(18, whole + scale + 3)},{scale})" if 0 < scale <= 6 and whole + scale <= 30 else None


def _misfits(texts: Sequence[str], read: Callable[[str], object]) -> int:
    count = 0
    for text in texts:
        try:
            read(text)
        except BadValueError:
            count += 1
    return count


def infer_values(name: str, samples: Sequence[Any], *, tolerant: bool = False) -> ColumnProposal:
    """The type of a column of typed values: JSON (numbers as int and Decimal) or cells of a sheet."""
    values = [value for value in samples if value is not None]
    nulls = len(samples) - len(values)
    if not values:
        return ColumnProposal(name, "VARCHAR", "no values in the sample", 0, nulls)
    if all(isinstance(value, str) for value in values):
        text = infer_text(name, samples, tolerant=tolerant)
        if text.sql_type in ("BIGINT", "DOUBLE", "BOOLEAN") or text.sql_type.startswith("DECIMAL"):
            # The source wrote text on purpose, and may write any other text tomorrow.
            return ColumnProposal(name, "VARCHAR", "text (numbers in it so far)", len(values), nulls)
        return ColumnProposal(name, text.sql_type, text.reason, len(values), nulls, text.misfits)
    best = ("VARCHAR", "values of several kinds", len(values))
    for sql_type, reason, fits in _KINDS:
        misfits = sum(not fits(value) for value in values)
        if misfits == 0:
            return ColumnProposal(name, *_widened(sql_type, reason, values), len(values), nulls)
        if misfits <= len(values) * TOLERATED and misfits < best[2]:
            best = (sql_type, reason, misfits)
    if tolerant and best[0] != "VARCHAR":
        remark = f"{best[1]}, but for {best[2]} of {len(values)} values (bad_value: null makes them NULL)"
        return ColumnProposal(name, best[0], remark, len(values), nulls, best[2])
    return ColumnProposal(
        name, "VARCHAR", best[1] if best[0] == "VARCHAR" else "values of several kinds", len(values), nulls
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal | float) and not isinstance(value, bool)


_KINDS: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("BOOLEAN", "truth values only", lambda value: isinstance(value, bool)),
    (
        "BIGINT",
        "whole numbers",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63,
    ),
    ("DOUBLE", "numbers", _is_number),
    ("DATE", "dates", lambda value: isinstance(value, date) and not isinstance(value, datetime)),
    ("TIMESTAMP", "timestamps", lambda value: isinstance(value, date)),
    ("TIME", "times of the day", lambda value: isinstance(value, time)),
    ("VARCHAR", "objects or arrays, as JSON text", lambda value: isinstance(value, dict | list)),
)


def _widened(sql_type: str, reason: str, values: Sequence[Any]) -> tuple[str, str]:
    """Numbers that all have few decimals are a DECIMAL; a whole number among floats stays DOUBLE."""
    if sql_type != "DOUBLE" or any(isinstance(value, float) for value in values):
        return sql_type, reason
    numbers = [Decimal(value).as_tuple() for value in values]
    scale = max(max(0, -int(number.exponent)) for number in numbers)
    whole = max(len(number.digits) + int(number.exponent) for number in numbers)
    if scale == 0 and whole > 18:
        return (f"DECIMAL({min(38, max(whole, 20))},0)" if whole <= 38 else "DOUBLE"), "whole numbers beyond 64 bits"
    if scale <= 6 and whole + scale <= 30 and all(int(number.exponent) <= 0 for number in numbers):
        return f"DECIMAL({max(18, whole + scale + 3)},{scale})", f"numbers with up to {scale} decimals"
    return sql_type, reason

"""Values of sources without types of their own (text, JSON) read as a column type.

Strict: a value is read without loss or not at all. BadValueError says what was expected and never holds the value.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from connectors.sdk.scan import Value
from connectors.sdk.types import INTEGERS, decimal_parts
from connectors.sdk.zones import to_instant

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_COMMA = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)(,[0-9]*)?([eE][+-]?[0-9]{1,4})?")
_SPECIAL = {"nan": math.nan, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf}
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,12}))?)?")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]([0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,12})?)?)?))?"
    r"\s*([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_UUID = re.compile(r"\{?[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\}?")
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadValueError(ValueError):
    """A value can't be read as the column type; the message says what was expected, never what was found."""


def integer_range(sql_type: str) -> tuple[int, int]:
    """The smallest and the largest value of an integer type."""
    bits = {"TINY": 8, "SMAL": 16, "INTE": 32, "BIGI": 64}[sql_type.removeprefix("U")[:4]]
    return (0, 2**bits - 1) if sql_type.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def integer_of(number: int, sql_type: str) -> int:
    """The integer, if the type can hold it."""
    low, high = integer_range(sql_type)
    if not low <= number <= high:
        raise BadValueError(f"a number outside of the range of {sql_type}")
    return number


def decimal_of(number: Decimal, sql_type: str) -> Decimal:
    """The decimal in the type's scale; a digit too many on either side is refused, never rounded."""
    precision, scale = decimal_parts(sql_type) or (38, 0)
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise BadValueError(f"not a number, which {sql_type} can't hold")
    if not number:
        return Decimal((0, (0,), -scale))
    drop = -exponent - scale
    if drop > 0:
        if drop > len(digits) or any(digits[-drop:]):
            raise BadValueError(f"a number with more than the {scale} decimals of {sql_type}")
        digits = digits[:-drop]
    elif len(digits) - drop > precision:
        raise BadValueError(f"a number with too many digits for {sql_type}")
    else:
        digits = digits + (0,) * -drop
    if len(digits) > precision and any(digits[:-precision]):
        raise BadValueError(f"a number with too many digits for {sql_type}")
    return Decimal((sign, digits or (0,), -scale))


def text_reader(
    sql_type: str, *, zone: ZoneInfo | None = None, decimal_comma: bool = False, form: str | None = None
) -> Callable[[str], Value | None]:
    """How text is read as a column type. None: a text of blanks only, in a column that isn't text.

    `form`: a strptime pattern for DATE, TIME and both timestamps, or `epoch_s`, `epoch_ms`, `epoch_us`.
    `decimal_comma`: `1.234,5` is 1234.5, and `1.5` is refused.
    """
    if sql_type == "VARCHAR":
        return lambda text: text
    read = _text_reader(sql_type, zone, decimal_comma, form)

    def strict(text: str) -> Value | None:
        bare = text.strip()
        return read(bare) if bare else None

    return strict


def _text_reader(
    sql_type: str, zone: ZoneInfo | None, decimal_comma: bool, form: str | None
) -> Callable[[str], Value]:
    number = _comma_number if decimal_comma else _number
    if sql_type in INTEGERS:
        return lambda text: integer_of(_integer(text), sql_type)
    if decimal_parts(sql_type):
        return lambda text: decimal_of(Decimal(number(text)), sql_type)
    if sql_type in ("FLOAT", "DOUBLE"):
        return lambda text: _SPECIAL[text.lower()] if text.lower() in _SPECIAL else float(number(text))
    if form is not None and sql_type in ("DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        return lambda text: _by_form(text, sql_type, form, zone)
    simple: dict[str, Callable[[str], Value]] = {
        "BOOLEAN": _boolean,
        "DATE": _date,
        "TIME": _time,
        "TIMESTAMP": _naive,
        "TIMESTAMP WITH TIME ZONE": lambda text: _instant(text, zone),
        "UUID": _uuid,
        "BLOB": _blob,
    }
    return simple[sql_type]


def json_reader(
    sql_type: str, *, zone: ZoneInfo | None = None, form: str | None = None
) -> Callable[[Any], Value | None]:
    """How a JSON value (its numbers as int and Decimal) is read as a column type; null is NULL.

    Numbers may also stand in strings, as many APIs write decimals and large integers. VARCHAR takes any value: what
    isn't a string appears as its JSON text.
    """
    if sql_type == "VARCHAR":
        return _json_as_text
    from_text = text_reader(sql_type, zone=zone, form=form)
    from_number = _number_reader(sql_type, zone, form)

    def read(value: Any) -> Value | None:
        if value is None:
            return None
        if isinstance(value, str):
            return from_text(value)
        if isinstance(value, bool):
            if sql_type != "BOOLEAN":
                raise BadValueError(f"a boolean where {sql_type} is expected")
            return value
        if isinstance(value, int | Decimal):
            return from_number(value)
        kind = "an object" if isinstance(value, dict) else "an array"
        raise BadValueError(f"{kind} where {sql_type} is expected")

    return read


def _number_reader(sql_type: str, zone: ZoneInfo | None, form: str | None) -> Callable[[int | Decimal], Value]:
    if sql_type in INTEGERS:
        return lambda number: integer_of(_whole(number), sql_type)
    if decimal_parts(sql_type):
        return lambda number: decimal_of(Decimal(number), sql_type)
    if sql_type in ("FLOAT", "DOUBLE"):
        return _double
    if form in EPOCHS and sql_type in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        return lambda number: _by_form(str(number), sql_type, form, zone)

    def refuse(number: int | Decimal) -> Value:
        raise BadValueError(f"a number where {sql_type} is expected")

    return refuse


def _json_as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return json_text(value)
    except RecursionError:
        raise BadValueError("an object or array that is nested too deep") from None


def json_text(value: Any) -> str:
    """Compact JSON text of a parsed value; decimals keep their digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return (
            "{" + ",".join(f"{json.dumps(str(k), ensure_ascii=False)}:{json_text(v)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or len(text) > 40:
        raise BadValueError("not a whole number")
    return int(text)


def _whole(number: int | Decimal) -> int:
    if isinstance(number, Decimal):
        if not -30 < number.adjusted() < 30 or number != number.to_integral_value():
            raise BadValueError("not a whole number")
        return int(number)
    return number


def _double(number: int | Decimal) -> float:
    try:
        result = float(number)
    except OverflowError:
        result = math.inf
    if math.isinf(result):
        raise BadValueError("a number outside of the range of DOUBLE")
    return result


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise BadValueError("not a number")
    return text


def _comma_number(text: str) -> str:
    if not _COMMA.fullmatch(text):
        raise BadValueError("not a number with a decimal comma")
    return text.replace(".", "").replace(",", ".")


def _boolean(text: str) -> bool:
    lower = text.lower()
    if lower in _TRUE:
        return True
    if lower in _FALSE:
        return False
    raise BadValueError("not a boolean")


def _date(text: str) -> date:
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise BadValueError("not a date of the calendar") from None
    raise BadValueError("not a date written as YYYY-MM-DD")


def _time(text: str) -> time:
    match = _TIME.fullmatch(text)
    if not match:
        raise BadValueError("not a time written as HH:MM:SS")
    try:
        fraction = (match[4] or "").ljust(6, "0")[:6]
        return time(int(match[1]), int(match[2]), int(match[3] or 0), int(fraction))
    except ValueError:
        raise BadValueError("not a time of the day") from None


def _moment(text: str) -> tuple[datetime, timedelta | None]:
    match = _MOMENT.fullmatch(text)
    if not match:
        raise BadValueError("not a timestamp written as YYYY-MM-DD HH:MM:SS")
    hours = match[2] if match[2] is None or ":" in match[2] else match[2] + ":00"  # 2024-02-01 10
    moment = datetime.combine(_date(match[1]), _time(hours) if hours else time())
    if not match[3]:
        return moment, None
    if match[3] in "Zz":
        return moment, timedelta()
    digits = match[3][1:].replace(":", "").ljust(4, "0")
    if int(digits[:2]) > 23 or int(digits[2:]) > 59:
        raise BadValueError("not an offset from UTC")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return moment, -offset if match[3][0] == "-" else offset


def _naive(text: str) -> datetime:
    moment, offset = _moment(text)
    if offset is not None:
        raise BadValueError("a timestamp with an offset where TIMESTAMP is expected (use TIMESTAMP WITH TIME ZONE)")
    return moment


def _instant(text: str, zone: ZoneInfo | None) -> datetime:
    moment, offset = _moment(text)
    try:
        return _in_zone(moment, zone) if offset is None else (moment - offset).replace(tzinfo=UTC)
    except OverflowError:
        raise BadValueError("a timestamp outside of the years 1 to 9999") from None


def _in_zone(moment: datetime, zone: ZoneInfo | None) -> datetime:
    if zone is None:
        raise BadValueError("a timestamp without an offset, and the connection has no time_zone")
    return to_instant(moment, zone)


def _by_form(text: str, sql_type: str, form: str, zone: ZoneInfo | None) -> Value:
    try:
        if form in EPOCHS:
            moment = _EPOCH + timedelta(microseconds=int(Decimal(_number(text)) * EPOCHS[form]))
        else:
            moment = datetime.strptime(text, form)
        if sql_type == "TIMESTAMP WITH TIME ZONE":
            return moment.astimezone(UTC) if moment.tzinfo else _in_zone(moment, zone)
    except (ValueError, OverflowError, InvalidOperation) as error:
        if isinstance(error, BadValueError):
            raise
        raise BadValueError(f"not written in the form {form!r}") from None
    if sql_type == "DATE":
        return moment.date()
    return moment.time() if sql_type == "TIME" else moment.replace(tzinfo=None)


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise BadValueError("not a UUID")
    return str(UUID(text))


def _blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadValueError("not base64") from None

"""Values that a caller gives: text of a URL or of a page token, as typed parameters of a query.

Strict: text is read without loss or refused. An error names the column, its type and the *form* of what was given
(`9999-99` for `1234-56`): the text itself may be data, and errors are logged.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from uuid import UUID

from sqlglot import exp

from connectors.sdk.scan import Value
from connectors.sdk.types import decimal_parts
from engine.errors import ParameterValueError
from engine.query import Parameter, parameter

MAX_DIGITS = 38
MAX_FLOAT = 3.4028234663852886e38
_INTEGER_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
_RANGES = {
    **{name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for name, bits in _INTEGER_BITS.items()},
    **{f"U{name}": (0, 2**bits - 1) for name, bits in _INTEGER_BITS.items()},
}
_WHOLE = re.compile(r"[+-]?[0-9]{1,60}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,3})?")
_SPECIAL = {"nan": math.nan, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf, "infinity": math.inf,
            "-infinity": -math.inf}  # fmt: skip
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
# A `+` that was not percent-encoded arrives as a blank: between a time and an offset it can't mean anything else.
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})([Tt ]([0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?))?"
    r"([Zz]|[ +-][0-9]{2}:[0-9]{2})?"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FORM = str.maketrans(dict.fromkeys("0123456789", "9"))


def bind(parameters: list[Parameter], sql_type: str, value: Value | None) -> exp.Expr:
    """Add a parameter to a query's list; the node that refers to it."""
    parameters.append(Parameter(sql_type, value))
    return parameter(len(parameters) - 1, sql_type)


def is_comparable(sql_type: str) -> bool:
    """Whether values of a column type can be given in a request or a page token, and compared; those of lists,
    structs and intervals can't."""
    return sql_type in _PARSERS or decimal_parts(sql_type) is not None


def parse_value(column: str, sql_type: str, text: str) -> Parameter:
    """A text from a URL as a parameter to compare a column with.

    The parameter has the column's type, or a wider decimal where the text has more digits than the column: rounding
    it would change an answer. Raises ParameterValueError.
    """
    if decimal_parts(sql_type) is not None:
        return _parse_decimal(column, sql_type, text)
    parse = _PARSERS.get(sql_type)
    if parse is None:
        raise ParameterValueError(
            f"column {column!r} is {sql_type}: values of this type can't be given in a request",
            hint="it can be tested with is.null and is.not_null only",
        )
    value = parse(text, sql_type)
    if value is None:
        raise _refused(column, sql_type, text)
    return Parameter(sql_type, value)


def fit_value(sql_type: str, value: Value | None) -> Value | None:
    """A typed value (of a page token) if a column of that type can hold it. Raises ParameterValueError."""
    if value is None or _fits(sql_type, value):
        return value
    if sql_type == "UUID" and isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    raise ParameterValueError(
        f"the page token does not belong to this request: a value of type {sql_type} was expected",
        hint="follow the next link exactly as it was given, with the same order",
    )


def form(text: str) -> str:
    """What a text looks like without what it says: digits as 9, letters as a, at most 24 characters."""
    shape = "".join("a" if character.isalpha() else character for character in text[:24].translate(_FORM))
    return repr(shape) + ("" if len(text) <= 24 else f"… ({len(text):,} characters)")


def _fits(sql_type: str, value: Value) -> bool:
    parts = decimal_parts(sql_type)
    if parts is not None:
        return not isinstance(value, bool) and isinstance(value, int | Decimal) and _holds(parts, Decimal(value))
    if sql_type in _RANGES:
        low, high = _RANGES[sql_type]
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    match sql_type:
        case "BOOLEAN":
            return isinstance(value, bool)
        case "FLOAT" | "DOUBLE":
            return isinstance(value, float)
        case "VARCHAR":
            return isinstance(value, str)
        case "BLOB":
            return isinstance(value, bytes)
        case "DATE":
            return isinstance(value, date) and not isinstance(value, datetime)
        case "TIME":
            return isinstance(value, time) and value.tzinfo is None
        case "TIMESTAMP":
            return isinstance(value, datetime) and value.tzinfo is None
        case "TIMESTAMP WITH TIME ZONE":
            return isinstance(value, datetime) and value.tzinfo is not None
        case "UUID":
            return isinstance(value, UUID)
    return False


def _digits(number: Decimal) -> tuple[int, int]:
    """(digits before the point, digits behind it) that a finite number needs."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if number == 0:
        return 0, 0
    while len(digits) > 1 and digits[-1] == 0 and exponent < 0:
        digits, exponent = digits[:-1], exponent + 1
    return max(0, len(digits) + exponent), max(0, -exponent)


def _holds(parts: tuple[int, int], number: Decimal) -> bool:
    if not number.is_finite():
        return False
    whole, behind = _digits(number)
    return whole <= parts[0] - parts[1] and behind <= parts[1]


def _parse_decimal(column: str, sql_type: str, text: str) -> Parameter:
    parts = decimal_parts(sql_type)
    assert parts is not None
    if not _NUMBER.fullmatch(text):
        raise _refused(column, sql_type, text)
    try:
        number = Decimal(text)
        whole, behind = _digits(number)
    except InvalidOperation:
        raise _refused(column, sql_type, text) from None
    whole, behind = max(whole, parts[0] - parts[1]), max(behind, parts[1])
    # DuckDB compares two decimals in a type that holds both, and can't beyond 38 digits.
    if whole + behind > MAX_DIGITS:
        raise ParameterValueError(
            f"column {column!r} is {sql_type}: the number given has too many digits to be compared with it",
            hint=f"at most {MAX_DIGITS - (parts[0] - parts[1])} digits behind the point and {MAX_DIGITS} in all",
        )
    return Parameter(sql_type if (whole, behind) == (parts[0] - parts[1], parts[1])
                     else f"DECIMAL({whole + behind},{behind})", number)  # fmt: skip


def _boolean(text: str, _: str) -> Value | None:
    return {"true": True, "false": False}.get(text.lower())


def _integer(text: str, sql_type: str) -> Value | None:
    low, high = _RANGES[sql_type]
    return int(text) if _WHOLE.fullmatch(text) and low <= int(text) <= high else None


def _float(text: str, sql_type: str) -> Value | None:
    special = _SPECIAL.get(text.lower())
    if special is not None:
        return special
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if abs(value) <= (MAX_FLOAT if sql_type == "FLOAT" else math.inf) and math.isfinite(value) else None


def _text(text: str, _: str) -> Value | None:
    return None if "\0" in text else text


def _binary(text: str, _: str) -> Value | None:
    body = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


def _date(text: str, _: str) -> Value | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _time(text: str, _: str) -> Value | None:
    try:
        return time.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None


def _moment(text: str, sql_type: str) -> Value | None:
    """An ISO date and time. With a zone it is an instant; for a naive column that is taken in UTC, as answers
    write it."""
    match = _MOMENT.fullmatch(text)
    if match is None or (match[6] and not match[3]):
        return None
    zone = (match[6] or "").replace(" ", "+").upper()
    try:
        value = datetime.fromisoformat(f"{match[1]}T{match[3] or '00:00'}{zone}")
        if sql_type == "TIMESTAMP":
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return value.astimezone(UTC) if value.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _uuid(text: str, _: str) -> Value | None:
    return UUID(text) if _UUID.fullmatch(text) else None


_PARSERS: dict[str, Callable[[str, str], Value | None]] = {
    "BOOLEAN": _boolean,
    **dict.fromkeys(_RANGES, _integer),
    "FLOAT": _float,
    "DOUBLE": _float,
    "VARCHAR": _text,
    "BLOB": _binary,
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP": _moment,
    "TIMESTAMP WITH TIME ZONE": _moment,
    "UUID": _uuid,
}
_EXAMPLES = {
    "BOOLEAN": "true or false",
    "FLOAT": "a number such as 12.5, NaN, INF or -INF",
    "DOUBLE": "a number such as 12.5, NaN, INF or -INF",
    "VARCHAR": "text without the character U+0000",
    "BLOB": "base64url",
    "DATE": "a date such as 2024-12-31",
    "TIME": "a time such as 23:59:59",
    "TIMESTAMP": "a date and time such as 2024-12-31T23:59:59",
    "TIMESTAMP WITH TIME ZONE": "a date and time with a zone, such as 2024-12-31T23:59:59Z",
    "UUID": "a UUID such as 01234567-89ab-cdef-0123-456789abcdef",
}


def _refused(column: str, sql_type: str, text: str) -> ParameterValueError:
    if sql_type in _RANGES:
        low, high = _RANGES[sql_type]
        expected = f"a whole number from {low} to {high}"
    else:
        expected = _EXAMPLES.get(sql_type, "a number such as 12.50")
    return ParameterValueError(
        f"column {column!r} is {sql_type}: what was given has the form {form(text)}", hint=f"write {expected}"
    )

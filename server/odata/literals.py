"""Turns the text of one OData literal into a typed value.

Source of the forms: OData 4.01 ABNF section 7. What the grammar lets through and no calendar or type can hold
(2022-02-31, Int64 overflow in a prefixed literal, broken base64) is an error here, with the place.
Decisions: years before 1, above 9999, leap seconds and fractions finer than a microsecond are correct literals;
they are kept as `LexicalValue`, because rounding one would change an answer.
"""

import base64
import calendar
import datetime
import math
import re
import uuid
from collections.abc import Callable
from decimal import Decimal

from server.odata.errors import ODataSyntaxError
from server.odata.syntax import LexicalValue, Literal

Convert = Callable[[str, int], Literal]

# Longer ones are no measurement, and int() and Decimal() are quadratic on them.
_MAX_DIGITS = 500

_DATE = re.compile(r"(-?(?:0\d{3}|[1-9]\d{3,}))-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?", re.ASCII)
_ZONE = re.compile(r"[Zz]|([+-])(\d\d):(\d\d)", re.ASCII)
_DURATION = re.compile(
    r"([+-]?)P(?:(\d+)D)?(?:(T)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?", re.ASCII | re.IGNORECASE
)
_NUMBER = re.compile(r"([+-]?\d+)(\.\d+)?(?:[eE]([+-]?\d+))?", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9_-]*={0,2}", re.ASCII)
_SPATIAL = re.compile(
    r"SRID=\d{1,5};(?:Point|LineString|Polygon|MultiPoint|MultiLineString|MultiPolygon|GeometryCollection)"
    r"\([-+0-9.,eE ()A-Za-z]*\)",
    re.ASCII | re.IGNORECASE,
)
_ENUM_MEMBER = re.compile(r"\s*(?:[+-]?\d{1,19}|[^\W\d]\w*)\s*")


def number(text: str, position: int) -> Literal:
    """Reads digits, with fraction and exponent where given, as the narrowest type that holds them exactly.

    Int32, Int64, then Decimal; with an exponent Double, and Decimal where a Double would be infinite.
    """
    if len(text) > _MAX_DIGITS:
        raise _bad("the number is too long", position, f"At most {_MAX_DIGITS} characters are read.")
    if text in ("INF", "-INF", "NaN"):
        return Literal(float(text.replace("INF", "inf")), "Edm.Double", position)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise _bad("not a number", position)
    whole, fraction, exponent = match.groups()
    if exponent is not None:
        if len(exponent.lstrip("+-")) > 4:
            raise _bad("the exponent is out of range", position, "It has at most four digits.")
        value = float(text)
        if math.isinf(value):
            return Literal(Decimal(text), "Edm.Decimal", position)
        return Literal(value, "Edm.Double", position)
    if fraction is not None:
        return Literal(Decimal(text), "Edm.Decimal", position)
    integer = int(whole)
    if -(2**31) <= integer < 2**31:
        return Literal(integer, "Edm.Int32", position)
    if -(2**63) <= integer < 2**63:
        return Literal(integer, "Edm.Int64", position)
    return Literal(Decimal(integer), "Edm.Decimal", position)


def guid(text: str, position: int) -> Literal:
    """Reads 8-4-4-4-12 hexadecimal digits."""
    return Literal(uuid.UUID(text), "Edm.Guid", position)


def date(text: str, position: int) -> Literal:
    """Reads yyyy-mm-dd; a day that no calendar has is an error."""
    return Literal(_date(text, position), "Edm.Date", position)


def time_of_day(text: str, position: int) -> Literal:
    """Reads hh:mm[:ss[.fff]]."""
    return Literal(_time(text, position), "Edm.TimeOfDay", position)


def date_time_offset(text: str, position: int) -> Literal:
    """Reads date, T, time and zone. Without a zone it is an error: the standard has no local time."""
    day_text, _, rest = text.replace("t", "T").partition("T")
    zone = _ZONE.search(rest)
    if zone is None or zone.end() != len(rest):
        raise _bad(
            "a date with a time needs a zone", position, "End it with Z or an offset such as %2B01:00 or -05:00."
        )
    day = _date(day_text, position)
    time = _time(rest[: zone.start()], position + len(day_text) + 1)
    sign, hours, minutes = zone.groups()
    if sign is not None and (int(hours) > 23 or int(minutes) > 59):
        raise _bad("no such time zone offset", position)
    if isinstance(day, LexicalValue) or isinstance(time, LexicalValue):
        return Literal(LexicalValue(text), "Edm.DateTimeOffset", position)
    offset = datetime.timedelta()
    if sign is not None:
        offset = datetime.timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    moment = datetime.datetime.combine(day, time, datetime.timezone(offset))
    try:
        moment.astimezone(datetime.UTC)
    except OverflowError:
        return Literal(LexicalValue(text), "Edm.DateTimeOffset", position)
    return Literal(moment, "Edm.DateTimeOffset", position)


def duration(text: str, position: int) -> Literal:
    """Reads an xs:dayTimeDuration such as P1DT2H3M4.5S."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.group(part) for part in (2, 4, 5, 6)):
        raise _bad("not a duration", position, "Write it like duration'P1DT2H30M4.5S'; years and months don't exist.")
    sign, days, time, hours, minutes, seconds, fraction = match.groups()
    if sign == "+" or (time and not (hours or minutes or seconds)):
        raise _bad("not a duration", position, "Write it like duration'P1DT2H30M4.5S'.")
    fraction = (fraction or "").rstrip("0")
    parts = [days or "0", hours or "0", minutes or "0", seconds or "0"]
    if len(fraction) > 6 or any(len(part) > 15 for part in parts):
        return Literal(LexicalValue(text), "Edm.Duration", position)
    d, h, m, s = (int(part) for part in parts)
    try:
        span = datetime.timedelta(days=d, hours=h, minutes=m, seconds=s, microseconds=int(fraction.ljust(6, "0")))
        return Literal(-span if sign == "-" else span, "Edm.Duration", position)
    except OverflowError:
        return Literal(LexicalValue(text), "Edm.Duration", position)


def prefixed(prefix: str, content: str, position: int) -> Literal:
    """Reads `prefix'content'`: duration, binary, geography, geometry, or an enumeration's qualified name."""
    kind = prefix.lower()
    if kind == "duration":
        return duration(content, position)
    if kind == "binary":
        return _binary(content, position)
    if kind in ("geography", "geometry"):
        if not _SPATIAL.fullmatch(content):
            raise _bad(f"not a {kind} literal", position, f"Write it like {kind}'SRID=0;Point(142.1 64.1)'.")
        return Literal(LexicalValue(content), "Edm." + kind.capitalize(), position)
    if "." in prefix:
        if not all(_ENUM_MEMBER.fullmatch(member) for member in content.split(",")):
            raise _bad("not an enumeration literal", position, "Write it like Namespace.Type'Member'.")
        return Literal(LexicalValue(content), prefix, position)
    raise _bad(
        f"no literal starts with {prefix[:40]}'",
        position,
        "OData 4 writes guids, dates and numbers without a prefix and without quotes.",
    )


def _binary(content: str, position: int) -> Literal:
    """base64url, with or without padding; the plain alphabet's `+` and `/` are not in it."""
    body = content.rstrip("=")
    padding = "=" * (-len(body) % 4)
    if not _BASE64.fullmatch(content) or len(body) % 4 == 1 or content not in (body, body + padding):
        raise _bad("not base64url text", position, "Use the letters, digits, - and _ of RFC 4648 section 5.")
    return Literal(base64.urlsafe_b64decode(body + padding), "Edm.Binary", position)


def _date(text: str, position: int) -> datetime.date | LexicalValue:
    match = _DATE.fullmatch(text)
    if match is None:
        raise _bad("not a date", position, "Write it like 2024-12-31.")
    if len(match.group(1)) > 12:
        raise _bad("the year is out of range", position)
    year, month, day = (int(part) for part in match.groups())
    # The Gregorian calendar repeats every 400 years, also before year 1 (proleptic, as XML Schema has it).
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year % 400 + 400, month)[1]:
        raise _bad("no calendar has this date", position)
    return datetime.date(year, month, day) if 1 <= year <= 9999 else LexicalValue(text)


def _time(text: str, position: int) -> datetime.time | LexicalValue:
    match = _TIME.fullmatch(text)
    if match is None:
        raise _bad("not a time of day", position, "Write it like 23:59:59.999.")
    hour, minute, second = int(match.group(1)), int(match.group(2)), int(match.group(3) or 0)
    if hour > 23 or minute > 59 or second > 60:
        raise _bad("no clock shows this time", position, "The last minute of a day is 23:59.")
    fraction = (match.group(4) or "").rstrip("0")
    if second == 60 or len(fraction) > 6:
        return LexicalValue(text)
    return datetime.time(hour, minute, second, int(fraction.ljust(6, "0")))


def string(value: str, position: int) -> Literal:
    """Takes the text of a string; half of a surrogate pair (a JSON escape can make one) has no UTF-8 form."""
    try:
        value = value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _bad("the string has half of a surrogate pair", position) from None
    return Literal(value, "Edm.String", position)


def _bad(message: str, position: int, hint: str = "") -> ODataSyntaxError:
    return ODataSyntaxError(message[0].upper() + message[1:] + ".", position=position, hint=hint)

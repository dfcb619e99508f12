"""The canonical functions: OData 4.01 URL Conventions 5.1.1.5 to 5.1.1.11.

Each takes terms and gives a term; a null argument gives null. Characters are Unicode code points. Positions are from
0. Moments are in UTC, so their parts are UTC's. `matchesPattern` knows RE2's patterns, which is what can be matched
in linear time: ECMAScript's without look-around and back references.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from sqlglot import exp

from server.odata.errors import ODataNotImplementedError, ODataRequestError, ODataTypeError
from server.odata.nodes import call, cast, whole, wrapped
from server.odata.syntax import Call
from server.odata.terms import MOMENTS, NUMBERS, Term, computed, constant, edm_name, null_at, sql
from server.odata.translation import Translation

Function = Callable[[Translation, Sequence[Term]], Term]

# Unicode's White_Space property.
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_FARTHEST = 2**31
_MIN = datetime(1, 1, 1, tzinfo=UTC)
_MAX = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_DAYS = frozenset({"date"}) | MOMENTS
_CLOCKS = frozenset({"time"}) | MOMENTS
_TEXT = frozenset({"text"})


def called(to: Translation, node: Call, arguments: Sequence[Term]) -> Term:
    """A canonical function's result. Raises ODataNotImplementedError for one that isn't known here."""
    name = node.name.lower()
    entry = FUNCTIONS.get(name)
    if entry is None:
        raise ODataNotImplementedError(
            f"There is no function {node.name[:128]!r}.",
            option=to.option,
            position=node.position,
            hint=f"Functions are: {', '.join(FUNCTIONS)}.",
        )
    function, wanted = entry
    if any(argument.name is not None for argument in node.arguments):
        raise ODataRequestError(
            f"The arguments of {node.name} have no names.", option=to.option, position=node.position
        )
    for argument, kinds in zip(arguments, wanted, strict=False):
        if argument.kind not in kinds and argument.kind != "null":
            raise ODataTypeError(
                f"{node.name} can't be used with {edm_name(argument)}.",
                option=to.option,
                position=argument.position,
                hint=_HINTS.get(kinds, ""),
            )
    if any(argument.kind == "null" for argument in arguments):
        return null_at(node.position)
    return function(to, arguments)


def _text_test(kind: type[exp.Func]) -> Function:
    def test(to: Translation, arguments: Sequence[Term]) -> Term:
        text, part = (wrapped(sql(a, to.parameters, option=to.option)) for a in arguments)
        return computed(kind(this=text, expression=part), "BOOLEAN", *arguments)

    return test


def _of_text(kind: type[exp.Func], sql_type: str) -> Function:
    def function(to: Translation, arguments: Sequence[Term]) -> Term:
        return computed(kind(this=_sql(to, arguments[0])), sql_type, *arguments)

    return function


def _concat(to: Translation, arguments: Sequence[Term]) -> Term:
    one, two = (wrapped(_sql(to, a)) for a in arguments)
    return computed(exp.DPipe(this=one, expression=two), "VARCHAR", *arguments)


def _indexof(to: Translation, arguments: Sequence[Term]) -> Term:
    found = exp.StrPosition(this=_sql(to, arguments[0]), substr=_sql(to, arguments[1]))
    return computed(exp.Sub(this=found, expression=whole(1)), "BIGINT", *arguments)


def _substring(to: Translation, arguments: Sequence[Term]) -> Term:
    """From 0; a negative start counts from the end; a start behind the end gives ''."""
    text, start = arguments[0], arguments[1]
    if isinstance(start.value, int):
        first = max(-_FARTHEST, min(_FARTHEST, start.value))
        begin = _sql(to, constant(first + 1)) if first >= 0 else _from_end(to, text, start)
    else:
        node = wrapped(_sql(to, start))
        at_end = exp.If(this=exp.LT(this=node, expression=whole(0)), true=_from_end(to, text, start))
        begin = exp.Case(ifs=[at_end], default=exp.Add(this=node.copy(), expression=whole(1)))
    length = _length(to, arguments[2]) if len(arguments) == 3 else None
    return computed(exp.Substring(this=_sql(to, text), start=begin, length=length), "VARCHAR", *arguments)


def _from_end(to: Translation, text: Term, start: Term) -> exp.Expr:
    sum_ = exp.Add(this=exp.Length(this=_sql(to, text)), expression=wrapped(_sql(to, start)))
    return exp.Add(this=call("greatest", sum_, whole(0)), expression=whole(1))


def _length(to: Translation, length: Term) -> exp.Expr:
    """The length of a substring: a constant may not be negative, a computed one that is gives ''."""
    if isinstance(length.value, int):
        if length.value < 0:
            raise ODataRequestError(
                "The length of a substring can't be negative.", option=to.option, position=length.position
            )
        return _sql(to, constant(min(length.value, _FARTHEST)))
    node = wrapped(_sql(to, length))
    negative = exp.If(this=exp.LT(this=node, expression=whole(0)), true=whole(0))
    return exp.Case(ifs=[negative], default=node.copy())


def _trim(to: Translation, arguments: Sequence[Term]) -> Term:
    node = exp.Trim(this=_sql(to, arguments[0]), expression=exp.Literal.string(_BLANKS))
    return computed(node, "VARCHAR", *arguments)


def _matches_pattern(to: Translation, arguments: Sequence[Term]) -> Term:
    for argument in arguments[1:]:
        if not argument.is_constant:
            raise ODataNotImplementedError(
                "A pattern is a literal.", option=to.option, position=argument.position, hint="Write it in quotes."
            )
    pattern, flags = str(arguments[1].value), str(arguments[2].value) if len(arguments) == 3 else ""
    if not set(flags) <= set("ims"):
        raise ODataNotImplementedError(
            "A pattern's flags are i, m and s.", option=to.option, position=arguments[2].position
        )
    text = f"(?{''.join(sorted(set(flags)))}){pattern}" if flags else pattern
    _check_pattern(to, text, arguments[1].position)
    bound = constant(text, arguments[1].position)
    return computed(exp.RegexpLike(this=_sql(to, arguments[0]), expression=_sql(to, bound)), "BOOLEAN", arguments[0])


def _check_pattern(to: Translation, pattern: str, position: int) -> None:
    """Let RE2, which will run it, say whether a pattern is one: an error while rows flow would come too late."""
    import pyarrow.compute as pc  # a tenth of a second, for those who use patterns only

    try:
        pc.match_substring_regex(pa.array([""]), pattern=pattern)
    except pa.ArrowInvalid:
        raise ODataRequestError(
            "The pattern can't be read.",
            option=to.option,
            position=position,
            hint="It is a regular expression without look-around and back references (RE2).",
        ) from None


def _part(name: str) -> Function:
    def part(to: Translation, arguments: Sequence[Term]) -> Term:
        return computed(call(name, _in_utc(to, arguments[0])), "BIGINT", *arguments)

    return part


def _fractional_seconds(to: Translation, arguments: Sequence[Term]) -> Term:
    """The part of a second, at least 0 and less than 1."""
    behind = exp.Mod(this=call("microsecond", _in_utc(to, arguments[0])), expression=whole(1_000_000))
    share = cast(exp.Literal.string("0.000001"), "DECIMAL(7,6)")
    node = exp.Mul(this=cast(behind, "DECIMAL(7,0)"), expression=share)
    return computed(cast(node, "DECIMAL(7,6)"), "DECIMAL(7,6)", *arguments)


def _moment_as(sql_type: str) -> Function:
    def function(to: Translation, arguments: Sequence[Term]) -> Term:
        return computed(cast(_in_utc(to, arguments[0]), sql_type), sql_type, *arguments)

    return function


def _offset_minutes(to: Translation, arguments: Sequence[Term]) -> Term:
    null = exp.If(this=exp.Is(this=wrapped(_in_utc(to, arguments[0])), expression=exp.Null()), true=exp.Null())
    return computed(cast(exp.Case(ifs=[null], default=whole(0)), "BIGINT"), "BIGINT", *arguments)


def _total_seconds(to: Translation, arguments: Sequence[Term]) -> Term:
    micro = cast(_sql(to, arguments[0]), "DECIMAL(19,0)")
    share = cast(exp.Literal.string("0.000001"), "DECIMAL(7,6)")
    return computed(cast(exp.Mul(this=micro, expression=share), "DECIMAL(26,6)"), "DECIMAL(26,6)", *arguments)


def _rounded(kind: type[exp.Func]) -> Function:
    def rounded(to: Translation, arguments: Sequence[Term]) -> Term:
        number = arguments[0]
        if number.kind == "integer":
            return number
        node = kind(this=wrapped(_sql(to, number)))
        if number.kind == "float":
            return computed(node, number.sql_type, number)
        return computed(cast(node, "DECIMAL(38,0)"), "DECIMAL(38,0)", number)

    return rounded


def _now(to: Translation, _: Sequence[Term]) -> Term:
    return constant(to.now)


def _min_moment(_: Translation, __: Sequence[Term]) -> Term:
    return constant(_MIN)


def _max_moment(_: Translation, __: Sequence[Term]) -> Term:
    return constant(_MAX)


def _sql(to: Translation, term: Term) -> exp.Expr:
    return sql(term, to.parameters, option=to.option)


def _in_utc(to: Translation, term: Term) -> exp.Expr:
    """A moment as UTC's calendar and clock show it. A literal with another offset would have to be read in that."""
    value = term.value
    if isinstance(value, datetime) and value.utcoffset() != timedelta():
        raise ODataNotImplementedError(
            "Parts of a moment are taken in UTC only.",
            option=to.option,
            position=term.position,
            hint="Write the literal with Z.",
        )
    node = _sql(to, term)
    return cast(node, "TIMESTAMP") if term.kind == "timestamptz" else node


_INTEGERS = frozenset({"integer"})
_DURATIONS = frozenset({"duration"})
_HINTS = {
    _TEXT: "It takes text.",
    _INTEGERS: "It takes a whole number.",
    NUMBERS: "It takes a number.",
    _DAYS: "It takes a date or a moment.",
    _CLOCKS: "It takes a time of day or a moment.",
    MOMENTS: "It takes a moment.",
    _DURATIONS: "It takes a duration.",
}
# Function and, for each argument, the kinds that it may have. `vocabulary.FILTER_FUNCTIONS` announces these.
FUNCTIONS: Mapping[str, tuple[Function, tuple[frozenset[str], ...]]] = {
    "concat": (_concat, (_TEXT, _TEXT)),
    "contains": (_text_test(exp.Contains), (_TEXT, _TEXT)),
    "endswith": (_text_test(exp.EndsWith), (_TEXT, _TEXT)),
    "indexof": (_indexof, (_TEXT, _TEXT)),
    "length": (_of_text(exp.Length, "BIGINT"), (_TEXT,)),
    "matchespattern": (_matches_pattern, (_TEXT, _TEXT, _TEXT)),
    "startswith": (_text_test(exp.StartsWith), (_TEXT, _TEXT)),
    "substring": (_substring, (_TEXT, _INTEGERS, _INTEGERS)),
    "tolower": (_of_text(exp.Lower, "VARCHAR"), (_TEXT,)),
    "toupper": (_of_text(exp.Upper, "VARCHAR"), (_TEXT,)),
    "trim": (_trim, (_TEXT,)),
    "date": (_moment_as("DATE"), (MOMENTS,)),
    "day": (_part("day"), (_DAYS,)),
    "fractionalseconds": (_fractional_seconds, (_CLOCKS,)),
    "hour": (_part("hour"), (_CLOCKS,)),
    "maxdatetime": (_max_moment, ()),
    "mindatetime": (_min_moment, ()),
    "minute": (_part("minute"), (_CLOCKS,)),
    "month": (_part("month"), (_DAYS,)),
    "now": (_now, ()),
    "second": (_part("second"), (_CLOCKS,)),
    "time": (_moment_as("TIME"), (MOMENTS,)),
    "totaloffsetminutes": (_offset_minutes, (MOMENTS,)),
    "totalseconds": (_total_seconds, (_DURATIONS,)),
    "year": (_part("year"), (_DAYS,)),
    "ceiling": (_rounded(exp.Ceil), (NUMBERS,)),
    "floor": (_rounded(exp.Floor), (NUMBERS,)),
    "round": (_rounded(exp.Round), (NUMBERS,)),
}

"""Writes a tree back as OData text, so that parse(print(tree)) == tree can be checked."""

import datetime
import math
import uuid
from decimal import Decimal

from server.odata.syntax import (
    Alias,
    Annotation,
    Argument,
    Binary,
    Call,
    Case,
    Cast,
    Count,
    Expression,
    FilterSegment,
    IsOf,
    It,
    KeyPredicate,
    KeySegment,
    Lambda,
    LexicalValue,
    ListExpression,
    Literal,
    Logical,
    Name,
    ObjectExpression,
    Path,
    Root,
    Segment,
    This,
    Unary,
    Value,
)


def print_expression(tree: Expression | Segment) -> str:
    """The text of a tree; every operand that has operators of its own stands in parentheses."""
    match tree:
        case Literal():
            return print_literal(tree)
        case Logical(operator, operands):
            return f" {operator} ".join(_operand(operand) for operand in operands)
        case Binary(operator, left, right):
            return f"{_operand(left)} {operator} {_operand(right)}"
        case Unary(operator, operand):
            return f"{operator}({print_expression(operand)})"
        case ListExpression(items):
            return "[" + ",".join(print_expression(item) for item in items) + "]"
        case ObjectExpression(members):
            return "{" + ",".join(f'"{name}":{print_expression(value)}' for name, value in members) + "}"
        case Case(branches):
            pairs = (f"{print_expression(when)} : {print_expression(then)}" for when, then in branches)
            return "case(" + ",".join(pairs) + ")"
        case Cast(type, operand) | IsOf(type, operand):
            word = "cast" if isinstance(tree, Cast) else "isof"
            return f"{word}({'' if operand is None else print_expression(operand) + ','}{type})"
        case Path(segments):
            text = ""
            for segment in segments:
                slash = "/" if text and not isinstance(segment, KeyPredicate) else ""
                text += slash + print_expression(segment)
            return text
        case _:
            return _segment(tree)


def _segment(segment: Expression | Segment) -> str:
    match segment:
        case Name(name):
            return name
        case Alias(name):
            return "@" + name
        case Annotation(name, qualifier):
            return "@" + name + ("" if qualifier is None else "#" + qualifier)
        case It() | This() | Root():
            return "$" + type(segment).__name__.lower()
        case Call(name, arguments):
            return f"{name}({_arguments(arguments)})"
        case KeyPredicate(arguments):
            return f"({_arguments(arguments)})"
        case KeySegment(text):
            return text
        case Lambda(kind, variable, predicate):
            return f"{kind}({'' if predicate is None else f'{variable}:{print_expression(predicate)}'})"
        case FilterSegment(predicate):
            return f"$filter({print_expression(predicate)})"
        case Count(None):
            return "$count"
    raise AssertionError(f"the printer does not know {segment!r}")


def _operand(tree: Expression) -> str:
    text = print_expression(tree)
    return f"({text})" if isinstance(tree, Logical | Binary | Unary) else text


def _arguments(arguments: tuple[Argument, ...]) -> str:
    return ",".join(
        ("" if argument.name is None else argument.name + "=") + print_expression(argument.value)
        for argument in arguments
    )


def print_literal(literal: Literal) -> str:
    """The text of a literal, with prefix where the standard has one."""
    value, kind = literal.value, literal.type
    text = _value(value)
    if kind == "Edm.String":
        return "'" + text.replace("'", "''") + "'"
    if kind in ("Edm.Duration", "Edm.Geography", "Edm.Geometry", "Edm.Binary"):
        return f"{kind.removeprefix('Edm.').lower()}'{text}'"
    if not kind.startswith("Edm.") and kind != "null":
        return f"{kind}'{text}'"
    return text


def _value(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float() if math.isnan(value):
            return "NaN"
        case float() if math.isinf(value):
            return "INF" if value > 0 else "-INF"
        case float():
            return f"{value!r}" if "e" in repr(value) else f"{value!r}e0"
        case Decimal():
            return f"{value:f}"
        case int():
            return str(value)
        case str() | uuid.UUID():
            return str(value)
        case bytes():
            import base64

            return base64.urlsafe_b64encode(value).decode()
        case datetime.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            total = abs(value)
            sign = "-" if value < datetime.timedelta() else ""
            return f"{sign}P{total.days}DT{total.seconds}.{total.microseconds:06d}S"
        case LexicalValue(text):
            return text

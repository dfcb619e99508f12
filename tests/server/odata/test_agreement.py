"""The PyPI package odata-query is a second reader: what both accept must mean the same."""

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from odata_query import ast
from odata_query.grammar import ODataLexer, ODataParser

from server.odata.expression import parse_expression
from server.odata.syntax import (
    Binary,
    Call,
    Expression,
    It,
    Lambda,
    ListExpression,
    Literal,
    Logical,
    Name,
    Path,
    Segment,
    This,
    Unary,
)

FILTERS = [
    "a eq 1",
    "a ne null and b gt 2 or c le 3",
    "a or b and c or d",
    "not (a eq 1) and b",
    "not contains(a,'x') or b",
    "a add 2 mul b sub 3 eq 4",
    "(a add 2) mul b eq 4",
    "a div 2 mod 3 ge 1",
    "-a lt 5",
    "a in (1, 2, 3)",
    "a in ('x', 'y') and not b",
    "Name eq 'O''Neil'",
    "Supplier/Address/City eq 'Köln'",
    "startswith(tolower(Name), 'a') and length(Name) ge 3",
    "concat(concat(City, ', '), Country) eq 'Berlin, Germany'",
    "substring(Name, 1, 2) eq 'lf'",
    "year(Created) eq 2024 and month(Created) lt 7",
    "Created ge 2024-01-31T10:20:30Z and Created lt 2024-02-01T00:00:00+01:00",
    "Day eq 2024-02-29 or At eq 10:20:30",
    "Id eq 01234567-89ab-cdef-0123-456789abcdef",
    "Span gt duration'P1DT2H'",
    "Price mul 1.5 gt 1e3",
    "flag eq true and other eq false",
    "Items/any(i: i/Qty gt 5 and i/Open)",
    "Items/all(i: not i/Closed)",
    "Items/any()",
    "round(a) eq floor(b) or ceiling(c) eq 1",
    "now() gt Created",
    "a gt b eq c",
    "geo.distance(a, b) lt 5",
]

COMPARE = {"Eq": "eq", "NotEq": "ne", "Lt": "lt", "LtE": "le", "Gt": "gt", "GtE": "ge", "In": "in"}
ARITHMETIC = {"Add": "add", "Sub": "sub", "Mult": "mul", "Div": "div", "Mod": "mod"}


def ours(tree: Expression | Segment) -> object:
    """Our tree as plain tuples; a chain of and/or as pairs from the left, as the other one has it."""
    match tree:
        case Literal(value, kind):
            return ("literal", float(value) if isinstance(value, float | Decimal) else value, kind == "null")
        case Logical(operator, operands):
            left = ours(operands[0])
            for operand in operands[1:]:
                left = (operator, left, ours(operand))
            return left
        case Binary(operator, left_tree, right):
            return (operator, ours(left_tree), ours(right))
        case Unary(operator, operand):
            return (operator, ours(operand))
        case ListExpression(items):
            return ("list", *map(ours, items))
        case Call(name, arguments):
            return ("call", name, *(ours(argument.value) for argument in arguments))
        case Path((*owner, Lambda(kind, variable, predicate))):
            inner = None if predicate is None else (variable, ours(predicate))
            return (kind, ours(Path(tuple(owner))), inner)
        case Path(segments):
            return ("path", *(segment.name for segment in segments if isinstance(segment, Name)))
        case It() | This():
            return ("path", "$it")
    raise AssertionError(tree)


def theirs(node: Any) -> object:
    """The other package's tree in the same form."""
    kind = type(node).__name__
    match node:
        case ast.Identifier():
            return ("path", *node.namespace, node.name)
        case ast.Attribute():
            owner = theirs(node.owner)
            assert isinstance(owner, tuple)
            return (*owner, node.attr)
        case ast.Compare():
            return (COMPARE[type(node.comparator).__name__], theirs(node.left), theirs(node.right))
        case ast.BinOp():
            return (ARITHMETIC[type(node.op).__name__], theirs(node.left), theirs(node.right))
        case ast.BoolOp():
            return (type(node.op).__name__.lower(), theirs(node.left), theirs(node.right))
        case ast.UnaryOp():
            return ("not" if type(node.op).__name__ == "Not" else "-", theirs(node.operand))
        case ast.List():
            return ("list", *map(theirs, node.val))
        case ast.Call():
            return ("call", ".".join([*node.func.namespace, node.func.name]), *map(theirs, node.args))
        case ast.CollectionLambda():
            inner = None
            if node.lambda_ is not None:
                inner = (node.lambda_.identifier.name, theirs(node.lambda_.expression))
            return (type(node.operator).__name__.lower(), theirs(node.owner), inner)
        case ast.Null():
            return ("literal", None, True)
    value: dict[str, Callable[[str], object]] = {
        "Integer": int,
        "Float": float,
        "Boolean": lambda text: text == "true",
        "String": str,
        "Date": datetime.date.fromisoformat,
        "Time": datetime.time.fromisoformat,
        "DateTime": datetime.datetime.fromisoformat,
        "GUID": uuid.UUID,
    }
    if kind == "Duration":
        return ("literal", node.py_val, False)
    return ("literal", value[kind](node.val), False)


@pytest.mark.parametrize("text", FILTERS)
def test_both_parsers_read_the_same(text: str) -> None:
    parsed = ODataParser().parse(ODataLexer().tokenize(text))
    assert parsed is not None
    assert ours(parse_expression(text)) == theirs(parsed)

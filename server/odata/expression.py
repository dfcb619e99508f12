"""Parses an OData expression: operators by precedence, operands, lists, JSON, cast, isof and case.

OData 4.01 URL Conventions 5.1.1 (5.1.1.17: precedence; `has` and `in` bind tightest). Names of operators and
functions are read in any case; a name is an operator only where one can stand, so columns may have such names.
Nesting is bounded (`Cursor.enter`), chains too, and the tree's height is checked at the end.
"""

from collections.abc import Iterator
from dataclasses import fields

from server.odata.errors import ODataSyntaxError
from server.odata.lexer import Cursor, Kind
from server.odata.syntax import (
    MAX_DEPTH,
    Binary,
    Case,
    Expression,
    ListExpression,
    Literal,
    Logical,
    ObjectExpression,
    Unary,
)

POWER = {"has": 70, "in": 70}
POWER |= dict.fromkeys(("mul", "div", "divby", "mod"), 50) | dict.fromkeys(("add", "sub"), 40)
POWER |= dict.fromkeys(("gt", "ge", "lt", "le"), 30) | dict.fromkeys(("eq", "ne"), 20) | {"and": 10, "or": 5}
_UNARY = 60
_KEYWORDS: dict[str, tuple[bool | float | None, str]] = {
    "null": (None, "null"),
    "true": (True, "Edm.Boolean"),
    "false": (False, "Edm.Boolean"),
    "INF": (float("inf"), "Edm.Double"),
    "NaN": (float("nan"), "Edm.Double"),
}


def parse_expression(text: str, option: str = "$filter") -> Expression:
    """Parses decoded text that is one expression and nothing else."""
    cursor = Cursor(text, option)
    tree = expression(cursor)
    cursor.expect_end()
    check_height(tree, option)
    return tree


def expression(cursor: Cursor, minimum: int = 0) -> Expression:
    """Parses from the cursor on, while operators bind at least as tightly as `minimum`."""
    cursor.enter(1)
    left = _operand(cursor)
    links = 0
    while (operator := _operator(cursor)) is not None and POWER[operator] >= minimum:
        position = cursor.token.position
        if operator in ("and", "or"):
            operands = [left]
            while _operator(cursor) == operator:
                cursor.advance()
                operands.append(expression(cursor, POWER[operator] + 1))
            left = Logical(operator, tuple(_flattened(operator, operands)), position)
            continue
        links += 1
        if links > MAX_DEPTH:
            raise cursor.error("Too many operators in one chain", "Group the terms with parentheses.")
        cursor.advance()
        if operator == "in" and cursor.at("("):
            right: Expression = _list(cursor, ")")
        else:
            right = expression(cursor, POWER[operator] + 1)
        left = Binary(operator, left, right, position)
    cursor.leave(1)
    return left


def json_value(cursor: Cursor) -> Expression:
    """Parses what may stand in a JSON array or object: a quoted string, or any expression."""
    if cursor.token.kind is Kind.JSON_STRING:
        literal = cursor.advance().literal
        assert literal is not None
        return literal
    return expression(cursor)


def case_branches(cursor: Cursor) -> Case:
    """Parses `case(condition:result,…)` from its name on."""
    position = cursor.advance().position
    cursor.expect("(", "case")
    cursor.enter(1)
    branches = []
    while True:
        condition = expression(cursor)
        cursor.expect(":", "a condition of case")
        branches.append((condition, expression(cursor)))
        if not cursor.accept(","):
            break
    cursor.leave(1)
    cursor.expect(")", "the last branch of case")
    return Case(tuple(branches), position)


def check_height(tree: object, option: str) -> None:
    """Raises when a tree is higher than MAX_DEPTH, so that whoever reads it may recurse."""
    stack = [(tree, 1)]
    while stack:
        node, height = stack.pop()
        if height > MAX_DEPTH:
            raise ODataSyntaxError(
                "The expression is nested too deeply.",
                option=option,
                position=getattr(node, "position", 0),
                hint=f"At most {MAX_DEPTH} levels are read.",
            )
        stack.extend((child, height + 1) for child in _children(node))


def _children(node: object) -> Iterator[object]:
    for field in fields(node):  # type: ignore[arg-type]  # only dataclasses are ever put on the stack
        pending = [getattr(node, field.name)]
        while pending:
            value = pending.pop()
            if isinstance(value, tuple):
                pending.extend(value)
            elif hasattr(value, "__dataclass_fields__"):
                yield value


def _operand(cursor: Cursor) -> Expression:
    token = cursor.token
    if token.kind is Kind.LITERAL and token.literal is not None:
        cursor.advance()
        return token.literal
    if token.kind is Kind.NAME:
        if token.text in _KEYWORDS and not _peeks(cursor, "/("):
            cursor.advance()
            value, type_name = _KEYWORDS[token.text]
            return Literal(value, type_name, token.position)
        if token.text.lower() == "not" and _is_operator_not(cursor):
            cursor.advance()
            return Unary("not", expression(cursor, _UNARY), token.position)
    if token.kind is Kind.JSON_STRING:
        raise cursor.error("A string stands in quotation marks", "Use single quotes: 'text'.")
    if cursor.accept("("):
        inner = expression(cursor)
        cursor.expect(")", "the expression in parentheses")
        return inner
    if cursor.accept("-"):
        return Unary("-", expression(cursor, _UNARY), token.position)
    if cursor.at("["):
        return _list(cursor, "]")
    if cursor.at("{"):
        return _object(cursor)
    # Paths hold expressions (keys, arguments, lambdas), so the two modules need each other.
    from server.odata.paths import path

    return path(cursor)


def _list(cursor: Cursor, closing: str) -> ListExpression:
    position = cursor.advance().position
    cursor.enter(1)
    items: list[Expression] = []
    if not cursor.at(closing):
        items.append(json_value(cursor))
        while cursor.accept(","):
            items.append(json_value(cursor))
    cursor.leave(1)
    cursor.expect(closing, "the last item of the list")
    return ListExpression(tuple(items), position)


def _object(cursor: Cursor) -> ObjectExpression:
    position = cursor.advance().position
    cursor.enter(1)
    members: list[tuple[str, Expression]] = []
    while not cursor.at("}"):
        if members:
            cursor.expect(",", "a member of the object")
        name = cursor.token.literal
        if cursor.token.kind is not Kind.JSON_STRING or name is None:
            raise cursor.error(f"Expected a name in quotation marks, found {cursor.found()}")
        cursor.advance()
        cursor.expect(":", "a name in the object")
        members.append((str(name.value), json_value(cursor)))
    cursor.leave(1)
    cursor.advance()
    return ObjectExpression(tuple(members), position)


def _operator(cursor: Cursor) -> str | None:
    if cursor.token.kind is not Kind.NAME:
        return None
    word = cursor.token.text.lower()
    return word if word in POWER else None


def _is_operator_not(cursor: Cursor) -> bool:
    """False where `not` can only be a column of that name: `not eq 5`, `x eq not`, `not/Street`."""
    after = cursor.peek()
    if after.kind is Kind.NAME:
        return after.text.lower() not in POWER and after.text.lower() not in ("asc", "desc", "as")
    return after.kind is not Kind.END and not (after.kind is Kind.PUNCTUATION and after.text in "),/;:]}=")


def _peeks(cursor: Cursor, characters: str) -> bool:
    after = cursor.peek()
    return after.kind is Kind.PUNCTUATION and after.text in characters


def _flattened(operator: str, operands: list[Expression]) -> Iterator[Expression]:
    """`(a or b) or c` says the same as `a or b or c`, and is less high."""
    for operand in operands:
        if isinstance(operand, Logical) and operand.operator == operator:
            yield from operand.operands
        else:
            yield operand

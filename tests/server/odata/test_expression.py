"""Operators, precedence, lists, JSON, case, and the bounds on nesting."""

import contextlib
import sys
import time

import pytest

from server.odata.errors import ODataSyntaxError
from server.odata.expression import parse_expression
from server.odata.syntax import (
    Binary,
    Call,
    Case,
    ListExpression,
    Literal,
    Logical,
    Name,
    ObjectExpression,
    Path,
    Unary,
)


def column(name: str) -> Path:
    return Path((Name(name),))


def number(value: int) -> Literal:
    return Literal(value, "Edm.Int32")


def text(value: str) -> Literal:
    return Literal(value, "Edm.String")


def test_and_binds_tighter_than_or_and_chains_are_flat() -> None:
    tree = parse_expression("a or b and c and d or e")
    both = Logical("and", (column("b"), column("c"), column("d")))
    assert tree == Logical("or", (column("a"), both, column("e")))


def test_parentheses_around_the_same_operator_make_no_new_level() -> None:
    assert parse_expression("((a or b) or (c or d))") == parse_expression("a or b or c or d")


def test_parentheses_change_precedence() -> None:
    tree = parse_expression("(a or b) and c")
    assert tree == Logical("and", (Logical("or", (column("a"), column("b"))), column("c")))


def test_comparison_binds_tighter_than_equality() -> None:
    inner = Binary("gt", column("a"), number(1))
    assert parse_expression("a gt 1 eq true") == Binary("eq", inner, Literal(True, "Edm.Boolean"))


def test_multiplication_binds_tighter_than_addition_and_both_go_left() -> None:
    tree = parse_expression("a sub b mul 2 sub c")
    product = Binary("mul", column("b"), number(2))
    assert tree == Binary("sub", Binary("sub", column("a"), product), column("c"))


def test_not_applies_to_in_but_not_to_and() -> None:
    tree = parse_expression("not Status in ('a','b') and x")
    member = Binary("in", column("Status"), ListExpression((text("a"), text("b"))))
    assert tree == Logical("and", (Unary("not", member), column("x")))


@pytest.mark.parametrize("source", ["not(Qty gt 5)", "not (Qty gt 5)", "NOT  ( Qty  GT  5 )"])
def test_not_needs_no_blank_before_a_parenthesis(source: str) -> None:
    assert parse_expression(source) == Unary("not", Binary("gt", column("Qty"), number(5)))


def test_minus_is_negation_before_a_name_and_a_sign_before_digits() -> None:
    assert parse_expression("-INFx") == Unary("-", column("INFx"))
    assert parse_expression("-Price lt -5") == Binary("lt", Unary("-", column("Price")), number(-5))


@pytest.mark.parametrize(
    "operator", ["eq", "ne", "gt", "ge", "lt", "le", "add", "sub", "mul", "div", "divby", "mod", "has"]
)
def test_operators_are_read_in_any_case(operator: str) -> None:
    for written in (operator, operator.upper(), operator.capitalize()):
        assert parse_expression(f"a {written} 5") == Binary(operator, column("a"), number(5))


@pytest.mark.parametrize(
    "name",
    "allocation anyone Allowance nullable trueup falsehood note inner order android eqx hash INFO NaNny"
    " divbyzero asc desc and or eq in has any all now year Ünit größe 数量 _id e5 abcdef01 not".split(),
)
def test_name_that_starts_like_a_word_of_the_language_is_a_column(name: str) -> None:
    assert parse_expression(name) == column(name)
    assert parse_expression(f"{name} eq 1") == Binary("eq", column(name), number(1))
    assert parse_expression(f"1 eq {name}") == Binary("eq", number(1), column(name))


def test_name_with_combining_marks_is_one_name() -> None:
    assert parse_expression("Qte\u0301 eq 1") == Binary("eq", column("Qte\u0301"), number(1))


@pytest.mark.parametrize("source", ["a in ('x')", "a in('x')", 'a in ["x"]', "a IN ( 'x' )"])
def test_in_takes_a_list_of_one(source: str) -> None:
    assert parse_expression(source) == Binary("in", column("a"), ListExpression((text("x"),)))


def test_in_takes_an_empty_list_a_column_and_rows() -> None:
    assert parse_expression("a in ()") == Binary("in", column("a"), ListExpression(()))
    assert parse_expression("a in b") == Binary("in", column("a"), column("b"))
    rows = ListExpression((ListExpression((number(1), number(2))),))
    assert parse_expression("[a,b] in [[1,2]]") == Binary("in", ListExpression((column("a"), column("b"))), rows)


def test_json_values_keep_order_and_unescape_strings() -> None:
    tree = parse_expression(r'{"b":[1,"x\u00e9\n\""],"a":{"@odata.type":null}}')
    assert tree == ObjectExpression(
        (
            ("b", ListExpression((number(1), text('xé\n"')))),
            ("a", ObjectExpression((("@odata.type", Literal(None, "null")),))),
        )
    )


def test_surrogate_pair_is_one_character_and_half_of_one_is_refused() -> None:
    assert parse_expression(r'["\ud83d\ude00"]') == ListExpression((text("😀"),))
    with pytest.raises(ODataSyntaxError):
        parse_expression(r'["\ud83d"]')


def test_case_has_pairs() -> None:
    tree = parse_expression("case(X gt 0:1,X lt 0:-1,true:0)")
    assert tree == Case(
        (
            (Binary("gt", column("X"), number(0)), number(1)),
            (Binary("lt", column("X"), number(0)), number(-1)),
            (Literal(True, "Edm.Boolean"), number(0)),
        )
    )


def test_positions_are_offsets_into_the_text() -> None:
    tree = parse_expression("  a  eq  foo(b)")
    assert isinstance(tree, Binary) and isinstance(tree.right, Call)
    assert (tree.left.position, tree.position, tree.right.position) == (2, 5, 9)


@pytest.mark.parametrize(
    "source",
    [
        "",
        " ",
        "a eq",
        "eq 5",
        "a eq eq 5 6",
        "(a",
        "a)",
        "()",
        "a b",
        "a eq 5 5",
        "a in (1,)",
        "a in (,1)",
        "a eq \"x\"",
        "a = 5",
        "a && b",
        "a and",
        "[1",
        "{1:2}",
        '{"a" 1}',
        "case()",
        "case(a)",
        "a eq'x'",
        "a !eq 5",
        "a\neq 5",
        "5eq 5",
        "a\x00",
        "x" * 129,
    ],
)  # fmt: skip
def test_broken_expression_is_a_syntax_error_inside_the_text(source: str) -> None:
    with pytest.raises(ODataSyntaxError) as caught:
        parse_expression(source)
    assert 0 <= caught.value.position <= len(source)


def test_two_hundred_parentheses_are_read() -> None:
    assert parse_expression("(" * 199 + "a" + ")" * 199) == column("a")


@pytest.mark.parametrize(
    ("opening", "middle", "closing"),
    [
        ("(", "a", ")"),
        ("not ", "a", ""),
        ("-", "a", ""),
        ("- ", "1", ""),
        ("[", "1", "]"),
        ('{"a":', "1", "}"),
        ("f(", "a", ")"),
        ("f(x=", "a", ")"),
        ("a/any(x:", "x", ")"),
        ("a/$filter(", "x", ")"),
        ("a/$count($filter=", "x", ")"),
        ("cast(", "x", ",T)"),
        ("case(true:", "x", ")"),
        ("a in (", "x", ")"),
        ("(a and ", "a", ")"),
        ("(b eq ", "a", ")"),
    ],
)
def test_nesting_of_ten_thousand_is_refused_cleanly_and_fast(opening: str, middle: str, closing: str) -> None:
    for depth in (60, 150, 10_000):
        start = time.perf_counter()
        try:
            parse_expression(opening * depth + middle + closing * depth)
        except ODataSyntaxError as error:
            assert "deep" in error.message and depth > 60
        else:
            assert depth < 10_000
        assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    "opening",
    ["(", "not ", "[", "f(", "f(x=", "a/f(", "a/any(x:", "a/$filter(", "a/$count($filter=", "cast(", "(a and not "],
)
def test_nesting_up_to_the_bound_leaves_a_server_room_on_the_stack(opening: str) -> None:
    frames, frame = 0, sys._getframe()
    while frame is not None:
        frames, frame = frames + 1, frame.f_back  # type: ignore[assignment]  # the outermost has none
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(frames + 600)
    try:
        with pytest.raises(ODataSyntaxError, match="deep"):
            parse_expression(opening * 10_000)
    finally:
        sys.setrecursionlimit(limit)


def test_chains_are_wide_where_they_are_flat_and_bounded_where_they_are_deep() -> None:
    tree = parse_expression(" or ".join(f"a eq {number}" for number in range(5000)))
    assert isinstance(tree, Logical) and len(tree.operands) == 5000
    with pytest.raises(ODataSyntaxError, match="chain"):
        parse_expression(" add ".join(["a"] * 1000))
    block = "a"
    for _ in range(5):
        block = f"({block}{' add a' * 90})"
    with pytest.raises(ODataSyntaxError, match="deep"):
        parse_expression(block)


def test_long_texts_take_linear_time() -> None:
    def seconds(source: str) -> float:
        start = time.perf_counter()
        with contextlib.suppress(ODataSyntaxError):
            parse_expression(source)
        return time.perf_counter() - start

    for unit in ("9", "'", "''", "a", "a.", "-", "é", "\\", '"', "2024-", "a/", "1,", "$a", "[", "12:", "e+"):
        assert seconds(unit * (300_000 // len(unit))) < 2
    assert seconds("a in (" + ",".join(map(str, range(20_000))) + ")") < 4


@pytest.mark.parametrize(
    ("source", "hint"),
    [("a = 5", "eq"), ("a >= 5", "ge"), ("(a != 5)", "ne"), ("a like 'x'", "contains"), ("(a is null)", "eq null")],
)
def test_sql_in_a_filter_gets_a_hint_about_what_odata_writes(source: str, hint: str) -> None:
    with pytest.raises(ODataSyntaxError) as caught:
        parse_expression(source)
    assert hint in caught.value.hint

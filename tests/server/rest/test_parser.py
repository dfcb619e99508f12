"""Query strings as typed requests."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rest.errors import RestCombinationError, RestRequestError, RestSyntaxError, RestUnknownNameError
from server.rest.parser import MAX_BYTES, OPTIONS, column_parameter, column_reference, parse_request
from server.rest.request import Comparison, Group, OrderItem, SelectItem


def conditions(text: str) -> tuple[Any, ...]:
    return parse_request(text.encode()).conditions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("total=gte.100", Comparison("total", "gte", ("100",), parameter="total")),
        ("name=eq.a.b,c(d)%22", Comparison("name", "eq", ('a.b,c(d)"',), parameter="name")),
        ("name=eq.", Comparison("name", "eq", ("",), parameter="name")),
        ("name=not.like.A*", Comparison("name", "like", ("A*",), True, "name")),
        ("name=eq.not.eq.x", Comparison("name", "eq", ("not.eq.x",), parameter="name")),
        ("s=in.(a,%22b,c%22,,null)", Comparison("s", "in", ("a", "b,c", "", "null"), parameter="s")),
        ("s=in.()", Comparison("s", "in", (), parameter="s")),
        (r"s=in.(%22a\%22\\%22)", Comparison("s", "in", ('a"\\',), parameter="s")),
        ("late=is.NOT_NULL", Comparison("late", "is", ("not_null",), parameter="late")),
        ("net+weight+%5Bkg%5D=gt.1", Comparison("net weight [kg]", "gt", ("1",), parameter="net weight [kg]")),
        ("%22order%22=eq.5", Comparison("order", "eq", ("5",), parameter='"order"')),
        ("a.b=eq.5", Comparison("a.b", "eq", ("5",), parameter="a.b")),
        ('2nd+"name"=eq.5', Comparison('2nd "name"', "eq", ("5",), parameter='2nd "name"')),
        ("Gr%C3%B6%C3%9Fe=eq.5", Comparison("Größe", "eq", ("5",), parameter="Größe")),
        ("x=eq.a%26b%3Dc%2Bd", Comparison("x", "eq", ("a&b=c+d",), parameter="x")),
    ],
)
def test_a_parameter_is_one_comparison(text: str, expected: Comparison) -> None:
    assert conditions(text) == (expected,)


def test_several_parameters_on_one_column_all_hold() -> None:
    assert [c.operator for c in conditions("a=gt.1&a=lt.9")] == ["gt", "lt"]


def test_groups_nest_and_quote() -> None:
    def one(column: str, operator: str, *values: str, negated: bool = False) -> Comparison:
        return Comparison(column, operator, values, negated, "or")

    text = 'or=(a.gt.5,not.and(b.is.null,"x.y".not.eq."1,2"),c.in.(1,"2)"),and.eq.7,t.lt.10:00:00)'
    assert conditions(text.replace('"', "%22")) == (
        Group(
            "or",
            (
                one("a", "gt", "5"),
                Group("and", (one("b", "is", "null"), one("x.y", "eq", "1,2", negated=True)), True),
                one("c", "in", "1", "2)"),
                one("and", "eq", "7"),
                one("t", "lt", "10:00:00"),
            ),
        ),
    )
    assert conditions("not.or=(a.eq.1)")[0].negated


def test_select_takes_columns_and_other_names() -> None:
    parsed = parse_request(b'select=id,sum:total,"a,b","x y":"c:d"')
    assert parsed.select == (
        SelectItem("id"),
        SelectItem("total", "sum"),
        SelectItem("a,b"),
        SelectItem("c:d", "x y"),
    )
    assert parse_request(b"select=*").select is None
    assert parse_request(b"select=").select is None


def test_order_takes_direction_and_place_of_nulls() -> None:
    parsed = parse_request(b'order=a.desc.nullslast,b,c.nullsfirst,"d.desc".asc')
    assert parsed.order == (
        OrderItem("a", True, False),
        OrderItem("b"),
        OrderItem("c", False, True),
        OrderItem("d.desc"),
    )


def test_the_other_options_are_read() -> None:
    parsed = parse_request(b"limit=50&offset=10&format=csv&api_key=secret")
    assert (parsed.limit, parsed.offset, parsed.format, parsed.conditions) == (50, 10, "csv", ())
    assert "secret" not in repr(parsed)
    assert parse_request(b"after=W10").after == "W10"


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("total=100", RestSyntaxError, "operator.value"),
        ("total=", RestSyntaxError, "total"),
        ("total=Eq.1", RestSyntaxError, "total"),
        ("total=gte", RestSyntaxError, "operator.value"),
        ("total=gre.100", RestUnknownNameError, "gre"),
        ("total=cs.{1}", RestUnknownNameError, "cs"),
        ("a=in.(1", RestSyntaxError, "position 5"),
        ("a=in.1", RestSyntaxError, "'('"),
        ("a=in.(1)x", RestSyntaxError, "position 6"),
        ("a=in.(f(x))", RestSyntaxError, "double quotes"),
        ("a=in.(%221)", RestSyntaxError, "closing quote"),
        ("a=is.maybe", RestSyntaxError, "not_null"),
        ("and=(a.eq.1", RestSyntaxError, "and"),
        ("and=(a.eq.1))", RestSyntaxError, "and"),
        ("and=()", RestSyntaxError, "name"),
        ("and=a.eq.1", RestSyntaxError, "'('"),
        ("or=(a)", RestSyntaxError, "'.'"),
        ("or=(a.xx.1)", RestUnknownNameError, "xx"),
        ("limit=-1", RestSyntaxError, "limit"),
        ("limit=1e3", RestSyntaxError, "limit"),
        ("limit=" + "9" * 20, RestSyntaxError, "limit"),
        ("offset=x", RestSyntaxError, "offset"),
        ("limit=1&limit=2", RestSyntaxError, "twice"),
        ("after=x&offset=1", RestCombinationError, "offset"),
        ("select=a,,b", RestSyntaxError, "select"),
        ("select=a:", RestSyntaxError, "select"),
        ("order=a.down", RestSyntaxError, ".desc"),
        ("order=%22a%22desc", RestSyntaxError, "order"),
        ("order=", RestSyntaxError, "order"),
        ("=eq.1", RestSyntaxError, "name"),
        ("%22a%22b=eq.1", RestSyntaxError, "closing quote"),
        ("%ff=eq.1", RestSyntaxError, "UTF-8"),
        ("&".join(["a=eq.1"] * 1001), RestSyntaxError, "1,001"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_says_where(text: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as raised:
        parse_request(text.encode())
    assert words in str(raised.value)


def test_an_unknown_operator_gets_a_suggestion() -> None:
    with pytest.raises(RestUnknownNameError) as raised:
        parse_request(b"total=ltee.100")
    assert raised.value.hint in ("did you mean 'lte'?", "did you mean 'lt'?")


def test_deep_and_long_texts_are_refused_quickly() -> None:
    with pytest.raises(RestSyntaxError, match="nested"):
        parse_request(b"and=" + b"(and" * 10_000)
    with pytest.raises(RestSyntaxError, match="bytes"):
        parse_request(b"a=eq." + b"x" * MAX_BYTES)


def test_an_error_never_repeats_a_value() -> None:
    for text in (b"a=in.(secret(1))", b"a=is.secret", b"limit=secret", b"or=(a.eq.secret", b"a=SECRET"):
        with pytest.raises(RestRequestError) as raised:
            parse_request(text)
        assert "secret" not in (str(raised.value) + raised.value.hint).lower()


NAMES = st.one_of(st.sampled_from(OPTIONS), st.text(min_size=1, max_size=12)).filter(
    lambda name: name.encode("utf-8", "ignore").decode() == name
)


@given(NAMES, st.text(max_size=20).filter(lambda v: v.encode("utf-8", "ignore").decode() == v))
def test_any_column_can_be_named_as_a_parameter(name: str, value: str) -> None:
    text = f"{quote(column_parameter(name), safe='')}=eq.{quote(value, safe='')}"
    (found,) = conditions(text)
    assert (found.column, found.values) == (name, (value,))


@given(NAMES, st.sampled_from(["and", "or"]))
def test_any_column_can_be_named_inside_a_group_an_order_and_a_select(name: str, operator: str) -> None:
    written = column_reference(name)
    (group,) = conditions(f"{operator}=" + quote(f"({written}.not.eq.1,{written}.is.null)", safe=""))
    assert [term.column for term in group.terms] == [name, name]
    assert parse_request(f"order={quote(written + '.desc,' + written, safe='')}".encode()).order == (
        OrderItem(name, True),
        OrderItem(name),
    )
    assert parse_request(f"select={quote(written + ':' + written, safe='')}".encode()).select == (
        SelectItem(name, name),
    )


@given(st.binary(max_size=60) | st.text('abo=().,"\\&nti%2 rd', max_size=60).map(str.encode))
def test_any_bytes_are_a_request_or_a_clear_error(query_string: bytes) -> None:
    try:
        parse_request(query_string)
    except RestRequestError as error:
        assert error.message

"""Properties: any text is read or refused cleanly, and a printed tree reads back as itself."""

import contextlib
import datetime
import time
import urllib.parse
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from server.odata.errors import ODataSyntaxError
from server.odata.expression import parse_expression
from server.odata.request_syntax import QueryOptions
from server.odata.search import parse_search
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
    Lambda,
    ListExpression,
    Literal,
    Logical,
    Name,
    ObjectExpression,
    Path,
    Root,
    This,
    Unary,
)
from server.odata.url import parse_path, parse_query, parse_url
from tests.server.odata.printer import print_expression

PIECES = st.sampled_from(
    (
        "a b/c and or not eq in has add any( all( x: ( ) [ ] { } , ; : / * = @ @p # - . $it $root/ $count $filter("
        " ' '' '' \" \\ %27 %2 %C3 + & 1 -1 1.5 1e5 2024-01-01 T10:00 Z +01:00 10:20 null true INF duration' binary'"
        " cast( isof( case( $filter= $top= $select= $expand= $orderby= $search= $compute= as asc OR NOT é \u0301 \x00"
        " 0 01234567-89ab-cdef-0123-456789abcdef"
    ).split(" ")
)
TEXTS = (
    st.text(max_size=60) | st.lists(PIECES, max_size=30).map("".join) | st.lists(PIECES, max_size=30).map(" ".join)
)


@settings(max_examples=1500, deadline=None)
@given(TEXTS)
def test_any_text_is_read_or_is_a_syntax_error(text: str) -> None:
    start = time.perf_counter()
    for read in (
        parse_expression,
        parse_search,
        parse_query,
        parse_path,
        lambda text: parse_url("x", "$expand=a(" + text),
    ):
        try:
            read(text)
        except ODataSyntaxError as error:
            assert str(error) and error.position >= 0
    assert time.perf_counter() - start < 2


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_read_or_are_a_syntax_error(path: bytes, query: bytes) -> None:
    with contextlib.suppress(ODataSyntaxError):
        parse_url(path, query)


NAMES = st.from_regex(r"\A[A-Za-z_é][A-Za-z0-9_ü]{0,6}\Z").map(Name)
PLAIN = NAMES.filter(
    lambda name: name.name.lower() not in ("null", "true", "false", "inf", "nan", "not", "cast", "isof", "case")
)
COLUMNS = PLAIN.map(lambda name: Path((name,)))
LITERALS = (
    st.just(Literal(None, "null"))
    | st.booleans().map(lambda value: Literal(value, "Edm.Boolean"))
    | st.integers(-(2**31), 2**31 - 1).map(lambda value: Literal(value, "Edm.Int32"))
    | st.integers(2**31, 2**63 - 1).map(lambda value: Literal(value, "Edm.Int64"))
    | st.decimals("-1e9", "1e9", places=3).map(lambda value: Literal(Decimal(value), "Edm.Decimal"))
    | st.floats(allow_nan=False).map(lambda value: Literal(value, "Edm.Double"))
    | st.text(max_size=8).map(lambda value: Literal(value, "Edm.String"))
    | st.binary(max_size=5).map(lambda value: Literal(value, "Edm.Binary"))
    | st.uuids().map(lambda value: Literal(value, "Edm.Guid"))
    | st.dates().map(lambda value: Literal(value, "Edm.Date"))
    | st.times().map(lambda value: Literal(value, "Edm.TimeOfDay"))
    | st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1), timezones=st.just(datetime.UTC)).map(
        lambda value: Literal(value, "Edm.DateTimeOffset")
    )
    | st.timedeltas(datetime.timedelta(days=-9999), datetime.timedelta(days=9999)).map(
        lambda value: Literal(value, "Edm.Duration")
    )
)
TYPES = st.sampled_from(["Edm.String", "Model.Order", "Collection(Edm.Int32)"])
UNARY_WORDS = ("not", "-")


def is_logical(tree: Expression, operator: str) -> bool:
    return isinstance(tree, Logical) and tree.operator == operator


def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    names = PLAIN.map(lambda name: "F" + name.name)
    positional = st.lists(inner.map(Argument), max_size=3)
    named = st.lists(st.builds(Argument, inner, PLAIN.map(lambda name: name.name)), min_size=1, max_size=2)
    calls = st.builds(Call, names, (positional | named).map(tuple))
    heads = NAMES.map(lambda name: (name,)) | st.sampled_from(
        [(It(),), (This(),), (Alias("p"),), (Root(), Name("Set")), (Annotation("N.T", "q"),)]
    )
    last = (
        st.builds(Lambda, st.sampled_from(["any", "all"]), st.just("v"), inner)
        | st.just(Lambda("any"))
        | st.just(Count())
        | st.builds(FilterSegment, inner)
        | calls
        | NAMES
    )
    operators = st.sampled_from(
        ["eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "div", "divby", "mod", "has", "in"]
    )
    logical = st.sampled_from(["and", "or"]).flatmap(
        lambda operator: st.builds(
            Logical,
            st.just(operator),
            st.lists(inner.filter(lambda tree: not is_logical(tree, operator)), min_size=2, max_size=4).map(tuple),
        )
    )
    # A right side of `in` that starts with a parenthesis reads as a list, which is another tree.
    binary = st.builds(Binary, operators, inner, inner).filter(
        lambda tree: tree.operator != "in" or not isinstance(tree.right, Logical | Binary | Unary)
    )
    lists = st.lists(inner, max_size=3).map(tuple)
    return (
        binary
        | logical
        | st.builds(Unary, st.sampled_from(UNARY_WORDS), inner)
        | st.builds(ListExpression, lists)
        | st.builds(ObjectExpression, st.lists(st.tuples(st.sampled_from(["a", "@b"]), inner), max_size=2).map(tuple))
        | calls
        | st.builds(lambda head, tail: Path((*head, tail)), heads, last)
        | st.builds(Cast, TYPES, inner)
        | st.builds(IsOf, TYPES, st.none() | inner)
        | st.builds(Case, st.lists(st.tuples(inner, inner), min_size=1, max_size=2).map(tuple))
    )


TREES = st.recursive(LITERALS | COLUMNS | st.sampled_from([It(), This(), Alias("p")]), larger, max_leaves=12)


@settings(max_examples=600, deadline=None)
@given(TREES)
def test_printed_tree_reads_back_as_itself(tree: Expression) -> None:
    assert parse_expression(print_expression(tree)) == tree


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_printed_tree_survives_a_url(tree: Expression) -> None:
    text = print_expression(tree)
    for quoted in (urllib.parse.quote(text), urllib.parse.quote_plus(text)):
        assert parse_query("$filter=" + quoted) == QueryOptions(filter=tree)

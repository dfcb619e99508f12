"""Paths, calls, lambdas, keys, aliases, annotations, cast and isof."""

import pytest

from server.odata.errors import ODataSyntaxError
from server.odata.expression import parse_expression
from server.odata.syntax import (
    Alias,
    Annotation,
    Argument,
    Binary,
    Call,
    Cast,
    Count,
    FilterSegment,
    IsOf,
    It,
    KeyPredicate,
    KeySegment,
    Lambda,
    Literal,
    Name,
    Path,
    Root,
    This,
)

ONE = Literal(1, "Edm.Int32")


def test_path_keeps_names_as_written() -> None:
    assert parse_expression("Supplier/Model.Firm/city") == Path((Name("Supplier"), Name("Model.Firm"), Name("city")))


def test_it_this_root_and_alias() -> None:
    assert parse_expression("$it") == It()
    assert parse_expression("$this/Name") == Path((This(), Name("Name")))
    assert parse_expression("$root/Orders(1)/Total") == Path(
        (Root(), Call("Orders", (Argument(ONE),)), Name("Total"))
    )
    assert parse_expression("@p") == Alias("p")
    assert parse_expression("@p/Street") == Path((Alias("p"), Name("Street")))


def test_annotation_has_namespace_or_qualifier() -> None:
    assert parse_expression("Price/@Measures.Currency") == Path((Name("Price"), Annotation("Measures.Currency")))
    assert parse_expression("@UI.Name#short") == Path((Annotation("UI.Name", "short"),))
    assert parse_expression("Price/@Currency") == Path((Name("Price"), Annotation("Currency")))


def test_lambda_has_variable_and_predicate() -> None:
    tree = parse_expression("Items/ANY(i:i/Qty gt 1)")
    predicate = Binary("gt", Path((Name("i"), Name("Qty"))), ONE)
    assert tree == Path((Name("Items"), Lambda("any", "i", predicate)))
    assert parse_expression("Items/any()") == Path((Name("Items"), Lambda("any")))


def test_columns_named_any_and_all_are_no_lambdas() -> None:
    assert parse_expression("a/any eq all") == Binary("eq", Path((Name("a"), Name("any"))), Path((Name("all"),)))


def test_count_and_filter_segments() -> None:
    assert parse_expression("Items/$count gt 1") == Binary("gt", Path((Name("Items"), Count())), ONE)
    assert parse_expression("Items/$filter(a)/$count") == Path(
        (Name("Items"), FilterSegment(Path((Name("a"),))), Count())
    )
    tree = parse_expression("Items/$count($filter=a;$search=b c)")
    assert isinstance(tree, Path) and isinstance(tree.segments[-1], Count)
    options = tree.segments[-1].options
    assert options is not None and options.filter == Path((Name("a"),)) and options.search is not None


def test_call_takes_arguments_by_place_or_by_name() -> None:
    assert parse_expression("concat( a , 'x' )") == Call(
        "concat", (Argument(Path((Name("a"),))), Argument(Literal("x", "Edm.String")))
    )
    assert parse_expression("Model.F(x=1,y=@p)") == Call("Model.F", (Argument(ONE, "x"), Argument(Alias("p"), "y")))
    assert parse_expression("now()") == Call("now")


def test_function_then_key_then_path() -> None:
    assert parse_expression("F(x=1)(1)/Name") == Path(
        (Call("F", (Argument(ONE, "x"),)), KeyPredicate((Argument(ONE),)), Name("Name"))
    )
    assert parse_expression("$root/Staff/17/Name") == Path((Root(), Name("Staff"), KeySegment("17"), Name("Name")))


def test_cast_and_isof_name_a_type() -> None:
    price = Path((Name("Price"),))
    assert parse_expression("cast(Price,Edm.String)") == Cast("Edm.String", price)
    assert parse_expression("CAST( Price , Collection(Edm.Int32) )") == Cast("Collection(Edm.Int32)", price)
    assert parse_expression("isof(Model.Big)") == IsOf("Model.Big")
    assert parse_expression("isof(Collection(Model.Big))") == IsOf("Collection(Model.Big)")
    assert parse_expression("cast(Model.Big)/Size") == Path((Cast("Model.Big"), Name("Size")))


def test_canonical_function_keeps_its_spelling_but_not_another_number_of_arguments() -> None:
    assert parse_expression("ToLower(a)") == Call("ToLower", (Argument(Path((Name("a"),))),))
    with pytest.raises(ODataSyntaxError, match="takes 2 arguments, not 1"):
        parse_expression("Contains(a)")
    with pytest.raises(ODataSyntaxError, match="2 or 3"):
        parse_expression("substring(a)")


@pytest.mark.parametrize(
    "source",
    ["a/", "/a", "a//b", "a/any(x)", "a/all()", "a/any(1:true)", "$root", "$foo", "a/$value", "a/$it", "@", "@ p",
     "f(", "f(a", "f(a,)", "f(a,x=1)", "a/any()/b", "cast(a,5)", "cast(a)b", "isof()", "a/any(x:)", "1/a", "a (1)(",
     "cast(a,Collection(Edm.String)", "a/$count($top=1)", "a/$count()", "f(a b)", "$count"],
)  # fmt: skip
def test_broken_path_is_a_syntax_error(source: str) -> None:
    with pytest.raises(ODataSyntaxError):
        parse_expression(source)

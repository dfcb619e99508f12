"""Query options: names, values, items of $select, $expand, $orderby and $compute, nesting."""

import pytest

from server.odata.errors import ODataSyntaxError
from server.odata.expression import parse_expression
from server.odata.options import read_options
from server.odata.request_syntax import (
    ComputeItem,
    ExpandItem,
    OrderItem,
    QueryOptions,
    SearchLogical,
    SearchTerm,
    SelectItem,
)
from server.odata.syntax import Alias, Annotation, Count, Dollar, Name, Path, Star


def read(**options: str) -> QueryOptions:
    return read_options([("$" + name, value) for name, value in options.items()])


def test_names_are_read_with_or_without_dollar_in_any_case() -> None:
    for name in ("$filter", "filter", "$FILTER", "Filter"):
        assert read_options([(name, "a eq 1")]).filter == parse_expression("a eq 1")


def test_plain_options_become_numbers_and_booleans() -> None:
    options = read(top="20", skip="0", count="TRUE", index="-3", format="application/json;odata.metadata=full")
    assert (options.top, options.skip, options.count, options.index) == (20, 0, True, -3)
    assert options.format == "application/json;odata.metadata=full"
    assert read(skiptoken="a'b(", apply="groupby((x))").apply == "groupby((x))"


@pytest.mark.parametrize(
    ("name", "value"),
    [("top", "-1"), ("top", "1.5"), ("top", ""), ("top", "9" * 20), ("skip", "x"), ("top", "١"), ("count", "1"),
     ("count", "yes"), ("format", " "), ("filter", ""), ("select", ""), ("orderby", "a,"), ("select", ",a"),
     ("orderby", "a asc desc"), ("orderby", "a up"), ("compute", "a mul 2"), ("compute", "a as b.c"),
     ("select", "a b"), ("select", "a($top=1"), ("select", "a/$ref"), ("select", "*($top=1)"), ("levels", "2"),
     ("expand", "a($levels=04)"), ("expand", "a($levels=0)"), ("expand", "a($bar=1)"), ("expand", "a($format=json)"),
     ("expand", "a()"), ("expand", "a($top=1;)"), ("expand", "a($top=1;$top=2)"), ("expand", "a/$ref($select=b)"),
     ("expand", "a/$count($top=1)"), ("expand", "*($top=1)"), ("expand", "$ref"), ("expand", "a($search=gr(een)"),
     ("expand", "$value($top=1)"), ("filtr", "a"), ("expand", "a(@1=2)"), ("expand", "a(@a=1;@a=2)")],
)  # fmt: skip
def test_broken_option_is_a_syntax_error_that_names_it(name: str, value: str) -> None:
    with pytest.raises(ODataSyntaxError) as caught:
        read(**{name: value})
    assert caught.value.option == "$" + name
    assert 0 <= caught.value.position <= len(value)


def test_unknown_option_with_dollar_suggests_the_known_one() -> None:
    with pytest.raises(ODataSyntaxError, match=r"\$filter"):
        read(filtre="a")


def test_option_given_twice_is_refused_in_any_spelling() -> None:
    with pytest.raises(ODataSyntaxError, match="twice"):
        read_options([("$top", "1"), ("TOP", "2")])


def test_custom_options_are_kept_and_hidden_from_repr() -> None:
    options = read_options([("api_key", "geheim"), ("x", "")])
    assert options.custom == (("api_key", "geheim"), ("x", ""))
    assert "geheim" not in repr(options)


def test_alias_has_an_expression() -> None:
    options = read_options([("$filter", "a eq @p"), ("@p", "[1,2]"), ("@q", "@p")])
    assert options.aliases == (("p", parse_expression("[1,2]")), ("q", Alias("p")))
    for pairs in ([("@p", "1"), ("@p", "2")], [("@", "1")], [("@1", "1")], [("@a.b", "1")], [("@p", "")]):
        with pytest.raises(ODataSyntaxError):
            read_options(pairs)


def test_orderby_has_a_direction_for_each_item() -> None:
    items = read(orderby="a, year(b) DESC,c asc,desc desc").orderby
    assert [item.descending for item in items] == [False, True, False, True]
    assert items[3] == OrderItem(Path((Name("desc"),)), True)
    assert items[1].position == 3


def test_compute_names_an_expression() -> None:
    items = read(compute="a mul b as total,day(c) AS weekday").compute
    assert items[0] == ComputeItem(parse_expression("a mul b"), "total")
    assert items[1].name == "weekday"


def test_select_has_paths_stars_and_functions() -> None:
    items = read(select="*,a/b,Model.*,@UI.Name,Model.F(x,y), any ,null").select
    assert [item.path for item in items] == [
        (Star(),),
        (Name("a"), Name("b")),
        (Star("Model"),),
        (Annotation("UI.Name"),),
        (Name("Model.F"),),
        (Name("any"),),
        (Name("null"),),
    ]
    assert items[4].parameters == ("x", "y")


def test_select_item_has_nested_options() -> None:
    item = read(select="Addresses($filter=a;$top=5;count=true;@c=15;$select=b,c)").select[0]
    assert item.options is not None
    assert (item.options.top, item.options.count) == (5, True)
    assert item.options.select == (SelectItem((Name("b"),)), SelectItem((Name("c"),)))
    assert item.options.aliases == (("c", parse_expression("15")),)


def test_expand_has_paths_refs_counts_and_levels() -> None:
    items = read(expand="a,b/$ref,c/$count,*,*/$ref,*($levels=max),d/e,$value,f(levels=2)").expand
    assert [item.path for item in items] == [
        (Name("a"),),
        (Name("b"), Dollar("$ref")),
        (Name("c"), Count()),
        (Star(),),
        (Star(), Dollar("$ref")),
        (Star(),),
        (Name("d"), Name("e")),
        (Dollar("$value"),),
        (Name("f"),),
    ]
    assert [item.options.levels for item in items if item.options] == [-1, 2]


def test_expand_nests_to_any_sensible_depth() -> None:
    (item,) = read(expand="a($expand=b($expand=c($filter=x eq ');';$top=1);$orderby=y desc);$skip=2)").expand
    assert item.options is not None and item.options.skip == 2
    (inner,) = item.options.expand
    assert inner.options is not None and inner.options.orderby[0].descending
    assert inner.options.expand == (
        ExpandItem((Name("c"),), QueryOptions(filter=parse_expression("x eq ');'"), top=1)),
    )


@pytest.mark.parametrize("unit", ["a($expand=", "a($filter=b/$count($filter=", "a($select=", "a(@x="])
def test_expand_nested_ten_thousand_deep_is_refused_cleanly(unit: str) -> None:
    for depth in (30, 120, 10_000):
        try:
            read(expand=unit * depth + "a" + "))" * depth)
        except ODataSyntaxError:
            continue


def test_nested_search_may_have_what_no_expression_may() -> None:
    (item,) = read(expand='a($search=brand-new #1! OR (x ";)");$top=1)').expand
    assert item.options is not None and item.options.top == 1
    assert isinstance(item.options.search, SearchLogical)
    assert item.options.search.operands[1] == SearchLogical("and", (SearchTerm("x"), SearchTerm(";)", True)))

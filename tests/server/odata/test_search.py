"""$search: words, phrases, AND, OR, NOT, and where those three are just words."""

import pytest

from server.odata.errors import ODataSyntaxError
from server.odata.request_syntax import Search, SearchLogical, SearchNot, SearchTerm, SearchText
from server.odata.search import parse_search
from server.odata.syntax import MAX_DEPTH


def words(*texts: str) -> tuple[Search, ...]:
    return tuple(SearchTerm(text) for text in texts)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("blue", SearchTerm("blue")),
        ('"dark blue"', SearchTerm("dark blue", phrase=True)),
        ("blue green", SearchLogical("and", words("blue", "green"))),
        ("blue AND green", SearchLogical("and", words("blue", "green"))),
        ("a OR b c", SearchLogical("or", (SearchTerm("a"), SearchLogical("and", words("b", "c"))))),
        ("(a OR b) c", SearchLogical("and", (SearchLogical("or", words("a", "b")), SearchTerm("c")))),
        ("NOT a b", SearchLogical("and", (SearchNot(SearchTerm("a")), SearchTerm("b")))),
        ("NOT NOT", SearchNot(SearchTerm("NOT"))),
        ("AND OR", SearchLogical("and", words("AND", "OR"))),
        ("AND OR NOT", SearchLogical("or", words("AND", "NOT"))),
        ("and or not", SearchLogical("and", words("and", "or", "not"))),
        ("brand-new Daniel's #1 9,81", SearchLogical("and", words("brand-new", "Daniel's", "#1", "9,81"))),
        ("'dark ''blue'", SearchText("dark 'blue")),
        ("'\"bl'", SearchText('"bl')),
    ],
)
def test_search_is_read_as(text: str, tree: Search) -> None:
    assert parse_search(text) == tree


@pytest.mark.parametrize(
    "text", ["", " ", '"blue', '""', "(a", "a)", "()", "gr(een)", "(a)b", '"a""b"', "a;b", "'a", "'a' b"]
)
def test_broken_search_is_a_syntax_error(text: str) -> None:
    with pytest.raises(ODataSyntaxError):
        parse_search(text)


@pytest.mark.parametrize("unit", ["(", "NOT ", "(a ", "((a) "])
def test_deep_search_is_refused_cleanly(unit: str) -> None:
    with pytest.raises(ODataSyntaxError):
        parse_search(unit * 10_000 + "a" + ")" * 10_000)
    assert parse_search("(" * (MAX_DEPTH // 2) + "a" + ")" * (MAX_DEPTH // 2)) == SearchTerm("a")

"""The mapping of SQL names to OData identifiers and back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.odata.lexer import name_end
from server.odata.names import MAX_IDENTIFIER, decode_name, encode_name

AWKWARD = st.text(
    st.sampled_from(
        ["_", "x", "0", "4", "A", "f", "h", "a", "s", " ", '"', "'", ".", "é", "\u0301", "Ⅷ", "𝔘", "9", "-"]
    ),
    min_size=1,
    max_size=30,
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
SIMPLE_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("order_id", "order_id"),
        ("allocation", "allocation"),
        ("Ünit", "Ünit"),
        ("Größe", "Größe"),
        ("数量", "数量"),
        ("net weight", "net_x0020_weight"),
        ("2nd shift", "_x0032_nd_x0020_shift"),
        ('a "b"', "a_x0020__x0022_b_x0022_"),
        ("it's", "it_x0027_s"),
        ("plant.line", "plant_x002E_line"),
        ("Umsatz €", "Umsatz_x0020__x20AC_"),
        ("_x0020_", "_x005F_x0020_"),
        ("_xhash_", "_x005F_xhash_"),
        ("a_x1", "a_x1"),
        ("zero\u200bwidth", "zero_x200B_width"),
        ("𝔘", "_x0001D518_"),
    ],
)
def test_a_name_becomes_this_identifier_and_comes_back(name: str, identifier: str) -> None:
    assert encode_name(name) == identifier
    assert decode_name(identifier) == name


@given(st.one_of(AWKWARD, NAMES), st.booleans())
def test_every_identifier_is_legal_and_short_enough(name: str, ascii_only: bool) -> None:
    identifier = encode_name(name, ascii_only=ascii_only)
    assert len(identifier) <= MAX_IDENTIFIER
    assert name_end(identifier, 0) == len(identifier), "our own URL parser reads it as one name"
    assert not ascii_only or identifier.isascii()


@given(st.one_of(AWKWARD, NAMES), st.booleans())
def test_an_identifier_that_was_not_cut_leads_back_to_its_name(name: str, ascii_only: bool) -> None:
    identifier = encode_name(name, ascii_only=ascii_only)
    if sum(1 if c.isascii() and c.isalnum() else 10 for c in name) <= MAX_IDENTIFIER:
        assert decode_name(identifier) == name


@given(AWKWARD, AWKWARD)
def test_two_names_never_share_an_identifier(one: str, other: str) -> None:
    assert (encode_name(one) == encode_name(other)) == (one == other)


@given(st.text(st.sampled_from("_x0041Fhas Z"), min_size=1, max_size=40))
def test_an_identifier_decodes_to_one_name_or_to_none(identifier: str) -> None:
    try:
        name = decode_name(identifier)
    except ValueError:
        return
    assert encode_name(name) == identifier


@given(st.text(st.sampled_from(" _xé"), min_size=129, max_size=400))
def test_a_long_identifier_is_cut_between_escapes_and_says_so(name: str) -> None:
    identifier = encode_name(name)
    if len(identifier) == len(name):
        return
    assert len(identifier) <= MAX_IDENTIFIER
    assert re.search(r"_xhash_[0-9a-f]{16}$", identifier)
    with pytest.raises(ValueError):
        decode_name(identifier)


def test_long_names_with_a_common_beginning_stay_apart() -> None:
    assert encode_name("ä " * 100 + "1") != encode_name("ä " * 100 + "2")

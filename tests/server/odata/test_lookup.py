"""Entity sets by identifier: remembered per snapshot, never across principals or versions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.records import ViewColumn
from engine.errors import UnknownNameError
from server.odata import lookup
from server.odata.errors import UnknownPropertyError
from server.odata.lookup import known_set
from server.odata.names import encode_name
from tests.server.sample import context, publication, view


def test_a_set_is_described_once_per_snapshot() -> None:
    first = context([publication("a", "v")], [view("v", [ViewColumn("x", "DATE")])])
    again = replace(first, base_url="https://other.example")
    assert known_set(first, "a") is known_set(again, "a")
    changed = context([publication("a", "v")], [view("v", [ViewColumn("y", "DATE")])])
    assert list(known_set(changed, "a").properties) == ["y"]
    assert list(known_set(first, "a").properties) == ["x"]


def test_what_one_principal_read_is_not_another_ones_to_see() -> None:
    first = context([publication("a", "v")], [view("v", [ViewColumn("x", "DATE")])])
    known_set(first, "a")
    with pytest.raises(UnknownNameError):
        known_set(replace(first, scope=replace(first.scope, publications=frozenset())), "a")


def test_names_are_found_by_their_identifiers_only() -> None:
    long = "l" * 200
    seen = context([publication("Größe 2", "v"), publication(long, "v")], [view("v", [ViewColumn("x", "DATE")])])
    assert known_set(seen, "Größe_x0020_2").entity_set.publication.name == "Größe 2"
    assert known_set(seen, encode_name(long)).entity_set.publication.name == long
    for name in ("Größe 2", "größe_x0020_2", "_x0047_röße_x0020_2"):
        with pytest.raises(UnknownNameError):
            known_set(seen, name)


def test_not_more_are_remembered_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "MAX_REMEMBERED", 3)
    for _ in range(9):
        known_set(context([publication("a", "v")], [view("v", [ViewColumn("x", "DATE")])]), "a")
    assert len(lookup._REMEMBERED) <= 3


def test_an_unknown_property_comes_with_a_suggestion() -> None:
    known = known_set(context([publication("a", "v")], [view("v", [ViewColumn("order_id", "DATE")])]), "a")
    with pytest.raises(UnknownPropertyError) as raised:
        known.property("orderid", "$filter", 4)
    assert (raised.value.position, raised.value.option) == (4, "$filter")
    assert "order_id" in raised.value.hint

"""A remembered answer is the one that reading the request anew gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.tree_key import tree_key
from server.answer import Answer, RequestContext
from server.odata.remembered import RememberedAnswers
from server.odata.routes import Document, odata_answer
from tests.server.odata.service import Service

KINDS = ("TINYINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL(9,2)", "DOUBLE", "VARCHAR", "UUID", "DATE", "BOOLEAN")
PATHS = ("/T(1)", "/T(2)", "/T(200)", "/T(123456789)", "/T(1234567890)", "/T(3)", "/T(-1)", "/T(0)", "/T(01)",
         "/T(k=4)", "/T(k=5)", "/T('a')", "/T('b')", "/T('b''c')", "/T('5')", "/T('2024-01-01')", "/T('true')",
         "/T(true)", "/T(null)", "/T(1)/k", "/T(2)/k", "/T(1)/$count", "/T('A-1')/v/$value", "/U(1)", "/T(x=1)",
         "/T(1,2)", "/T", "/T(2024-01-01)", "/T(%27a%27)", "/T(5.0)", "/t(1)")  # fmt: skip
QUERIES = (b"", b"$select=v", b"$select=zz", b"$format=json", b"%24select=k", b"$filter=k eq 1", b"custom=1")


def seen(found: Answer | Document) -> object:
    """All of an answer, its tree by its nodes."""
    if isinstance(found, Document):
        return found
    count = found.count and (tree_key(found.count.select), found.count.parameters)
    return replace(found, query=None, count=None), tree_key(found.query.select), found.query.parameters, count  # type: ignore[arg-type]


def both(
    remembered: RememberedAnswers, context: RequestContext, path: str, query: bytes, headers: dict[str, str]
) -> tuple[object, object]:
    results: list[object] = []
    for answer in (remembered.answer, odata_answer):
        try:
            results.append(seen(answer(context, path.encode(), query, headers)))
        except Exception as error:  # the same error, whatever it is
            results.append((type(error), str(error)))
    return results[0], results[1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_remembered_answer_is_the_fresh_one(kind: str) -> None:
    service = Service([("k", kind), ("v", "VARCHAR")], [], key=("k",))
    remembered = RememberedAnswers()
    for headers in ({}, {"accept": "application/json;odata.metadata=none"}, {"prefer": "maxpagesize=3"}):
        for query in QUERIES:
            for path in (*PATHS, *reversed(PATHS)):
                one, other = both(remembered, service.context, path, query, headers)
                assert one == other, (path, query, headers)


def test_the_second_lookup_shares_the_tree_and_has_its_own_value() -> None:
    service = Service([("k", "BIGINT"), ("v", "VARCHAR")], [], key=("k",))
    remembered = RememberedAnswers()
    first, second = (remembered.answer(service.context, path, b"", {}) for path in (b"/T(7)", b"/T(8)"))
    again = remembered.answer(service.context, b"/T(7)", b"", {})
    assert isinstance(first, Answer) and isinstance(second, Answer) and isinstance(again, Answer)
    assert second.query.select is again.query.select is not None
    assert [answer.query.parameters[0].value for answer in (first, second, again)] == [7, 8, 7]


def test_another_principal_another_snapshot_and_another_address_are_read_anew() -> None:
    service = Service([("k", "BIGINT"), ("v", "VARCHAR")], [], key=("k",))
    remembered = RememberedAnswers()
    mine = service.context
    remembered.answer(mine, b"/T(7)", b"", {})
    found = remembered.answer(mine, b"/T(7)", b"", {})
    nobody = replace(mine, scope=replace(mine.scope, publications=frozenset()))
    with pytest.raises(Exception, match="T"):
        remembered.answer(nobody, b"/T(7)", b"", {})
    moved = remembered.answer(replace(mine, base_url="http://elsewhere"), b"/T(7)", b"", {})
    later = remembered.answer(replace(mine, catalog=replace(mine.catalog)), b"/T(7)", b"", {})
    assert isinstance(found, Answer) and isinstance(moved, Answer) and isinstance(later, Answer)
    assert "elsewhere" in moved.encoding.prefix and "elsewhere" not in found.encoding.prefix
    assert later.query.select is not found.query.select


def test_no_api_key_is_kept() -> None:
    service = Service([("k", "BIGINT"), ("v", "VARCHAR")], [], key=("k",))
    remembered = RememberedAnswers()
    keyed = replace(service.context, base_url=service.context.base_url + "/odata/key/ft_secret")
    for context, query in (
        (keyed, b""),
        (service.context, b"api_key=ft_secret"),
        (service.context, b"API%5FKEY=ft_s"),
    ):
        both(remembered, context, "/T(7)", query, {})
    assert not remembered._kept

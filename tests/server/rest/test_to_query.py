"""Requests run in plain DuckDB over a table that is named like the publication."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import duckdb
import pytest

from catalog.records import Limits, ViewColumn
from engine.encoders.encoding import Encoding, Format, NextLink
from engine.encoders.page_token import write_token
from engine.errors import ParameterValueError, UnknownNameError
from engine.parse import check_nodes
from engine.query import Query
from engine.resolve import resolve_publications
from server.answer import Answer, RequestContext
from server.rest.errors import RestCombinationError, RestRequestError, RestSyntaxError, RestUnknownNameError
from server.rest.routes import rest_answer
from tests.server.sample import ORDER_COLUMNS, context, orders_context, publication, view

ROWS = """
  (1, 'Acme', 100.00, 0.5, true, DATE '2024-01-01', TIME '06:00', TIMESTAMP '2024-01-01 06:00',
   TIMESTAMPTZ '2024-01-01 06:00+00', UUID '00000000-0000-0000-0000-000000000001', 'a'::BLOB,
   ['x'], 1.5, 3, 'n', 7, 1),
  (2, 'acme 100%', 99.99, 'nan', false, DATE '2024-01-02', TIME '14:00', TIMESTAMP '2024-01-02 06:00',
   TIMESTAMPTZ '2024-01-02 06:00+00', UUID '00000000-0000-0000-0000-000000000002', 'b'::BLOB, [], NULL, 2, '', 8, 2),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 'Bolt, "Inc"', -1.50, 'inf', true, DATE '1850-12-31', TIME '22:00', TIMESTAMP '1850-12-31 06:00',
   TIMESTAMPTZ '1850-12-31 06:00+00', UUID '00000000-0000-0000-0000-000000000004', ''::BLOB, NULL, 2.5, 1, 'x', 9, 3),
  (5, 'Acme', 100.00, -0.25, false, DATE '2024-01-01', TIME '06:00', TIMESTAMP '2024-01-01 18:00',
   TIMESTAMPTZ '2024-01-01 18:00+00', UUID '00000000-0000-0000-0000-000000000005', 'c'::BLOB,
   ['y'], 1.5, 3, 'n', 7, 4)
"""
Run = Callable[[Query], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs a query; its tree must also be one that the engine lets through."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        columns = ", ".join('"' + c.name.replace('"', '""') + '" ' + c.sql_type for c in ORDER_COLUMNS)
        connection.execute(f'CREATE TABLE "Orders" ({columns})')
        connection.execute(f'INSERT INTO "Orders" VALUES {ROWS}')

        def run(query: Query) -> list[tuple[Any, ...]]:
            check_nodes(query.select)
            relation = connection.sql(query.select.sql("duckdb"), params=[p.value for p in query.parameters])
            return list(zip(*(c.to_pylist() for c in relation.to_arrow_table().columns), strict=True))

        yield run


def answer(text: str, where: RequestContext | None = None, **options: str) -> Answer:
    return rest_answer(where or orders_context(), "orders", text.encode(), **options)


def ids(run: Run, text: str) -> list[int]:
    return sorted(row[0] for row in run(answer(f"select=order_id&{text}").query))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("order_id=eq.2", [2]),
        ("order_id=in.(1,4,77)", [1, 4]),
        ("order_id=in.()", []),
        ("order_id=not.in.(1,4)", [2, 3, 5]),
        ("total=gte.100", [1, 5]),
        ("total=gt.99.985", [1, 2, 5]),
        ("total=lt.99.991", [2, 4]),
        ("total=neq.100", [2, 4]),
        ("total=not.gt.0", [4]),
        ("total=is.null", [3]),
        ("total=is.not_null", [1, 2, 4, 5]),
        ("total=not.is.null", [1, 2, 4, 5]),
        ("late=is.true", [1, 4]),
        ("late=not.is.true", [2, 3, 5]),
        ("late=eq.false", [2, 5]),
        ("CUSTOMER=eq.Acme", [1, 5]),
        ("customer=like.Acme*", [1, 5]),
        ("customer=ilike.acme*", [1, 2, 5]),
        (r"customer=like.*100\%25", [2]),
        ("customer=like.B_lt*", [4]),
        ("customer=in.(%22Bolt, \\%22Inc\\%22%22,zz)".replace(" ", "+"), [4]),
        ("customer=eq.'; DROP TABLE x --".replace(" ", "+"), []),
        ("ratio=eq.NaN", [2]),
        ("ratio=gt.0", [1, 2, 4]),
        ("ratio=eq.INF", [4]),
        ("day=lt.2024-01-01", [4]),
        ("shift_start=eq.06:00", [1, 5]),
        ("created=gte.2024-01-01T18:00:00Z", [2, 5]),
        ("seen=gte.2024-01-01T20:00:00+02:00", [2, 5]),
        ("lot=eq.00000000-0000-0000-0000-000000000004", [4]),
        ("photo=eq.Yg", [2]),
        ("photo=eq.", [4]),
        ("tags=is.null", [3, 4]),
        ("net+weight+[kg]=eq.1.5", [1, 5]),
        ("%22order%22=lte.2", [2, 4]),
        ('2nd+"name"=eq.', [2]),
        ("Größe=gt.7", [2, 4]),
        ("_x0020_=eq.3", [4]),
        ("total=gte.0&total=lt.100", [2]),
        ("or=(total.is.null,late.is.true)", [1, 3, 4]),
        ("or=(order_id.eq.1,and(order_id.gt.1,not.or(late.is.true,total.is.null)))", [1, 2, 5]),
        ("not.and=(order_id.gt.1,order_id.lt.5)", [1, 5]),
        ("not.or=(total.gt.0,total.lt.-100)", [4]),
    ],
)
def test_filters_keep_the_right_rows(run: Run, text: str, expected: list[int]) -> None:
    encoded = quote(text, safe="%&=+()[],.*:'\"\\-;")
    assert ids(run, encoded) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order=total", [4, 2, 1, 5, 3]),
        ("order=total.desc,order_id.desc", [3, 5, 1, 2, 4]),
        ("order=total.desc.nullslast,order_id", [1, 5, 2, 4, 3]),
        ("order=total.nullsfirst,customer.desc,order_id", [3, 4, 2, 1, 5]),
        ("order=%22order%22,order_id&offset=1&limit=2", [2, 1]),
        ("order=order_id&limit=0", []),
    ],
)
def test_rows_come_in_order(run: Run, text: str, expected: list[int]) -> None:
    found = [row[0] for row in run(answer(f"select=order_id&{text}").query)]
    assert found[: len(expected)] == expected


def test_an_alias_never_changes_what_a_filter_or_an_order_means(run: Run) -> None:
    found = answer("select=order_id,total:order_id,customer:late&total=gte.100&order=total,order_id.desc")
    assert run(found.query) == [(5, 5, False), (1, 1, True)]
    assert found.encoding.names == ("order_id", "total", "customer")


def test_without_select_all_columns_come_under_their_own_names(run: Run) -> None:
    found = answer("")
    assert found.encoding.names == tuple(c.name for c in ORDER_COLUMNS)
    assert len(run(found.query)[0]) == len(ORDER_COLUMNS)


def read_pages(run: Run, text: str, size: int) -> list[Any]:
    """Follows the links as a client does."""
    rows: list[Any] = []
    query = f"{text}&limit={size}&api_key=secret"
    for _ in range(20):
        found = answer(query)
        page = found.encoding.page
        assert page is not None and page.next_link is NextLink.HEAD and page.size == size
        result = run(found.query)
        rows += [row[: -page.hidden] for row in result[:size]]
        if len(result) <= size:
            return rows
        link = page.link + write_token(result[size - 1][-page.hidden :])
        assert link.startswith("https://data.example/api/v1/plant/data/Orders?")
        assert "secret" not in link
        query = urlsplit(link).query
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize(
    "text",
    [
        "select=order_id",
        "select=total,customer&order=total.desc",
        "select=order_id&order=customer.desc.nullslast,ratio,day",
        "select=order_id&order=%22order%22&or=(total.is.null,total.gte.99)",
        "select=a:customer,customer:order_id&order=ratio.desc.nullsfirst",
    ],
)
def test_following_the_links_gives_each_row_once(run: Run, text: str) -> None:
    order = "" if "order=" in text else "&order=order_id"
    whole = run(answer(text + order).query)
    for size in (1, 2, 3, 5, 6):
        found = read_pages(run, text, size)
        assert len(found) == len(whole)
        assert sorted(map(repr, found)) == sorted(map(repr, whole))
    assert repr(read_pages(run, text, 2)) == repr(read_pages(run, text, 6))


def test_the_link_keeps_the_request_but_not_its_offset() -> None:
    page = answer("total=gte.1&limit=2&offset=3&order=total.desc&select=order_id&format=csv").encoding.page
    assert page is not None
    assert parse_qs(urlsplit(page.link + "T").query) == {
        "total": ["gte.1"],
        "limit": ["2"],
        "order": ["total.desc"],
        "select": ["order_id"],
        "format": ["csv"],
        "after": ["T"],
    }


def test_offset_holds_on_the_first_page(run: Run) -> None:
    assert [row[0] for row in run(answer("select=order_id&limit=1&offset=3").query)] == [4, 5]


def test_after_without_a_limit_gives_all_that_is_left(run: Run) -> None:
    found = answer(f"select=order_id&after={write_token([3])}")
    assert found.encoding.page is None
    assert run(found.query) == [(4,), (5,)]


@pytest.mark.parametrize("token", ["x", "", write_token(["a"]), write_token([1, 2]), write_token([2**70])])
def test_a_made_up_token_is_refused(token: str) -> None:
    with pytest.raises(ParameterValueError):
        answer(f"limit=2&after={token}")


def test_an_answer_without_limit_is_streamed_whole() -> None:
    assert answer("").encoding.page is None
    assert answer("limit=10001").encoding.page is None
    assert answer("limit=10000").encoding.page is not None


def test_a_page_size_of_the_publication_holds() -> None:
    where = orders_context(limits=Limits(page_size=2))
    for text, size in (("", 2), ("limit=5", 2), ("limit=1", 1), ("limit=99999", 2)):
        page = answer(text, where).encoding.page
        assert page is not None and page.size == size
    assert answer("", where).limits == Limits(page_size=2)


def test_without_a_key_there_are_no_pages() -> None:
    where = context([publication("Orders", "v")], [view("v", [ViewColumn("a", "DATE")])])
    assert answer("limit=5", where).encoding.page is None
    with pytest.raises(RestCombinationError, match="no pages"):
        answer("limit=5&after=W10", where)


def test_an_order_by_a_nested_value_has_no_pages() -> None:
    assert answer("limit=5&order=tags").encoding.page is None


def test_the_count_is_of_all_rows_that_the_filters_keep(run: Run) -> None:
    found = answer("total=gte.99&limit=1&offset=1&order=total", prefer='respond-async, count=exact; foo="bar"')
    assert found.count is not None
    assert run(found.count) == [(3,)]
    assert found.count_header == "Viewloom-Total-Count"
    assert found.headers == (("Preference-Applied", "count=exact"),)
    after = answer(f"limit=1&after={write_token([3])}", prefer="count=exact")
    assert after.count is not None and run(after.count) == [(5,)]
    assert answer("").count is None and answer("", prefer="count=planned").count is None


@pytest.mark.parametrize(
    ("accept", "encoding", "content_type"),
    [
        ("", Encoding(Format.JSON, ("order_id",), prefix="[", suffix="]"), "application/json"),
        ("text/csv", Encoding(Format.CSV, ("order_id",)), "text/csv; charset=utf-8"),
        (
            "application/vnd.apache.arrow.stream",
            Encoding(Format.ARROW, ("order_id",)),
            "application/vnd.apache.arrow.stream",
        ),
    ],
)
def test_the_encoding_says_all_about_the_bytes(accept: str, encoding: Encoding, content_type: str) -> None:
    found = answer("select=order_id", accept=accept)
    assert found.encoding == encoding
    assert found.content_type == content_type
    assert found.publications == ("Orders",)


@pytest.mark.parametrize(
    ("text", "kind", "hint"),
    [
        ("totl=eq.1", RestUnknownNameError, "did you mean 'total'?"),
        ("selct=order_id", RestSyntaxError, "did you mean the option 'select'?"),
        ("select=order_idd", RestUnknownNameError, "did you mean 'order_id'?"),
        ("order=customr", RestUnknownNameError, "did you mean 'customer'?"),
        ("or=(custmer.eq.1)", RestUnknownNameError, "did you mean 'customer'?"),
        ("select=total,TOTAL", RestCombinationError, "give one of them another name"),
        ("select=total,customer:order_id,Customer", RestCombinationError, "give one of them another name"),
        ("total=eq.abc", ParameterValueError, "12.50"),
        ("order_id=in.(1,x)", ParameterValueError, "whole number"),
        ("total=like.1*", ParameterValueError, "eq, gt"),
        ("total=is.true", ParameterValueError, "is.null"),
        ("tags=eq.x", ParameterValueError, "is.null"),
        ("seen=gt.2024-01-01T00:00:00", ParameterValueError, "with a zone"),
    ],
)
def test_a_wrong_request_says_what_to_do(text: str, kind: type[Exception], hint: str) -> None:
    with pytest.raises(kind) as raised:
        answer(text)
    assert hint in raised.value.hint  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["secret", "sql_only", "nothing", "v"])
def test_forbidden_unpublished_and_unknown_publications_look_the_same(name: str) -> None:
    where = context(
        [publication("a", "v"), publication("secret", "v"), publication("sql_only", "v", protocols=["sql"])],
        [view("v", [ViewColumn("x", "DATE")])],
        may_read=frozenset({"a", "sql_only"}),
    )
    with pytest.raises(UnknownNameError) as raised:
        rest_answer(where, name, b"broken")
    assert raised.value.message == f"there is no publication {name!r}"
    assert raised.value.hint in ("publications are: a", "did you mean 'a'?")


def test_no_value_of_a_request_is_in_the_text_of_the_query() -> None:
    found = answer("customer=eq.zzz1&total=gte.98765&or=(customer.like.zzz2*,customer.ilike._zzz3*)&limit=1")
    text = found.query.select.sql("duckdb")
    assert "zzz" not in text and "98765" not in text


def test_a_thousand_filters_are_planned_quickly(run: Run) -> None:
    text = "&".join(["select=order_id", *["order_id=gte.1"] * 999])
    assert len(run(answer(text).query)) == 5


def test_the_deepest_group_that_can_be_read_can_be_run(run: Run) -> None:
    deep = "or=(" + "and(" * 19 + "order_id.eq.1" + ")" * 20
    assert ids(run, deep) == [1]
    with pytest.raises(RestRequestError):
        answer("or=(" + "and(" * 20 + "order_id.eq.1" + ")" * 21)


def resolved(found: Answer, where: RequestContext) -> list[tuple[Any, ...]]:
    """Runs a query as the engine resolves it: publications replaced by their views' SQL, all names qualified."""
    tree = resolve_publications(found.query.select, where.catalog, where.scope.publications).select
    return duckdb.execute(tree.sql("duckdb"), [p.value for p in found.query.parameters]).fetchall()


def test_the_engine_resolves_every_shape_of_query_to_the_same_rows() -> None:
    sql = '''SELECT * FROM (VALUES (1, 'b', 10, 'x'), (2, 'a', NULL, 'y'), (3, 'a', 30, NULL))
             AS t("Id", "net ""weight""", "order", "Größe")'''
    names = {"Id": "INTEGER", 'net "weight"': "VARCHAR", "order": "INTEGER", "Größe": "VARCHAR"}
    base = view("The View", [ViewColumn(name, sql_type) for name, sql_type in names.items()])
    where = context([publication("My Orders", "The View", ("Id",))], [replace(base, sql=sql, expanded_sql=sql)])

    def ask(text: str) -> list[tuple[Any, ...]]:
        return resolved(rest_answer(where, "my orders", text.encode()), where)

    assert ask("Id=gt.1&order=Id") == [(2, "a", None, "y"), (3, "a", 30, None)]
    assert ask("select=Id:order,order:Id&order=Id.desc&id=neq.2") == [(30, 3), (10, 1)]
    weight = "net+%22weight%22"
    assert ask(f"select=id&{weight}=like.a*&order=%22order%22&limit=1") == [(3, 30, 3), (2, None, 2)]
    token = write_token([30, 3])
    assert ask(f"select=id&{weight}=like.a*&order=%22order%22&limit=1&after={token}") == [(2, None, 2)]
    assert ask("or=(Größe.ilike.X,Größe.is.null)&select=Größe,x:id&order=id") == [
        ("x", 1),
        (None, 3),
    ]

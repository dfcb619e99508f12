"""Answers of an entity set: selection, order, limits, counts and pages."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.records import Limits
from engine.errors import ParameterValueError
from server.odata.errors import ODataRequestError
from tests.server.odata.service import Service

COLUMNS = [
    ("k", "INTEGER"),
    ("name", "VARCHAR"),
    ("n", "INTEGER"),
    ("x", "DOUBLE"),
    ("tags", "VARCHAR[]"),
    ("Größe 2", "INTEGER"),
]


def table(limits: Limits | None = None, key: tuple[str, ...] = ("k",), count: int = 25) -> Service:
    pick = random.Random(3)
    rows = [
        [k, pick.choice([None, "a", "b", "B"]), pick.choice([None, 1, 2]), pick.choice([None, 0.5, -1.0]), None, k]
        for k in pick.sample(range(count), count)
    ]
    return Service(COLUMNS, rows, key=key, limits=limits)


@pytest.fixture(scope="module")
def service() -> Service:
    return table()


def keys(rows: list[dict[str, Any]]) -> list[int]:
    return [row["k"] for row in rows]


def test_without_options_every_row_streams_as_it_comes(service: Service) -> None:
    reply = service.get("T")
    assert len(reply.rows) == 25
    assert reply.json["@odata.context"] == "https://data.example/odata/plant/$metadata#T"
    assert list(reply.rows[0]) == ["k", "name", "n", "x", "tags", "Größe_x0020_2"]
    assert reply.answer.encoding.page is None
    assert reply.answer.query.select.args.get("order") is None


def test_an_empty_result_has_an_empty_value(service: Service) -> None:
    assert service.get("T?$filter=k lt 0").body.endswith(b'"value":[]}')


def test_select_gives_properties_in_its_order_and_each_once(service: Service) -> None:
    reply = service.get("T?$select=n,k,n,Größe_x0020_2&$top=1")
    assert list(reply.rows[0]) == ["n", "k", "Größe_x0020_2"]
    assert reply.json["@odata.context"].endswith("#T(n,k,Gr%C3%B6%C3%9Fe_x0020_2)")


@pytest.mark.parametrize("option", ["$select=*", "$select=k,*"])
def test_a_star_selects_all(service: Service, option: str) -> None:
    reply = service.get(f"T?{option}&$top=1")
    assert len(reply.rows[0]) == 6
    assert reply.json["@odata.context"].endswith("#T")


def test_options_are_read_without_dollar_and_in_any_case(service: Service) -> None:
    assert keys(service.get("T?TOP=2&$OrderBy=k DESC&select=k").rows) == [24, 23]


def test_nulls_come_first_ascending_and_last_descending(service: Service) -> None:
    ascending = [row["n"] for row in service.get("T?$orderby=n,k").rows]
    assert ascending == sorted(ascending, key=lambda n: (n is not None, n or 0))
    descending = [row["n"] for row in service.get("T?$orderby=n desc,k").rows]
    assert descending == sorted(descending, key=lambda n: (n is None, -(n or 0)))


def test_expressions_order_too(service: Service) -> None:
    rows = service.get("T?$orderby=k mod 3,-k,now(),null").rows
    assert keys(rows) == sorted(range(25), key=lambda k: (k % 3, -k))
    truths = [row["n"] == 1 for row in service.get("T?$orderby=n eq 1 desc").rows]
    assert truths == sorted(truths, reverse=True)


def test_top_and_skip_count_in_the_order_of_the_key(service: Service) -> None:
    assert keys(service.get("T?$top=3&$skip=5").rows) == [5, 6, 7]
    assert keys(service.get("T?$skip=23").rows) == [23, 24]
    assert (
        keys(service.get("T?$top=2&$orderby=name").rows)
        == sorted(row["k"] for row in service.get("T").rows if row["name"] is None)[:2]
    )


def test_the_order_of_a_key_that_is_never_null_has_the_place_of_nulls_that_indexes_have(service: Service) -> None:
    answer = service.get("T?$top=1").answer
    assert [term.args["nulls_first"] for term in answer.query.select.args["order"].expressions] == [False]


def test_the_count_is_of_all_rows_that_the_filter_leaves(service: Service) -> None:
    reply = service.get("T?$count=true&$top=2&$skip=1&$filter=k lt 20")
    assert reply.json["@odata.count"] == 20
    assert list(reply.json) == ["@odata.context", "@odata.count", "value"]
    assert "@odata.count" not in service.get("T?$count=false&$top=1").json
    assert service.get("T?$count=true&$top=0").json["value"] == []


def test_the_count_alone_is_plain_text(service: Service) -> None:
    reply = service.get("T/$count?$filter=k lt 7&$top=2&$orderby=k", accept="text/plain")
    assert (reply.body, reply.answer.content_type) == (b"7", "text/plain;charset=utf-8")


@pytest.mark.parametrize("prefer", ["odata.maxpagesize=7", "MaxPageSize=7", 'respond-async, maxpagesize="7"'])
def test_pages_are_made_when_the_client_asks(service: Service, prefer: str) -> None:
    replies = service.follow("T?$select=name&$count=true&$orderby=name desc&$skip=2", prefer=prefer)
    assert [len(reply.rows) for reply in replies] == [7, 7, 7, 2]
    assert [reply.json.get("@odata.count") for reply in replies] == [25, None, None, None]
    everything = service.get("T?$select=name&$orderby=name desc,k&$skip=2").rows
    assert [row for reply in replies for row in reply.rows] == everything
    applied = dict(replies[0].answer.headers)["Preference-Applied"]
    assert applied.lower() in ("odata.maxpagesize=7", "maxpagesize=7")
    link = replies[0].json["@odata.nextLink"]
    assert link.startswith("https://data.example/odata/plant/T?$select=name&$orderby=name%20desc&$skiptoken=")


@pytest.mark.parametrize("prefer", ["", "maxpagesize=0", "maxpagesize=x", "odata.maxpagesize", "omit-values=nulls"])
def test_a_preference_that_says_nothing_is_ignored(service: Service, prefer: str) -> None:
    reply = service.get("T", prefer=prefer)
    assert len(reply.rows) == 25
    assert dict(reply.answer.headers) == {"OData-Version": "4.0"}


def test_top_counts_down_over_the_pages(service: Service) -> None:
    replies = service.follow("T?$top=8&$orderby=k desc", prefer="maxpagesize=3")
    assert [keys(reply.rows) for reply in replies] == [[24, 23, 22], [21, 20, 19], [18, 17]]
    assert replies[0].json["@odata.nextLink"].endswith("&$top=5")


def test_top_that_fits_one_page_has_no_next_link(service: Service) -> None:
    for top in (2, 3):
        (reply,) = service.follow(f"T?$top={top}", prefer="maxpagesize=3")
        assert len(reply.rows) == top


def test_the_publication_limits_the_page_whatever_the_client_asks() -> None:
    limited = table(Limits(page_size=4))
    assert [len(reply.rows) for reply in limited.follow("T")] == [4] * 6 + [1]
    assert [len(reply.rows) for reply in limited.follow("T", prefer="maxpagesize=20")] == [4] * 6 + [1]
    assert [len(reply.rows) for reply in limited.follow("T", prefer="maxpagesize=3")] == [3] * 8 + [1]


def test_a_row_limit_ends_a_page_and_not_the_answer() -> None:
    assert [len(reply.rows) for reply in table(Limits(max_rows=10)).follow("T")] == [10, 10, 5]
    replies = table(Limits(max_rows=10)).follow("T?$top=12")
    assert [len(reply.rows) for reply in replies] == [10, 2]


def test_a_byte_limit_ends_a_page_and_top_still_counts_rows() -> None:
    service = table(Limits(max_bytes=400))
    for url, expected in [("T?$select=k,name", 25), ("T?$select=k,name&$top=19", 19)]:
        replies = service.follow(url)
        assert len(replies) > 1
        assert [k for reply in replies for k in keys(reply.rows)] == list(range(expected))


def test_without_a_key_nothing_is_paged_and_top_takes_what_comes() -> None:
    keyless = table(key=())
    reply = keyless.get("T", prefer="maxpagesize=5")
    assert len(reply.rows) == 25
    assert "Preference-Applied" not in dict(reply.answer.headers)
    assert len(keyless.get("T?$top=3").rows) == 3
    with pytest.raises(ODataRequestError, match="no pages"):
        keyless.get("T?$skiptoken=W10")


@pytest.mark.parametrize("token", ["x", "W10", "W3siaW50IjoiMSJ9LHsiaW50IjoiMiJ9XQ", "W3sic3RyIjoiYSJ9XQ"])
def test_a_token_that_was_not_given_is_refused(service: Service, token: str) -> None:
    with pytest.raises(ParameterValueError):
        service.get(f"T?$skiptoken={token}")


@settings(max_examples=25, deadline=None)
@given(
    order=st.lists(
        st.sampled_from(
            ["name", "name desc", "n", "n desc", "x desc", "length(name)", "n eq 1", "k mod 4 desc", "k desc"]
        ),
        max_size=3, unique=True,
    ),
    size=st.sampled_from([1, 4, 9, 24, 25, 26]),
    top=st.one_of(st.none(), st.integers(0, 30)),
    skip=st.one_of(st.none(), st.integers(0, 30)),
)  # fmt: skip
def test_each_row_comes_once_and_in_order_over_the_pages(
    service: Service, order: list[str], size: int, top: int | None, skip: int | None
) -> None:
    options = [f"$orderby={','.join([*order, 'k'] if 'k desc' not in order else order)}"]
    options += [] if top is None else [f"$top={top}"]
    options += [] if skip is None else [f"$skip={skip}"]
    url = "T?" + "&".join(options)
    replies = service.follow(url, prefer=f"maxpagesize={size}")
    assert [row for reply in replies for row in reply.rows] == service.get(url).rows


def test_the_same_shape_of_request_has_the_same_tree_whatever_its_values(service: Service) -> None:
    shapes = {
        service.get(f"T?$filter=k eq {k} and contains(name,'{text}')").answer.query.select.sql("duckdb")
        for k, text in [(1, "a"), (24, "'' OR 1=1 --"), (-3, "%25_")]
    }
    assert len(shapes) == 1


@pytest.mark.parametrize(
    "text", ["'", "''", "%", "_", "\\", "--", "/*", "'; DROP TABLE T; --", "zz' OR 1=1 --", "$1", "{}", "\u2028"]
)
def test_text_is_only_ever_a_value(text: str) -> None:
    service = Service([("k", "INTEGER"), ("t", "VARCHAR")], [[1, text], [2, "other"], [3, f"<{text}>"]], key=("k",))
    literal = "'" + text.replace("'", "''") + "'"
    assert service.filter(f"t eq {literal}") == [1]
    assert service.filter(f"contains(t,{literal})") == [1, 3]
    assert service.filter(f"endswith(t,concat({literal},'>'))") == [3]
    assert service.filter(f"t in ({literal},'x')") == [1]
    assert service.connection.sql("SELECT count(*) FROM T").fetchall() == [(3,)]

"""Encodings and links."""

from __future__ import annotations

import pytest

from server.odata.response import next_link, select_list
from tests.server.odata.service import Service

ROOT = "https://h/odata/w"
SERVICE = Service([("k", "BIGINT"), ("m", "DECIMAL(9,2)"), ("n", "INTEGER")], [[1, "2.50", 3]], key=("k",))


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", ""),
        ("$filter=a%20eq%20'x'", "$filter=a%20eq%20'x'&"),
        ("$top=5&$skip=2&$count=true&$skiptoken=abc&api_key=secret&$select=a%2Cb", "$select=a%2Cb&"),
        ("%24top=5&TOP=5&Skip=1&%24orderby=a+desc", "%24orderby=a+desc&"),
        ("$filter=a eq \"<é\"", "$filter=a%20eq%20%22%3C%C3%A9%22&"),
        ("@p=5&x=1&&API_KEY=secret", "@p=5&x=1&"),
    ],
)  # fmt: skip
def test_a_next_link_keeps_what_the_client_said_and_no_credential(query: str, kept: str) -> None:
    assert next_link(ROOT, "Größe", query) == f"{ROOT}/Gr%C3%B6%C3%9Fe?{kept}$skiptoken="


def test_a_list_of_selected_names_is_encoded() -> None:
    assert (select_list([]), select_list(["a", "é"])) == ("", "(a,%C3%A9)")


def test_big_numbers_are_strings_when_the_client_asks_for_it() -> None:
    reply = SERVICE.get("T?$count=true", accept="application/json;IEEE754Compatible=true")
    assert reply.body.endswith(b'"@odata.count":"1","value":[{"k":"1","m":"2.50","n":3}]}')
    assert SERVICE.get("T").body.endswith(b'"value":[{"k":1,"m":2.50,"n":3}]}')


def test_without_metadata_there_is_no_context() -> None:
    form = {"accept": "application/json;odata.metadata=none"}
    assert SERVICE.get("T?$count=true", **form).body == b'{"@odata.count":1,"value":[{"k":1,"m":2.50,"n":3}]}'
    assert SERVICE.get("T(1)", **form).body == b'{"k":1,"m":2.50,"n":3}'
    assert SERVICE.get("T(1)/n", **form).body == b'{"value":3}'
    assert "odata.metadata=none" in SERVICE.get("T", **form).answer.content_type


def test_every_answer_has_one_version() -> None:
    for url in ("T", "T(1)", "T(1)/n", "T/$count", "T(1)/n/$value"):
        names = [name.lower() for name, _ in SERVICE.get(url, odata_maxversion="4.01").answer.headers]
        assert names.count("odata-version") == 1

"""Accept, $format, versions and preferences."""

from __future__ import annotations

import pytest

from server.odata.errors import ODataNotAcceptableError, ODataVersionError
from server.odata.negotiation import JsonForm, check_version, json_form, page_size

POWER_QUERY = (
    "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7"
)
MINIMAL = JsonForm()


@pytest.mark.parametrize(
    ("asked", "accept", "form"),
    [
        (None, "", MINIMAL),
        (None, "*/*", MINIMAL),
        (None, POWER_QUERY, MINIMAL),
        (None, "application/atom+xml,application/xml;q=0.9,*/*;q=0.1", MINIMAL),
        (None, "application/json;odata.metadata=none", JsonForm("none")),
        (None, "application/json;metadata=none;IEEE754Compatible=true", JsonForm("none", True)),
        (None, "application/json;odata=nometadata", JsonForm("none")),
        (None, "application/json;odata.metadata=full", MINIMAL),
        (None, "application/json;q=0.1;odata.metadata=none,application/json;q=0.5", MINIMAL),
        (None, "Application/JSON ; IEEE754Compatible = TRUE", JsonForm("minimal", True)),
        ("json", "application/xml", MINIMAL),
        ("application/json;odata.metadata=none", "", JsonForm("none")),
        ("JSON;IEEE754Compatible=true", "", JsonForm("minimal", True)),
    ],
)
def test_json_is_written_as_the_client_takes_it(asked: str | None, accept: str, form: JsonForm) -> None:
    assert json_form(asked, accept) == form


@pytest.mark.parametrize(
    ("asked", "accept"),
    [
        (None, "application/xml"),
        (None, "application/json;odata=verbose"),
        (None, "application/json;q=0"),
        (None, "application/json;charset=latin1"),
        (None, "text/html,image/*"),
        (None, "nonsense"),
        ("xml", ""),
        ("atom", "application/json"),
        ("json;odata.metadata=some", ""),
    ],
)
def test_a_client_that_takes_no_json_is_told_so(asked: str | None, accept: str) -> None:
    with pytest.raises(ODataNotAcceptableError) as raised:
        json_form(asked, accept)
    assert raised.value.option == ("$format" if asked else "Accept")


def test_the_content_type_says_what_is_written() -> None:
    assert MINIMAL.content_type == "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"
    assert ";IEEE754Compatible=true;" in JsonForm("none", True).content_type


@pytest.mark.parametrize("most", ["", "4.0", "4.01", " 4.0 ", "5.0", "4", "4.0;NetFx"])
def test_clients_of_version_4_and_later_are_answered(most: str) -> None:
    check_version(most)


@pytest.mark.parametrize("most", ["3.0", "1.0", "x", "4.x", "-4"])
def test_clients_of_older_versions_are_refused(most: str) -> None:
    with pytest.raises(ODataVersionError):
        check_version(most)


def test_the_first_page_size_holds() -> None:
    found = page_size("omit-values=nulls, odata.maxpagesize = 5,maxpagesize=6")
    assert found is not None and (found.rows, found.applied) == (5, "odata.maxpagesize=5")
    assert page_size("maxpagesize=0") is None
    assert page_size("maxpagesize=99999999999") is None

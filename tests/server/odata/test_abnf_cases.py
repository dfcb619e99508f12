"""The OASIS TC's own cases for the URL grammar, where they are at hand (they are not part of this repository).

Each is read by the part of our parser that its ABNF rule names. What we decide otherwise is in KNOWN, with the
reason; an entry that no longer differs fails the test.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.odata.errors import ODataSyntaxError
from server.odata.expression import parse_expression
from server.odata.syntax import Literal
from server.odata.url import parse_path, parse_query, parse_url

SHARED = Path(os.environ.get("VIEWLOOM_SHARED", Path(__file__).parents[4] / "shared"))
CASES = SHARED / "odata" / "odata-abnf-cases.json"

# Rules about headers, response payloads and fragments: no part of a request's URL.
NOT_URL = {
    "context", "preference", "header", "request-id", "includeAnnotationsPreference", "maxpagesizePreference",
    "primitiveValue", "enumValue", "boolean", "booleanValue", "odataIdentifier", "stringInUrl",
    "int32Value", "singleValue",
}  # fmt: skip

KNOWN = {
    ("odataRelativeUri", "Categories(1)/Thumbnail/$value"): "that a stream property has no $value needs the schema",
    (
        "queryOptions",
        "$search=more&more",
    ): "`more` is refused for not being a known custom option; any name may be one",
    (
        "queryOptions",
        "$format=JSON&$format=Atom&$format=XML&$format=text/html",
    ): "Protocol 11.2.1: an option only once",
    (
        "dateTimeOffsetValue",
        "2012-01-01T00:00:00.000Z",
    ): "nothing is wrong with this text; its cause is not in the case",
    ("odataUri", "http://host/service/$metadata#Customers"): "a client never sends the fragment",
}


def relative(text: str) -> object:
    path, _, query = text.partition("?")
    return parse_url(path, query)


def absolute(text: str) -> object:
    match = re.match(r"https?://[^/]+/(OData/OData\.svc/|service/)?", text)
    return relative(text[match.end() :] if match else text)


def as_filter(text: str) -> object:
    return parse_query("$filter=" + text)


def payload_literal(kind: str) -> Callable[[str], object]:
    """Values as they stand in payloads are not percent-decoded, and have one type."""

    def read(text: str) -> object:
        tree = parse_expression(text)
        if not isinstance(tree, Literal) or tree.type != kind:
            raise ODataSyntaxError(f"no {kind}")
        return tree

    return read


READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(
        ("filter", "expand", "select", "orderby", "queryOptions", "search", "customQueryOption", "systemQueryOption"),
        parse_query,
    ),
    "odataRelativeUri": relative,
    "odataUri": absolute,
    "resourcePath": parse_path,
    "entitySetName": parse_path,
    "searchExpr": lambda text: parse_query("$search=" + text),
    "functionParameter": lambda text: parse_path(f"F({text})"),
    "stringLiteral": lambda text: parse_path(f"F({text})"),
    "anyExpr": lambda text: parse_query("$filter=Items/" + text),
    "dateTimeOffsetValue": payload_literal("Edm.DateTimeOffset"),
    "timeOfDayValue": payload_literal("Edm.TimeOfDay"),
    "guid": payload_literal("Edm.Guid"),
    "durationValue": lambda text: parse_expression(f"duration'{text}'"),
}


def test_cases_of_the_standard_are_read_or_refused_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    if not CASES.exists():
        pytest.skip("the OASIS cases are not beside this repository")
    right: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    differ: dict[tuple[str, str], str] = {}
    for case in json.loads(CASES.read_text(encoding="utf-8"))["TestCases"]:
        rule, text = case["Rule"], case["Input"]
        if rule in NOT_URL:
            continue
        wanted = "refused" if "FailAt" in case else "read"
        try:
            READERS.get(rule, as_filter)(text)
            outcome, detail = "read", ""
        except ODataSyntaxError as error:
            outcome, detail = "refused", str(error)
        total[rule, wanted] += 1
        right[rule, wanted] += outcome == wanted
        if outcome != wanted:
            differ[rule, text] = detail or "was read"
    with capsys.disabled():
        for rule, wanted in sorted(total):
            if right[rule, wanted] < total[rule, wanted]:
                print(f"\n  {rule}: {right[rule, wanted]} of {total[rule, wanted]} {wanted}", end="")
        print(f"\n  OASIS cases as the standard says: {sum(right.values())} of {sum(total.values())}")
    assert {key: differ[key] for key in differ if key not in KNOWN} == {}
    assert set(KNOWN) <= set(differ), "a known difference is gone: take it out of KNOWN"

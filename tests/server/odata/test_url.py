"""Raw path and raw query: splitting, percent-decoding, plus, resource paths."""

import pytest

from server.odata.errors import ODataSyntaxError
from server.odata.expression import parse_expression
from server.odata.request_syntax import ResourceKind, ResourcePath, SelectItem
from server.odata.syntax import (
    Alias,
    Argument,
    Count,
    Dollar,
    FilterSegment,
    KeyPredicate,
    KeySegment,
    Literal,
    Name,
    Path,
    Segment,
)
from server.odata.url import MAX_TEXT, parse_path, parse_query, parse_url


def key(value: object, type_name: str = "Edm.String") -> KeyPredicate:
    return KeyPredicate((Argument(Literal(value, type_name)),))  # type: ignore[arg-type]  # any value of a literal


def test_request_of_power_query_is_read() -> None:
    query = "$filter=ContactTitle eq 'Sales Representative'&$select=CustomerID%2CCountry&%24top=20"
    for sent in (query, query.replace(" ", "%20").replace("'", "%27"), query.replace(" ", "+"), query.encode()):
        options = parse_query(sent)
        assert options.filter == parse_expression("ContactTitle eq 'Sales Representative'")
        assert options.select == (SelectItem((Name("CustomerID"),)), SelectItem((Name("Country"),)))
        assert options.top == 20


def test_query_is_split_before_it_is_decoded() -> None:
    options = parse_query("$filter=a eq 'x%26$top%3D5%3d'&$top=1&&b=c=d&")
    assert options.filter == parse_expression("a eq 'x&$top=5='")
    assert options.top == 1
    assert options.custom == (("b", "c=d"),)


def test_text_is_decoded_exactly_once() -> None:
    assert parse_query("$filter=a eq '%2527'").filter == parse_expression("a eq '%27'")


def test_encoded_quote_ends_a_string_like_a_raw_one() -> None:
    assert parse_query("$filter=a eq 'O%27%27Neil'").filter == parse_expression("a eq 'O''Neil'")
    with pytest.raises(ODataSyntaxError):
        parse_query("$filter=a eq 'O%27Neil'")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a+eq+'b+c'", "a eq 'b c'"),
        ("a eq 'b%2Bc'", "a eq 'b+c'"),
        ("a ge 2024-01-01T10:00:00+01:00", "a ge 2024-01-01T10:00:00+01:00"),
        ("a+ge+2024-01-01T10%3A00%3A00.123+01%3A00", "a ge 2024-01-01T10:00:00.123+01:00"),
        ("a ge 2024-01-01T10:00:00%2B01:00", "a ge 2024-01-01T10:00:00+01:00"),
        ("a+gt+1.5e+3", "a gt 1.5e+3"),
        ("a gt +5", "a gt 5"),
        ("a gt %2B5", "a gt 5"),
        ("base+eq+1", "base eq 1"),
        ("x1e+eq+1", "x1e eq 1"),
    ],
)
def test_plus_is_a_blank_except_before_a_zone_and_in_an_exponent(sent: str, read: str) -> None:
    assert parse_query("$filter=" + sent).filter == parse_expression(read)


def test_plus_in_a_media_type_and_in_the_path_is_a_plus() -> None:
    assert parse_query("$format=application/atom+xml").format == "application/atom+xml"
    assert parse_path("Parts('a+b')").segments[1] == key("a+b")


def test_names_and_values_may_be_unicode_raw_or_encoded() -> None:
    tree = parse_expression("Größe eq 'Ünit'")
    for sent in (
        "$filter=Größe eq 'Ünit'",
        "$filter=Gr%C3%B6%C3%9Fe eq '%C3%9Cnit'",
        "$filter=Größe eq 'Ünit'".encode(),
    ):
        assert parse_query(sent).filter == tree


@pytest.mark.parametrize(
    "sent",
    [
        "$filter=a%",
        "$filter=a%4",
        "$filter=a%zz",
        "$filter=%FF",
        "$filter=%C3",
        b"$filter=\xff",
        "%GG=1",
        "$search=#1",
        "a" * (MAX_TEXT + 1),
        "$filter=" + "(" * 10_000,
    ],
)
def test_what_is_no_query_string_is_a_syntax_error(sent: str | bytes) -> None:
    with pytest.raises(ODataSyntaxError):
        parse_query(sent)


def test_broken_custom_option_shows_neither_name_nor_value() -> None:
    with pytest.raises(ODataSyntaxError) as caught:
        parse_query("api_key=secret%zz")
    assert "api_key" not in str(caught.value) and "secret" not in str(caught.value)


def test_input_of_300_kilobytes_is_refused_at_once() -> None:
    with pytest.raises(ODataSyntaxError, match="longer than"):
        parse_url("x", "$filter=" + "a eq 1 or " * 30_000)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("", ResourceKind.SERVICE),
        ("/", ResourceKind.SERVICE),
        ("$metadata", ResourceKind.METADATA),
        ("/%24metadata", ResourceKind.METADATA),
        ("$batch", ResourceKind.BATCH),
        ("$all", ResourceKind.ALL),
    ],
)
def test_first_segment_says_the_kind(raw: str, kind: ResourceKind) -> None:
    assert parse_path(raw) == ResourcePath(kind)


DATE_KEY = parse_expression("2018-02-13T23:59:59Z")


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        ("Orders", (Name("Orders"),)),
        ("/Orders/", (Name("Orders"),)),
        ("order_backlog/$count", (Name("order_backlog"), Count())),
        ("Orders(1)", (Name("Orders"), key(1, "Edm.Int32"))),
        ("Orders%281%29", (Name("Orders"), key(1, "Edm.Int32"))),
        ("Parts('Tablet%2FSlate')", (Name("Parts"), key("Tablet/Slate"))),
        ("Parts('Tablet/Slate')/Name", (Name("Parts"), key("Tablet/Slate"), Name("Name"))),
        ("Parts('a%20)small(')", (Name("Parts"), key("a )small("))),
        ("Parts(%27O%27%27Neil/x%27)/y", (Name("Parts"), key("O'Neil/x"), Name("y"))),
        ("Logs(2018-02-13T23%3A59%3A59Z)", (Name("Logs"), KeyPredicate((Argument(DATE_KEY),)))),
        ("Lines(@p)", (Name("Lines"), KeyPredicate((Argument(Alias("p")),)))),
        ("F()", (Name("F"), KeyPredicate())),
        ("F(x=2)(1)", (Name("F"), KeyPredicate((Argument(Literal(2, "Edm.Int32"), "x"),)), key(1, "Edm.Int32"))),
        (
            "Orders(1)/Customer/Name/$value",
            (Name("Orders"), key(1, "Edm.Int32"), Name("Customer"), Name("Name"), Dollar("$value")),
        ),
        ("Orders/$filter(a)/$ref", (Name("Orders"), FilterSegment(Path((Name("a"),))), Dollar("$ref"))),
        (
            "Orders/$filter(a/b eq ')/')/$each",
            (Name("Orders"), FilterSegment(parse_expression("a/b eq ')/'")), Dollar("$each")),
        ),
        ("Staff/A1245", (Name("Staff"), Name("A1245"))),
        ("Staff/17", (Name("Staff"), KeySegment("17"))),
        (
            "People/O%27Neil/Smartphone%2FTablet",
            (Name("People"), KeySegment("O'Neil"), KeySegment("Smartphone/Tablet")),
        ),
        ("Orders(1)/Lines/-1", (Name("Orders"), key(1, "Edm.Int32"), Name("Lines"), KeySegment("-1"))),
    ],
)
def test_resource_path_is_read_as(raw: str, segments: tuple[Segment, ...]) -> None:
    assert parse_path(raw) == ResourcePath(ResourceKind.RESOURCE, segments)


def test_compound_key_names_its_parts() -> None:
    _, keys = parse_path("OrderItems(OrderID=1,ItemID='a')").segments
    assert isinstance(keys, KeyPredicate)
    assert [(part.name, part.position) for part in keys.arguments] == [("OrderID", 11), ("ItemID", 21)]


def test_crossjoin_names_its_sets() -> None:
    path = parse_path("$crossjoin(Orders, Customers)/$count")
    assert path == ResourcePath(ResourceKind.CROSSJOIN, (Count(),), ("Orders", "Customers"))


@pytest.mark.parametrize(
    "raw",
    [
        "a//b",
        "//",
        "1",
        "'a'",
        "a.b",
        "a b",
        "Orders(",
        "Orders(1",
        "Orders(1))",
        "Orders('a)",
        "Orders(a)",
        "Orders(1 add 1)",
        "Orders(1,2)",
        "Orders(a=1,2)",
        "Orders(a=1,a=2)",
        "Orders(a=1;b=2)",
        "$metadata/x",
        "Orders/$count/x",
        "Orders/$ref/$count",
        "Orders/$foo",
        "$count",
        "$filter(a)",
        "$crossjoin()",
        "$crossjoin(a",
        "Orders/$filter(",
        "Orders/%zz",
        "$Metadata",
        "x" * 129,
        "Orders(1)x",
        "(1)",
    ],
)
def test_broken_path_is_a_syntax_error(raw: str) -> None:
    with pytest.raises(ODataSyntaxError):
        parse_path(raw)


def test_metadata_batch_and_entity_take_few_options() -> None:
    assert parse_url("$metadata", "$format=json&x=1").options.format == "json"
    assert parse_url("$entity", "$id=Orders(1)").options.id == "Orders(1)"
    assert parse_url("$entity/Model.Order", "id=Orders(1)&$select=a").options.select
    for path, query in (
        ("$metadata", "$top=1"),
        ("$batch", "$filter=a"),
        ("$entity", ""),
        ("$entity", "$id=x&$select=a"),
    ):
        with pytest.raises(ODataSyntaxError):
            parse_url(path, query)

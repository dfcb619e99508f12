from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import FilesError
from catalog.records import Problem, ViewColumn
from catalog.view_file import (
    ViewText,
    parse_view,
    problem_in_file,
    same_text,
    view_text,
    with_comments,
    write_name,
    write_view,
)
from tests.catalog.sample import view

AUTHORS = """\
-- Orders that are late; ask Ada.
create or replace  VIEW "Late ""orders"" now" AS
SELECT o.id,            -- the order; not the line
       'a;b''c' AS x, $$ ; $$ AS y /* ; */
FROM erp.orders AS o
;
COMMENT ON VIEW "Late ""orders"" now" IS 'Late;
it''s so';
comment on column "late ""ORDERS"" now".ID is 'the id' ;
COMMENT ON COLUMN "Late ""orders"" now".x IS NULL;
-- the end
"""


def test_an_authors_file_is_taken_apart_and_kept() -> None:
    text = parse_view(AUTHORS, "views/late.sql")
    assert text.name == 'Late "orders" now'
    assert text.sql == AUTHORS[AUTHORS.index("SELECT") : AUTHORS.index("\n;\n")]
    assert (text.line, text.column) == (3, 1)
    assert text.comment == "Late;\nit's so"
    assert text.column_comments == {"ID": "the id"}
    assert write_view(text) == AUTHORS


@pytest.mark.parametrize(
    ("source", "sql"),
    [
        ("CREATE VIEW v AS SELECT 1;", "SELECT 1"),
        ("CREATE VIEW v AS SELECT 1", "SELECT 1"),
        ("CREATE VIEW v AS\r\nSELECT 1\r\n;\r\n", "SELECT 1"),
        ("CREATE VIEW v AS\n  SELECT 1 -- one\n;", "  SELECT 1 -- one"),
        ("CREATE VIEW v AS\nSELECT 1; -- done\n;", "SELECT 1; -- done"),
        ("CREATE VIEW v AS/* why */SELECT 1\n;", "/* why */SELECT 1"),
        ("\ufeffCREATE VIEW v AS SELECT 'ü𝔘';", "SELECT 'ü𝔘'"),
        ("CREATE VIEW v AS SELECT E'a\\';b', 'c\\';COMMENT ON VIEW V IS NULL", "SELECT E'a\\';b', 'c\\'"),
    ],
)
def test_sql_is_what_stands_between_as_and_the_semicolon(source: str, sql: str) -> None:
    text = parse_view(source, "v.sql")
    assert text.sql == sql
    assert write_view(text) == source
    lines = source.split("\n")
    assert source.endswith("\n".join([lines[text.line - 1][text.column - 1 :], *lines[text.line :]]))


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("", 1, "CREATE was expected, but there is the end of the file"),
        ("\nSELECT 1;", 2, "CREATE was expected, but there is 'SELECT'"),
        ("CREATE TABLE t AS SELECT 1;", 1, "VIEW was expected"),
        ("CREATE VIEW 2nd AS SELECT 1;", 1, "in double quotes"),
        ("CREATE VIEW 'v' AS SELECT 1;", 1, "the view's name"),
        ("CREATE VIEW\n main.v AS SELECT 1;", 2, "AS was expected, but there is '.'"),
        ("CREATE VIEW v (a) AS SELECT 1;", 1, "a list of column names"),
        ("CREATE VIEW v AS", 1, "no SQL after AS"),
        ("CREATE VIEW v AS\n;", 2, "no SQL after AS"),
        ('CREATE VIEW "" AS SELECT 1;', 1, "needs a name"),
        ("CREATE VIEW v AS SELECT 1;\n\nCREATE VIEW w AS SELECT 2;", 3, "COMMENT was expected, but"),
        ("CREATE VIEW v AS SELECT 1;\nCOMMENT ON VIEW w IS 'x';", 2, "not on 'v'"),
        ("CREATE VIEW v AS SELECT 1;\nCOMMENT ON TABLE v IS 'x';", 2, "COLUMN was expected"),
        ("CREATE VIEW v AS SELECT 1;\nCOMMENT ON COLUMN v IS 'x';", 2, "a dot and a column's name"),
        ("CREATE VIEW v AS SELECT 1;\nCOMMENT ON VIEW v IS x;", 2, "single quotes"),
        ("CREATE VIEW v AS SELECT 1;\nCOMMENT ON VIEW v IS 'x' 'y';", 2, "a semicolon was expected"),
        (
            "CREATE VIEW v AS SELECT 1;\nCOMMENT ON COLUMN v.a IS 'x';\nCOMMENT ON COLUMN v.A IS 'y';",
            3,
            "two comments",
        ),
        ("CREATE VIEW v AS\nSELECT 'a;\n", 2, "never ends"),
    ],
)
def test_what_is_not_in_place_is_named_with_its_line(source: str, line: int, words: str) -> None:
    with pytest.raises(FilesError) as caught:
        parse_view(source, "views/v.sql")
    assert caught.value.details == {"path": "views/v.sql", "line": line}
    assert words in caught.value.message


def test_a_view_that_says_something_else_than_its_file_is_written_anew() -> None:
    changed = view("v", "SELECT 2", source="-- mine\nCREATE VIEW v AS SELECT 1;", columns=(ViewColumn("A b", "INT"),))
    assert view_text(changed).source == "CREATE VIEW v AS\nSELECT 2\n;\n"
    same = view("v", "SELECT 1", source="-- mine\nCREATE VIEW v AS SELECT 1;", columns=(ViewColumn("A b", "INT"),))
    assert view_text(same).source == "-- mine\nCREATE VIEW v AS SELECT 1;"


def test_comments_go_to_the_columns_without_regard_to_case() -> None:
    source = "CREATE VIEW v AS SELECT 1 AS a; COMMENT ON COLUMN v.A IS 'x'; COMMENT ON VIEW v IS 'y';"
    text = parse_view(source, "v.sql")
    checked = with_comments(view("v", columns=(ViewColumn("a", "INTEGER", comment="old"),)), text)
    assert (checked.comment, checked.columns[0].comment, checked.source) == ("y", "x", text.source)
    text = parse_view("CREATE VIEW v AS SELECT 1 AS b;\nCOMMENT ON COLUMN v.A IS 'x'", "v.sql")
    with pytest.raises(FilesError, match=r"v.sql, line 2: .* no column 'A' to comment"):
        with_comments(view("v", columns=(ViewColumn("b", "INTEGER"),)), text)


@pytest.mark.parametrize(("place", "found"), [((1, 1), (2, 18)), ((2, 3), (3, 3))])
def test_a_problem_of_the_sql_is_placed_in_the_file(place: tuple[int, int], found: tuple[int, int]) -> None:
    text = parse_view("-- one\nCREATE VIEW v AS SELECT\n  x;", "v.sql")
    error = problem_in_file(text, Problem("unknown_column", "there is no column 'x'", *place, "Look."))
    assert (error.details["line"], error.details["column"]) == found
    assert error.message == f"v.sql, line {found[0]}: column {found[1]}: there is no column 'x'"


@pytest.mark.parametrize(("name", "written"), [("orders", "orders"), ("Orders", '"Orders"'), ("as", '"as"')])
def test_a_name_is_quoted_when_it_must_be(name: str, written: str) -> None:
    assert write_name(name) == written


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
# Pieces of SQL, each of which the tokenizer can read alone, in any order.
WORDS = ["SELECT", " 1", "\n", "\r\n", " ", "\t", "-- x;\n", "/* ; */", "(", ".", ",", "AS", "COMMENT", "\r"]
PIECES = st.one_of(
    st.sampled_from(WORDS),
    TEXTS.map(lambda text: "'" + text.replace("'", "''") + "'"),
    NAMES.map(lambda name: '"' + name.replace('"', '""') + '"'),
)
ENDS = st.sampled_from(["", ";", " ;\n;", "; -- x", "\r\n"])
SQL = st.builds(lambda pieces, end: "".join(["SELECT ", *pieces, end]), st.lists(PIECES, max_size=8), ENDS)


@settings(max_examples=150, deadline=None)
@given(name=NAMES, sql=SQL, comment=TEXTS, columns=st.dictionaries(NAMES, TEXTS.filter(bool), max_size=2))
def test_any_view_survives_its_file(name: str, sql: str, comment: str, columns: dict[str, str]) -> None:
    columns = {column.lower(): text for column, text in columns.items()}
    text = ViewText(name, sql, comment, columns)
    written = write_view(text).encode()
    assert same_text(parse_view(written.decode(), ""), text)
    assert write_view(parse_view(written.decode(), "")).encode() == written

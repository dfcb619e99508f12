"""A source's column that was retyped since the view was published is an error, not another answer."""

import duckdb
import pytest

from catalog.records import Publication, View, ViewColumn, WorkspaceCatalog
from engine.encoders.encoding import Encoding, Format
from engine.engine import promised_types
from engine.errors import SourceError
from engine.executor import Execution
from engine.job import Job, Statement
from engine.parse import parse_query
from engine.planner import plan_query
from engine.query import Query


class Sink:
    def head(self, head: dict[str, object]) -> None:
        self.said = head

    def data(self, data: bytes) -> None:
        self.written = data


def _run(sql: str, types: tuple[str | None, ...], form: Format) -> None:
    job = Job("run", "r", statement=Statement(sql, (), None, types), encoding=Encoding(form, ("Name",)))
    Execution(duckdb.connect(), {}, job).run(Sink())


@pytest.mark.parametrize("form", [Format.JSON, Format.ARROW])
def test_another_type_than_promised_names_the_column(form: Format) -> None:
    with pytest.raises(SourceError, match="'Name' is now VARCHAR; the publication promises BIGINT") as caught:
        _run("SELECT '2' AS c", ("BIGINT",), form)
    assert caught.value.source_code == "source_schema_changed"


def test_the_promised_type_and_no_promise_pass() -> None:
    _run("SELECT CAST(2 AS BIGINT) AS c", ("BIGINT",), Format.JSON)
    _run("SELECT '2' AS c", (None,), Format.JSON)


def test_only_plain_columns_of_one_publication_are_promised() -> None:
    view = View("v", 1, "", "SELECT 1 AS A, 'x' AS b", (ViewColumn("A", "INTEGER"), ViewColumn("b", "VARCHAR")))
    publication = Publication("p", "v", {"v": 1})
    catalog = WorkspaceCatalog("t", "w", 1, views={("v", 1): view}, latest={"v": 1}, publications={"p": publication})
    for sql, wanted in (
        ('SELECT "a", b AS c, a + 1 AS d FROM p', ("INTEGER", "VARCHAR", None)),
        ("SELECT * FROM p", ()),
    ):
        select = parse_query(sql)
        assert promised_types(select, plan_query(Query(select), catalog), catalog) == wanted

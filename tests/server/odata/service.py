"""An OData service over tables in plain DuckDB: requests in, the bytes that a client would get out.

The trees are the protocol's, the text is the encoders'; only planning and workers are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import duckdb
import orjson
import pyarrow as pa
from sqlglot import exp

from catalog.records import Limits, ViewColumn
from connectors.sdk.scan import Value
from engine.encoders.rows import rows_sql
from engine.encoders.writer import Writer
from engine.engine import sql_literal
from engine.parse import check_nodes
from engine.query import Query, parameter_index
from server.answer import Answer, RequestContext
from server.odata.routes import Document, odata_answer
from tests.server.sample import context, publication, view


@dataclass
class Reply:
    """`status` as the server would choose it: 204 and 404 for an entity or a property without a row."""

    answer: Answer
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json["value"]
        return found


@dataclass
class _Kept:
    head_event: dict[str, object] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)

    def head(self, head: dict[str, object]) -> None:
        self.head_event = head

    def data(self, data: bytes) -> None:
        self.pieces.append(data)


class Service:
    """One publication over one table. `columns`: (name, type); `rows` in their order."""

    def __init__(
        self,
        columns: Sequence[tuple[str, str]],
        rows: Sequence[Sequence[Value | None]],
        *,
        key: tuple[str, ...] = (),
        name: str = "T",
        limits: Limits | None = None,
    ) -> None:
        described = [ViewColumn(column, kind, nullable=column not in key) for column, kind in columns]
        self.context: RequestContext = context([publication(name, "v", key, limits=limits)], [view("v", described)])
        self.name = name
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        types = ", ".join(f'"{column.replace(chr(34), chr(34) * 2)}" {kind}' for column, kind in columns)
        self.connection.execute(f'CREATE TABLE "{name}" ({types})')
        if rows:
            marks = ", ".join("?" for _ in columns)
            self.connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)

    def answer(self, url: str, **headers: str) -> Answer | Document:
        """The answer to a URL below the service root; blanks and quotes may stand in it as they are."""
        path, _, query = url.partition("?")
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        safe = "%()'/,=&$@;:*!+?[]\"{}"
        return odata_answer(self.context, quote(path, safe=safe).encode(), quote(query, safe=safe).encode(), sent)

    def get(self, url: str, **headers: str) -> Reply:
        """The reply to a URL below the service root."""
        answer = self.answer(url, **headers)
        assert isinstance(answer, Answer)
        return self.run(answer)

    def filter(self, text: str, column: str = "k") -> list[Any]:
        """One column of the rows that a $filter leaves, in the table's order."""
        answer = self.answer(f"{self.name}?$filter={quote(text, safe='')}&$select={column}")
        assert isinstance(answer, Answer)
        return [row[0] for row in self.execute(answer.query)]

    def value(self, expression: str) -> Any:
        """What an expression is for the only row, found by ordering by it: its own hidden column is read."""
        answer = self.answer(f"{self.name}?$orderby={quote(expression, safe='')}", prefer="maxpagesize=5")
        assert isinstance(answer, Answer) and answer.encoding.page is not None
        return self.execute(answer.query)[0][-answer.encoding.page.hidden]

    def follow(self, url: str, **headers: str) -> list[Reply]:
        """Every page from a URL on."""
        replies = [self.get(url, **headers)]
        while (link := replies[-1].json.get("@odata.nextLink")) is not None:
            split = urlsplit(link)
            assert f"{split.scheme}://{split.netloc}" == self.context.base_url
            path = split.path.removeprefix("/odata/plant/")
            answer = odata_answer(
                self.context,
                path.encode(),
                split.query.encode(),
                {n.replace("_", "-"): v for n, v in headers.items()},
            )
            assert isinstance(answer, Answer)
            replies.append(self.run(answer))
            assert len(replies) < 1000, "the pages have no end"
        return replies

    def execute(self, query: Query) -> list[tuple[Any, ...]]:
        """The rows of a query as Python values."""
        found: list[tuple[Any, ...]] = self.connection.sql(bound_sql(query)).fetchall()
        return found

    def run(self, answer: Answer) -> Reply:
        """Write an answer as a worker does."""
        count = None if answer.count is None else int(self.execute(answer.count)[0][0])
        inner = bound_sql(answer.query)
        types = [str(kind) for kind in self.connection.sql(inner).types]
        reader: pa.RecordBatchReader = self.connection.sql(rows_sql(inner, answer.encoding, types)).to_arrow_reader(
            100
        )
        sink = _Kept()
        Writer(answer.encoding, sink, count, answer.limits.max_rows, answer.limits.max_bytes).write(
            iter(reader), reader.schema
        )
        status = 200
        if answer.empty_is_missing and sink.head_event["empty"]:
            status = 204 if count else 404
        return Reply(answer, b"".join(sink.pieces), status)


def bound_sql(query: Query) -> str:
    """The statement with its values in, as the engine writes it."""
    check_nodes(query.select)
    select = query.select.copy()
    for node in list(select.find_all(exp.Placeholder)):
        index = parameter_index(node)
        assert index is not None
        node.replace(exp.Var(this=sql_literal(query.parameters[index].value)))
    return select.sql("duckdb")


def one_row(columns: Mapping[str, tuple[str, Value | None]]) -> Service:
    """A table of one row with the key `k`."""
    described = [("k", "INTEGER"), *((name, kind) for name, (kind, _) in columns.items())]
    return Service(described, [[1, *(value for _, value in columns.values())]], key=("k",))

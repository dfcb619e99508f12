"""The connector: code for one kind of source. One file in `connectors/` holds one subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from connectors.sdk.capabilities import ConnectionCapabilities, Table
from connectors.sdk.scan import ScanRequest, TableName


class ConnectorConfig(BaseModel):
    """Base of every connector's configuration: frozen, unknown fields refused, secrets as SecretStr."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a connection test: `dns`, `tcp`, `tls`, `login`, `permission` or `first_row`."""

    name: str
    ok: bool
    seconds: float
    message: str = ""
    hint: str = ""


class Connector(ABC):
    """A configured source. Making one connects to nothing; `close` frees all that it opened.

    Threads: `scan` is called from several threads at once, one thread per scan, each iterating and closing its own
    iterator; `cancel` from yet another. Between `begin` and `end` all calls belong to one query.
    """

    kind: ClassVar[str]
    config_type: ClassVar[type[ConnectorConfig]]
    secret_fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: ConnectorConfig, time_zone: ZoneInfo | None = None) -> None:
        """`time_zone`: what naive timestamps of the source mean; None: they stay naive (TIMESTAMP)."""
        self.config = config
        self.time_zone = time_zone

    @abstractmethod
    def capabilities(self) -> ConnectionCapabilities:
        """What the connection as a whole can do; known without connecting."""

    @abstractmethod
    def list_tables(self, pattern: str = "*", after: TableName | None = None) -> Sequence[TableName]:
        """At most 1,000 tables in name order, behind `after`, whose dotted name matches the glob `pattern`."""

    @abstractmethod
    def describe(self, name: TableName) -> Table:
        """A table's columns, keys and capabilities, read from the source now. SourceTableMissingError if gone."""

    def with_statistics(self, table: Table) -> Table:
        """A described table with what the source knows of its size: rows, distinct values, NULLs, bounds, indexes.

        It reads the source's own catalog or a file's footer, on one session, and no more rows than a small table has.
        """
        return table

    @abstractmethod
    def scan(self, request: ScanRequest) -> Iterator[pa.RecordBatch]:
        """Stream a table's rows. A generator: closing it early frees the session and ends the statement."""

    def statement(self, request: ScanRequest) -> str | None:
        """What a scan would send to the source, in its own language with placeholders for values: for EXPLAIN.

        None: the source has no statements. It may look at the source's description, and reads no rows.
        """
        return None

    @abstractmethod
    def test(self) -> Iterator[Stage]:
        """Try the connection stage by stage; stops after the first stage that fails."""

    def begin(self, run: str, scans: int) -> bool:
        """A query with that many scans starts; True if they will all share one snapshot."""
        return False

    def end(self) -> None:
        """The query is over: sessions go back to idle, none holds a transaction open."""

    def requests(self) -> int:
        """How many requests it sent since it was made, also those sent again or in vain; 0: it doesn't count."""
        return 0

    def retries(self) -> int:
        """How often it asked again what a source had refused or broken off, since it was made."""
        return 0

    def nulls_made(self, table: TableName) -> int:
        """How many values of the table could not be read and became NULL, since the query began."""
        return 0

    @abstractmethod
    def cancel(self) -> None:
        """End everything that runs for the current query, at the source too; scans raise ScanCancelledError."""

    @abstractmethod
    def close(self) -> None:
        """Free every session."""

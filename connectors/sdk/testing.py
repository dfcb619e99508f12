"""The contract of a connector, as a pytest class: subclass it once per kind and implement the hooks.

    class TestSqliteContract(ConnectorContract):
        kind = "sqlite"
        def make(self, time_zone=None, **changes): return Sqlite(SqliteConfig(path=..., **changes), time_zone)
        def create(self, table): ...          # a real table, in the real source

Hooks raise pytest.skip where a server is missing. What a kind can't do is left out of its class attributes
(`column_types`, `faults`); a known gap is a strict xfail on an overridden test, with its reason.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from connectors.sdk import errors
from connectors.sdk.batches import MOST_BYTES, MOST_ROWS, schema_of
from connectors.sdk.capabilities import Support
from connectors.sdk.connector import Connector
from connectors.sdk.registry import connector_config
from connectors.sdk.scan import AllOf, AnyOf, Comparison, Op, ScanRequest, SortKey, TableName
from connectors.sdk.testing_differences import differences, read, read_all, same, some_value, typed
from connectors.sdk.testing_faults import EXPECTED
from connectors.sdk.testing_faults import Fault as Fault
from connectors.sdk.testing_values import as_read, holds, rank, values_of
from connectors.sdk.types import family

BIG_ROWS = 300_000


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table to make at the source: `columns` are (name, column type); `rows` are in Python's own types, UUIDs as
    UUID; `key` the primary key where the kind has such a thing (else ignored)."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: Sequence[tuple[Any, ...]]
    key: tuple[str, ...] = field(default=())


class ConnectorContract:
    """Subclass as `Test<Kind>Contract`; one instance per test, so keep what is costly in fixtures of class scope."""

    kind: ClassVar[str]
    # Column types that a table of this kind can have, the key's BIGINT apart.
    column_types: ClassVar[tuple[str, ...]]
    faults: ClassVar[frozenset[Fault]] = frozenset()
    has_keys: ClassVar[bool] = True
    secret: ClassVar[str] = ""  # a secret of the configuration, to look for in errors and reprs

    # Hooks ----------------------------------------------------------------------------------------------------

    def make(self, time_zone: ZoneInfo | None = None) -> Connector:
        """A new connector to the source that `create` writes to."""
        raise NotImplementedError

    def create(self, table: SourceTable) -> TableName:
        """Make the table at the source (replacing one of that name); gives the name that `describe` takes."""
        raise NotImplementedError

    def keeps(self, sql_type: str, value: Any) -> bool:
        """Whether the source can hold the value at all; those it can't are left out (say why in a comment)."""
        return True

    def more_tables(self) -> Sequence[TableName]:
        """Further tables with the kind's own odd columns (collations, affinities…), for the differential check."""
        return ()

    def running_statements(self) -> int | None:
        """How many statements of this connector run at the source right now; None where that has no meaning."""
        return None

    def insert(self, name: TableName, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows behind the connector's back; needed where capabilities().snapshot is true."""
        raise NotImplementedError

    def broken(self, fault: Fault) -> Connector:
        """A new connector to the same source with that fault in between; only for members of `faults`."""
        raise NotImplementedError

    def configuration(self) -> dict[str, object]:
        """Valid configuration values, as a catalog would hold them, secrets in clear."""
        raise NotImplementedError

    # Fixtures and small parts ---------------------------------------------------------------------------------

    @pytest.fixture
    def connector(self) -> Iterator[Connector]:
        made = self.make()
        yield made
        made.close()

    def reference(self) -> SourceTable:
        """One column per type, with every boundary value and NULL in it."""
        columns = (("id", "BIGINT"), *((f"c_{family(t)}_{n}", t) for n, t in enumerate(self.column_types)))
        lists = [[value for value in values_of(t) if self.keeps(t, value)] for t in self.column_types]
        count = max(map(len, lists)) + 1
        rows = [(n, *(values[n] if n < len(values) else None for values in lists)) for n in range(count)]
        return SourceTable("reference", columns, rows, ("id",))

    def big(self) -> SourceTable:
        rows = [(n, f"row {n} " + "x" * 60) for n in range(BIG_ROWS)]
        return SourceTable("big", (("id", "BIGINT"), ("label", "VARCHAR")), rows, ("id",))

    # Tables and schemas ---------------------------------------------------------------------------------------

    def test_tables_are_listed_in_order_and_by_pattern(self, connector: Connector) -> None:
        made = [self.create(SourceTable(name, (("id", "BIGINT"),), [(1,)])) for name in ("aa_one", "aa_two", "zz")]
        listed = connector.list_tables()
        assert list(listed) == sorted(listed, key=lambda name: name.parts)
        assert set(made) <= set(listed)
        assert set(made[:2]) <= set(connector.list_tables("*aa_*")) and made[2] not in connector.list_tables("*aa_*")
        assert listed[0] not in connector.list_tables(after=listed[0])

    def test_a_description_is_stable_and_says_the_declared_types(self, connector: Connector) -> None:
        table = self.reference()
        name = self.create(table)
        described = connector.describe(name)
        assert described == connector.describe(name)
        assert tuple((column.name, column.sql_type) for column in described.columns) == table.columns
        assert described.keys == ((("id",),) if self.has_keys else ())

    def test_statistics_change_nothing_else_of_a_description(self, connector: Connector) -> None:
        described = connector.describe(self.create(self.reference()))
        found = connector.with_statistics(described)
        kept = tuple(
            replace(column, distinct_estimate=None, null_fraction=None, minimum=None, maximum=None, in_order=None)
            for column in found.columns
        )
        assert replace(found, columns=kept, indexed=(), row_estimate=described.row_estimate) == described
        assert all(column.distinct_estimate != 0 for column in found.columns)

    def test_a_missing_table_is_named(self, connector: Connector) -> None:
        gone = TableName((*self.create(SourceTable("zz", (("id", "BIGINT"),), [(1,)])).parts[:-1], "not_there"))
        with pytest.raises(errors.SourceTableMissingError, match="not_there"):
            connector.describe(gone)
        with pytest.raises((errors.SourceTableMissingError, errors.SourceSchemaChangedError), match="not_there"):
            list(connector.scan(ScanRequest(gone, (("id", "BIGINT"),))))

    def test_a_changed_column_is_named(self, connector: Connector) -> None:
        name = self.create(SourceTable("changed", (("id", "BIGINT"),), [(1,)]))
        for columns in ((("gone", "BIGINT"),), (("id", "DATE"),)):
            with pytest.raises(errors.SourceSchemaChangedError, match=columns[0][0]):
                list(connector.scan(ScanRequest(name, columns)))

    # Values ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("expected", [None, 1], ids=["in bulk", "as few rows"])
    def test_every_value_survives(self, connector: Connector, expected: int | None) -> None:
        table = self.reference()
        name = self.create(table)
        rows = read(connector, ScanRequest(name, table.columns, expected_rows=expected))
        found = sorted(rows, key=lambda row: row["id"])
        assert len(found) == len(table.rows)
        for row, wanted in zip(found, table.rows, strict=True):
            for (column, sql_type), value in zip(table.columns, wanted, strict=True):
                assert same(row[column], as_read(sql_type, value)), (column, sql_type, value, row[column])

    def test_many_rows_come_where_few_were_expected(self, connector: Connector) -> None:
        table = self.big()
        name = self.create(table)
        request = ScanRequest(name, (("id", "BIGINT"), ("label", "VARCHAR")), expected_rows=1)
        assert sum(batch.num_rows for batch in connector.scan(request)) == len(table.rows)

    def test_an_empty_table_has_no_rows(self, connector: Connector) -> None:
        name = self.create(SourceTable("empty", (("id", "BIGINT"), ("label", "VARCHAR")), []))
        request = ScanRequest(name, (("id", "BIGINT"), ("label", "VARCHAR")))
        assert sum(batch.num_rows for batch in connector.scan(request)) == 0

    def test_columns_come_as_asked(self, connector: Connector) -> None:
        name = self.create(self.reference())
        columns = tuple((column.name, column.sql_type) for column in reversed(connector.describe(name).columns))[:3]
        for batch in connector.scan(ScanRequest(name, columns)):
            assert batch.schema.equals(schema_of(columns))

    def test_no_columns_still_counts_rows(self, connector: Connector) -> None:
        table = self.reference()
        request = ScanRequest(self.create(table), ())
        assert sum(batch.num_rows for batch in connector.scan(request)) == len(table.rows)

    def test_naive_timestamps_are_instants_of_the_time_zone(self) -> None:
        if "TIMESTAMP" not in self.column_types:
            pytest.skip("this kind has no naive timestamps")
        rows = [(n, value) for n, value in enumerate(values_of("TIMESTAMP")) if self.keeps("TIMESTAMP", value)]
        name = self.create(SourceTable("local_times", (("id", "BIGINT"), ("at", "TIMESTAMP")), [*rows, (99, None)]))
        naive = self.make()
        assert naive.describe(name).naive_timestamps == ("at",)
        naive.close()
        for key in ("Europe/Berlin", "Australia/Lord_Howe", "UTC"):
            connector = self.make(ZoneInfo(key))
            table = connector.describe(name)
            assert table.columns[1].sql_type == "TIMESTAMP WITH TIME ZONE"
            assert Support.EXACT not in {table.columns[1].operators.get(op) for op in _ORDERED}
            found = {row["id"]: row["at"] for row in read_all(connector, name, typed(table))}
            assert found == {n: as_read("TIMESTAMP WITH TIME ZONE", v, ZoneInfo(key)) for n, v in [*rows, (99, None)]}
            assert differences(connector, table) == []
            connector.close()

    # Streams --------------------------------------------------------------------------------------------------

    def test_batches_are_bounded_and_complete(self, connector: Connector) -> None:
        name = self.create(self.big())
        batches = list(connector.scan(ScanRequest(name, (("id", "BIGINT"), ("label", "VARCHAR")))))
        assert sum(batch.num_rows for batch in batches) == BIG_ROWS
        assert max(batch.num_rows for batch in batches) <= max(MOST_ROWS, 65_536)
        assert max(batch.nbytes for batch in batches) <= 2 * MOST_BYTES

    def test_the_first_batch_comes_before_the_last_is_produced_and_closing_early_frees_the_source(
        self, connector: Connector
    ) -> None:
        name = self.create(self.big())
        scan = connector.scan(ScanRequest(name, (("id", "BIGINT"), ("label", "VARCHAR"))))
        assert 0 < next(scan).num_rows < BIG_ROWS / 2
        assert self.running_statements() in (1, None)
        started = time.monotonic()
        scan.close()  # type: ignore[attr-defined]
        assert time.monotonic() - started < 2
        self._wait_for_no_statement()
        assert sum(batch.num_rows for batch in connector.scan(ScanRequest(name, (("id", "BIGINT"),)))) == BIG_ROWS

    def test_cancel_ends_the_scan_at_the_source(self, connector: Connector) -> None:
        name = self.create(self.big())
        connector.begin("cancelled", 1)
        scan = connector.scan(ScanRequest(name, (("id", "BIGINT"), ("label", "VARCHAR"))))
        next(scan)
        threading.Thread(target=connector.cancel).start()
        with pytest.raises(errors.ScanCancelledError):
            for _ in scan:
                time.sleep(0.02)
        connector.end()
        self._wait_for_no_statement()
        assert sum(batch.num_rows for batch in connector.scan(ScanRequest(name, (("id", "BIGINT"),)))) == BIG_ROWS

    def test_several_scans_run_side_by_side(self, connector: Connector) -> None:
        name = self.create(self.big())
        connector.begin("side by side", 2)
        left = connector.scan(ScanRequest(name, (("id", "BIGINT"),)))
        right = connector.scan(ScanRequest(name, (("label", "VARCHAR"),)))
        counts = [next(left).num_rows, next(right).num_rows]
        counts[0] += sum(batch.num_rows for batch in left)
        counts[1] += sum(batch.num_rows for batch in right)
        connector.end()
        assert counts == [BIG_ROWS, BIG_ROWS]

    def test_scans_of_one_query_share_the_snapshot_that_is_declared(self, connector: Connector) -> None:
        if not connector.capabilities().snapshot:
            assert connector.begin("no snapshot", 2) is False
            pytest.skip("this kind declares no snapshot")
        name = self.create(SourceTable("growing", (("id", "BIGINT"),), [(1,)]))
        assert connector.begin("one", 2) is True
        first = sum(batch.num_rows for batch in connector.scan(ScanRequest(name, (("id", "BIGINT"),))))
        self.insert(name, [(2,)])
        second = sum(batch.num_rows for batch in connector.scan(ScanRequest(name, (("id", "BIGINT"),))))
        connector.end()
        connector.begin("two", 2)
        third = sum(batch.num_rows for batch in connector.scan(ScanRequest(name, (("id", "BIGINT"),))))
        connector.end()
        assert (first, second, third) == (1, 1, 2)

    # Predicates, order, limit ---------------------------------------------------------------------------------

    def test_each_declared_operator_is_as_exact_as_declared(self, connector: Connector) -> None:
        names = [self.create(self.reference()), *self.more_tables()]
        assert [line for name in names for line in differences(connector, connector.describe(name))] == []

    def test_an_undeclared_operator_is_refused(self, connector: Connector) -> None:
        table = connector.describe(self.create(self.reference()))
        for column in table.columns:
            for op in set(Op) - set(column.operators):
                values = () if op in (Op.IS_NULL, Op.IS_NOT_NULL) else ("1",)
                request = ScanRequest(table.name, typed(table)[:1], (Comparison(column.name, op, values),))
                with pytest.raises(errors.UnsupportedPredicateError):
                    list(connector.scan(request))

    def test_terms_combine(self, connector: Connector) -> None:
        table = connector.describe(self.create(self.reference()))
        rows = read_all(connector, table.name, typed(table))
        terms = [
            Comparison(column.name, op, (some_value(rows, column.name),) if op is Op.EQ else ())
            for column in table.columns
            for op in (Op.EQ, Op.IS_NULL)
            if op in column.operators and column.operators[op] is Support.EXACT and family(column.sql_type) != "uuid"
        ]
        if len(terms) < 2:
            pytest.skip("too few exact operators to combine")
        for predicates in (
            (AnyOf(tuple(terms)),),
            (AllOf((terms[0], terms[-1])),),
            (AnyOf((AllOf((terms[0], terms[1])), AnyOf(()), terms[-1])), AllOf(())),
            (AnyOf(()),),
        ):
            request = ScanRequest(table.name, typed(table), predicates)
            wanted = [row["id"] for row in rows if all(holds(predicate, row) for predicate in predicates)]
            assert sorted(r["id"] for r in read(connector, request)) == sorted(wanted)

    def test_a_declared_order_is_duckdbs(self, connector: Connector) -> None:
        table = connector.describe(self.create(self.reference()))
        rows = read_all(connector, table.name, typed(table))
        for column in (column for column in table.columns if column.orders):
            for descending in (False, True):
                for nulls_first in (False, True):
                    request = ScanRequest(
                        table.name, typed(table), (), (SortKey(column.name, descending, nulls_first),)
                    )
                    found = [row[column.name] for row in read(connector, request)]
                    values = [row[column.name] for row in rows]
                    nulls = [value for value in values if value is None]
                    some = sorted((v for v in values if v is not None), key=rank, reverse=descending)
                    wanted = nulls + some if nulls_first else some + nulls
                    assert list(map(rank, found)) == list(map(rank, wanted)), (column, descending, nulls_first)

    def test_a_limit_is_kept(self, connector: Connector) -> None:
        table = connector.describe(self.create(self.reference()))
        if not table.limit:
            with pytest.raises(errors.UnsupportedPredicateError):
                list(connector.scan(ScanRequest(table.name, typed(table), limit=3)))
            return
        for limit in (0, 1, 3, 1_000_000):
            rows = read(connector, ScanRequest(table.name, typed(table), limit=limit))
            assert len(rows) == min(limit, len(self.reference().rows))

    # Faults and configuration ---------------------------------------------------------------------------------

    @pytest.mark.parametrize("fault", list(Fault))
    def test_a_fault_gives_its_own_error_and_never_a_short_answer(self, fault: Fault) -> None:
        if fault not in self.faults:
            pytest.skip(f"{fault.value} can't happen to this kind")
        name = self.create(self.big())
        connector = self.broken(fault)
        started = time.monotonic()
        with pytest.raises(EXPECTED[fault]) as caught:
            list(connector.scan(ScanRequest(name, (("id", "BIGINT"), ("label", "VARCHAR")))))
        assert time.monotonic() - started < 15
        assert not self.secret or self.secret not in f"{caught.value!r} {caught.value.hint} {caught.value.details}"
        connector.close()

    def test_a_connection_test_passes_every_stage(self, connector: Connector) -> None:
        self.create(SourceTable("zz", (("id", "BIGINT"),), [(1,)]))
        stages = list(connector.test())
        assert stages and [stage for stage in stages if not stage.ok] == []
        assert stages[-1].name == "first_row"

    @pytest.mark.parametrize("fault", [Fault.WRONG_PASSWORD, Fault.DEAD_HOST, Fault.SLOW_HOST])
    def test_a_connection_test_names_the_failing_stage_and_a_cure(self, fault: Fault) -> None:
        if fault not in self.faults:
            pytest.skip(f"{fault.value} can't happen to this kind")
        connector = self.broken(fault)
        stages = list(connector.test())
        assert [stage.ok for stage in stages] == [True] * (len(stages) - 1) + [False]
        names = {
            Fault.WRONG_PASSWORD: {"login"},
            Fault.DEAD_HOST: {"tcp"},
            Fault.SLOW_HOST: {"tls", "login", "first_row"},
        }
        assert stages[-1].name in names[fault]
        assert stages[-1].hint and stages[-1].message
        assert not self.secret or self.secret not in repr(stages)
        connector.close()

    def test_a_wrong_field_is_named_and_no_secret_shown(self) -> None:
        good = self.configuration()
        config = connector_config(self.kind, good)
        assert not self.secret or self.secret not in f"{config!r} {config}"
        with pytest.raises(errors.ConfigurationError, match="no_such_field") as caught:
            connector_config(self.kind, {**good, "no_such_field": self.secret or "x"})
        assert not self.secret or self.secret not in f"{caught.value!r} {caught.value.hint} {caught.value.details}"

    def test_its_secret_fields_are_fields(self) -> None:
        made = self.make()
        assert made.secret_fields <= set(made.config_type.model_fields)
        assert made.kind == self.kind
        made.close()

    def _wait_for_no_statement(self) -> None:
        deadline = time.monotonic() + 2
        while self.running_statements():
            assert time.monotonic() < deadline, "a statement still runs at the source 2 s after the scan ended"
            time.sleep(0.05)


_ORDERED = (Op.EQ, Op.IN, Op.LT, Op.LE, Op.GT, Op.GE)

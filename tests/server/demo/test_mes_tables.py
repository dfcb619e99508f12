import pytest

from server.demo.mes_tables import TABLES, Table, rows


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_has_its_columns_a_unique_key_and_at_most_ten_pages(table: Table) -> None:
    found = rows(table.name)
    assert 300 <= len(found) <= 5000
    assert all(list(row) == list(table.columns) for row in found)
    assert len({row[table.key] for row in found}) == len(found)
    assert any(value is None for row in found for value in row.values())


def test_every_work_order_that_is_mentioned_is_known() -> None:
    known = {row["work_order_no"] for row in rows("work_orders")} | {None}
    for table in ("machine_states", "production_counts", "scrap_reports"):
        assert {row["work_order_no"] for row in rows(table)} <= known

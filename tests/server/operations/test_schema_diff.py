"""What changed in a connection's tables."""

from server.operations.schema_diff import ColumnChange, SchemaDiff, TableChange, schema_diff


def table(**columns: str) -> dict[str, object]:
    return {"columns": [{"name": name, "type": kind, "comment": ""} for name, kind in columns.items()], "keys": []}


def test_equal_tables_have_no_difference() -> None:
    assert not schema_diff({"t": table(a="BIGINT")}, {"t": table(a="BIGINT")})


def test_tables_come_and_go() -> None:
    assert schema_diff({"old": table(a="DATE")}, {"new": table(a="DATE")}) == SchemaDiff(("new",), ("old",))


def test_no_table_is_gone_when_the_list_is_not_whole() -> None:
    assert schema_diff({"old": table(a="DATE")}, {}, whole=False) == SchemaDiff()


def test_columns_are_added_dropped_and_retyped() -> None:
    before, now = table(a="BIGINT", b="DATE"), table(a="VARCHAR", c="DATE")
    (change,) = schema_diff({"t": before}, {"t": now}).changed
    assert change == TableChange("t", ("c",), ("b",), (ColumnChange("a", "BIGINT", "VARCHAR"),), other=True)
    assert change.breaks


def test_another_comment_breaks_nothing() -> None:
    now = table(a="BIGINT")
    now["columns"][0]["comment"] = "new"  # type: ignore[index]
    (change,) = schema_diff({"t": table(a="BIGINT")}, {"t": now}).changed
    assert change.other and not change.breaks

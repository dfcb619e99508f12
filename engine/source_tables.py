"""A table's description in the catalog: the JSON form of `connectors.sdk.Table`, and look-up by the names of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import cast

import orjson

from catalog.records import WorkspaceCatalog
from connectors.sdk import Column, ForeignKey, Op, Support, Table, TableName

COLUMN_STATISTICS = ("distinct_estimate", "null_fraction", "minimum", "maximum", "in_order")


def table_to_json(table: Table) -> dict[str, object]:
    """JSON form of a description, as `SourceSchema.definition` keeps it."""
    return {
        "name": list(table.name.parts),
        "columns": [
            {
                "name": column.name,
                "type": column.sql_type,
                "nullable": column.nullable,
                "operators": {str(op): str(support) for op, support in column.operators.items()},
                "orders": column.orders,
                "binary_text": column.binary_text,
                "comment": column.comment,
                **({"collation": column.collation} if column.collation else {}),
                **_column_statistics(column),
            }
            for column in table.columns
        ],
        "keys": [list(key) for key in table.keys],
        **({"declared_keys": [list(key) for key in table.declared_keys]} if table.declared_keys else {}),
        "foreign_keys": [
            {"columns": list(key.columns), "other": list(key.other.parts), "other_columns": list(key.other_columns)}
            for key in table.foreign_keys
        ],
        "required_filters": list(table.required_filters),
        "limit": table.limit,
        "key_lookup": table.key_lookup,
        "row_estimate": table.row_estimate,
        "comment": table.comment,
        "naive_timestamps": list(table.naive_timestamps),
        "indexed": list(table.indexed),
        "statistics_at": table.statistics_at.isoformat() if table.statistics_at else None,
    }


def _column_statistics(column: Column) -> dict[str, object]:
    """What is known of a column's values; nothing is written of what is not."""
    values = {name: getattr(column, name) for name in COLUMN_STATISTICS}
    known = {name: value for name, value in values.items() if value is not None}
    return {"statistics": known} if known else {}


def without_statistics(definition: Mapping[str, object]) -> dict[str, object]:
    """What a table is, in JSON form, without how much it holds."""
    columns = [{**column, "statistics": None} for column in cast("list[dict[str, object]]", definition["columns"])]
    return {**definition, "columns": columns, "row_estimate": None, "indexed": None, "statistics_at": None}


def without_bounds(definition: Mapping[str, object]) -> dict[str, object]:
    """A description for people: the least and greatest values are rows of the source, and are left out."""
    columns = [dict(column) for column in cast("list[dict[str, object]]", definition["columns"])]
    for column in columns:
        known = cast("dict[str, object]", column.get("statistics", {}))
        if known:
            column["statistics"] = {name: v for name, v in known.items() if name not in ("minimum", "maximum")}
    return {**definition, "columns": columns}


def table_from_json(data: dict[str, object]) -> Table:
    """Inverse of `table_to_json`."""
    return _table_from_text(orjson.dumps(data))


@lru_cache(maxsize=4096)
def _table_from_text(text: bytes) -> Table:
    # Cached by content: the same description is read for every plan over its table.
    data = orjson.loads(text)
    return Table(
        name=TableName(tuple(data["name"])),
        columns=tuple(
            Column(
                name=column["name"],
                sql_type=column["type"],
                nullable=column["nullable"],
                operators={Op(op): Support(support) for op, support in column["operators"].items()},
                orders=column["orders"],
                binary_text=column["binary_text"],
                comment=column["comment"],
                collation=column.get("collation", ""),
                **column.get("statistics", {}),
            )
            for column in data["columns"]
        ),
        keys=tuple(tuple(key) for key in data["keys"]),
        foreign_keys=tuple(
            ForeignKey(tuple(key["columns"]), TableName(tuple(key["other"])), tuple(key["other_columns"]))
            for key in data["foreign_keys"]
        ),
        required_filters=tuple(data["required_filters"]),
        limit=data["limit"],
        key_lookup=data.get("key_lookup", 0),
        row_estimate=data["row_estimate"],
        comment=data["comment"],
        naive_timestamps=tuple(data["naive_timestamps"]),
        indexed=tuple(data.get("indexed", ())),
        statistics_at=datetime.fromisoformat(data["statistics_at"]) if data.get("statistics_at") else None,
        declared_keys=tuple(tuple(key) for key in data.get("declared_keys", ())),
    )


def find_table(catalog: WorkspaceCatalog, connection: str, parts: tuple[str, ...]) -> list[Table]:
    """Tables of a connection that a name in SQL can mean: the exact dotted name, else every table it ends.

    Case is ignored. No table: the list is empty; several: the name is ambiguous.
    """
    exact = catalog.schema(connection, ".".join(parts))
    if exact is not None:
        return [table_from_json(cast("dict[str, object]", exact.definition))]
    ending = "." + ".".join(parts).lower()
    return [
        table_from_json(cast("dict[str, object]", schema.definition))
        for (owner, name), schema in catalog.schemas.items()
        if owner == connection.lower() and name.endswith(ending)
    ]


def our_names(table: Table) -> list[str]:
    """The names of a table's columns in our SQL, in lower case. Of columns whose names differ in case only, each
    later one gets a number: `id`, `id_1`."""
    names: list[str] = []
    spelled = {column.name.lower() for column in table.columns}
    for column in table.columns:
        name, number = column.name.lower(), 1
        while name in names or (number > 1 and name in spelled):
            name, number = f"{column.name.lower()}_{number}", number + 1
        names.append(name)
    return names

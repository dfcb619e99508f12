"""A table's description in the catalog: the JSON form of `connectors.sdk.Table`, and look-up by the names of SQL."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import orjson

from catalog.records import WorkspaceCatalog
from connectors.sdk import Column, ForeignKey, Op, Support, Table, TableName


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
            }
            for column in table.columns
        ],
        "keys": [list(key) for key in table.keys],
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
    }


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

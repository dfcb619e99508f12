"""Column types and what they are called in $metadata."""

from __future__ import annotations

import pytest

from connectors.sdk.types import SIMPLE
from server.odata.edm_types import EdmType, edm_type, may_be_key


@pytest.mark.parametrize(
    ("sql_type", "expected"),
    [
        ("BOOLEAN", EdmType("Edm.Boolean")),
        ("TINYINT", EdmType("Edm.SByte")),
        ("UTINYINT", EdmType("Edm.Byte")),
        ("USMALLINT", EdmType("Edm.Int32")),
        ("UINTEGER", EdmType("Edm.Int64")),
        ("BIGINT", EdmType("Edm.Int64")),
        ("UBIGINT", EdmType("Edm.Decimal", 20, 0)),
        ("HUGEINT", EdmType("Edm.Decimal", 39, 0)),
        ("DECIMAL(12,3)", EdmType("Edm.Decimal", 12, 3)),
        ("DECIMAL(38, 0)", EdmType("Edm.Decimal", 38, 0)),
        ("FLOAT", EdmType("Edm.Single")),
        ("TIME", EdmType("Edm.TimeOfDay", 6)),
        ("TIMESTAMP", EdmType("Edm.DateTimeOffset", 6)),
        ("TIMESTAMP WITH TIME ZONE", EdmType("Edm.DateTimeOffset", 6)),
        ("UUID", EdmType("Edm.Guid")),
        ("BLOB", EdmType("Edm.Binary")),
        ("INTEGER[]", EdmType("Edm.String")),
    ],
)
def test_a_column_type_has_this_edm_type(sql_type: str, expected: EdmType) -> None:
    assert edm_type(sql_type) == expected


def test_every_column_type_of_the_sdk_has_a_type_of_its_own_choice() -> None:
    assert [t for t in SIMPLE if edm_type(t).name == "Edm.String"] == ["VARCHAR"]


def test_floats_binaries_and_nested_values_are_no_keys() -> None:
    refused = [t for t in (*SIMPLE, "DECIMAL(9,2)", "INTEGER[]") if not may_be_key(t)]
    assert refused == ["FLOAT", "DOUBLE", "BLOB", "INTEGER[]"]

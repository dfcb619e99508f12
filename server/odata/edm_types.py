"""Column types → Edm types with their facets (CSDL 4.01 §4.4 and §7.2).

A naive TIMESTAMP is published as DateTimeOffset and written as UTC with `Z`: Edm has no local time, and Power Query
refuses a DateTimeOffset without zone. UBIGINT goes beyond Int64 and HUGEINT (what sum() of integers is) beyond that,
so both are decimals without fraction. What Edm has no word for is text.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.sdk.types import decimal_parts


@dataclass(frozen=True, slots=True)
class EdmType:
    """`name` is qualified. `precision`: digits of a decimal, or digits of a second's fraction."""

    name: str
    precision: int | None = None
    scale: int | None = None


STRING = EdmType("Edm.String")
_TYPES = {
    "BOOLEAN": EdmType("Edm.Boolean"),
    "TINYINT": EdmType("Edm.SByte"),
    "SMALLINT": EdmType("Edm.Int16"),
    "INTEGER": EdmType("Edm.Int32"),
    "BIGINT": EdmType("Edm.Int64"),
    "HUGEINT": EdmType("Edm.Decimal", 39, 0),
    "UTINYINT": EdmType("Edm.Byte"),
    "USMALLINT": EdmType("Edm.Int32"),
    "UINTEGER": EdmType("Edm.Int64"),
    "UBIGINT": EdmType("Edm.Decimal", 20, 0),
    "UHUGEINT": EdmType("Edm.Decimal", 39, 0),
    "FLOAT": EdmType("Edm.Single"),
    "DOUBLE": EdmType("Edm.Double"),
    "VARCHAR": STRING,
    "BLOB": EdmType("Edm.Binary"),
    "DATE": EdmType("Edm.Date"),
    "TIME": EdmType("Edm.TimeOfDay", 6),
    "TIMESTAMP": EdmType("Edm.DateTimeOffset", 6),
    "TIMESTAMP WITH TIME ZONE": EdmType("Edm.DateTimeOffset", 6),
    "UUID": EdmType("Edm.Guid"),
}
# CSDL 4.01 §6.5: floating point and binary values can't identify an entity.
_NO_KEY = frozenset({"Edm.Single", "Edm.Double", "Edm.Binary"})


def edm_type(sql_type: str) -> EdmType:
    """The Edm type in which a column type is published."""
    parts = decimal_parts(sql_type)
    if parts is not None:
        return EdmType("Edm.Decimal", *parts)
    return _TYPES.get(sql_type, STRING)


def may_be_key(sql_type: str) -> bool:
    """Whether a column of this type may stand in an entity's key."""
    return (sql_type in _TYPES or decimal_parts(sql_type) is not None) and edm_type(sql_type).name not in _NO_KEY

"""cast and isof: OData 4.01 URL Conventions 5.1.1.10.

A value that the type can't hold gives null. A number becomes an integer by rounding half away from zero. Text is read
as DuckDB reads it, and written as answers write it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from connectors.sdk.types import decimal_parts
from server.odata.errors import ODataNotImplementedError, ODataTypeError
from server.odata.nodes import call, cast, is_not_null, truth, wrapped
from server.odata.terms import MOMENTS, NUMBERS, Term, computed, edm_name, null_at, sql
from server.odata.translation import Translation

_TYPES = {
    "Edm.Boolean": "BOOLEAN", "Edm.SByte": "TINYINT", "Edm.Byte": "UTINYINT", "Edm.Int16": "SMALLINT",
    "Edm.Int32": "INTEGER", "Edm.Int64": "BIGINT", "Edm.Single": "FLOAT", "Edm.Double": "DOUBLE",
    "Edm.Decimal": "DECIMAL", "Edm.String": "VARCHAR", "Edm.Date": "DATE", "Edm.TimeOfDay": "TIME",
    "Edm.DateTimeOffset": "TIMESTAMP WITH TIME ZONE", "Edm.Guid": "UUID",
}  # fmt: skip
_FROM: dict[str, frozenset[str]] = {
    "boolean": frozenset({"boolean", "text"}),
    "number": NUMBERS | {"text"},
    "text": NUMBERS | MOMENTS | {"boolean", "text", "date", "time", "uuid"},
    "date": frozenset({"date", "text"}) | MOMENTS,
    "time": frozenset({"time", "text"}) | MOMENTS,
    "moment": frozenset({"date", "text"}) | MOMENTS,
    "uuid": frozenset({"uuid", "text"}),
}


def casted(to: Translation, type_name: str, operand: Term, position: int) -> Term:
    """`cast(operand,type)`."""
    wanted = _TYPES.get(type_name)
    if wanted is None:
        raise ODataNotImplementedError(
            f"cast to {type_name[:80]} is not implemented.",
            option=to.option,
            position=position,
            hint=f"Types are: {', '.join(_TYPES)}.",
        )
    if operand.kind == "null":
        return null_at(position)
    allowed = _FROM[_group(wanted)]
    if operand.kind not in allowed:
        raise ODataTypeError(
            f"{edm_name(operand)} can't be cast to {type_name}.", option=to.option, position=operand.position
        )
    node = sql(operand, to.parameters, option=to.option)
    if wanted == "DECIMAL":
        wanted = _decimal(operand)
    if wanted == "VARCHAR" and operand.kind in MOMENTS:
        text: exp.Expr = cast(cast(node, "TIMESTAMP"), "VARCHAR")
        text = call("replace", text, exp.Literal.string(" "), exp.Literal.string("T"))
        text = exp.DPipe(this=text, expression=exp.Literal.string("Z"))
        return computed(text, "VARCHAR", operand)
    if operand.kind == "timestamptz" and wanted in ("DATE", "TIME"):
        node = cast(node, "TIMESTAMP")
    if operand.kind == "float" and wanted not in ("FLOAT", "DOUBLE", "VARCHAR") and not wanted.startswith("DEC"):
        node = exp.Round(this=node)  # DuckDB's own cast rounds half to even
    # A value that doesn't fit becomes NULL, so the result may be one whatever the operand was.
    return computed(cast(node, wanted, safe=True), wanted, operand, nullable=True)


def is_of(to: Translation, type_name: str, operand: Term | None, position: int) -> Term:
    """`isof(operand,type)`: false for null; without an operand, of the entity itself."""
    if operand is None:
        entity_set = to.known.entity_set
        own = type_name.rpartition(".")[2] == entity_set.type_name or type_name == "Edm.EntityType"
        return computed(truth(own), "BOOLEAN", nullable=False)
    same = edm_name(operand) == type_name or type_name == "Edm.PrimitiveType"
    if operand.kind == "null" or not same:
        return computed(truth(False), "BOOLEAN", nullable=False)
    node = truth(True) if not operand.nullable else is_not_null(wrapped(sql(operand, to.parameters)))
    return computed(node, "BOOLEAN", nullable=False)


def _group(wanted: str) -> str:
    if wanted == "TIMESTAMP WITH TIME ZONE":
        return "moment"
    names: Sequence[tuple[str, str]] = (
        ("BOOLEAN", "boolean"), ("VARCHAR", "text"), ("DATE", "date"), ("TIME", "time"), ("UUID", "uuid"),
    )  # fmt: skip
    return dict(names).get(wanted, "number")


def _decimal(operand: Term) -> str:
    """Edm.Decimal has no facets here: a decimal stays as it is, integers get no fraction, others ten digits."""
    if operand.kind == "decimal":
        return operand.sql_type if decimal_parts(operand.sql_type) else "DECIMAL(38,10)"
    return "DECIMAL(38,0)" if operand.kind == "integer" else "DECIMAL(38,10)"

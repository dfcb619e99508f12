"""A condition in a source's own dialect over one scan's table, for what no predicate can say, and its JSON form.

Apart from the rule that makes it, so that a worker needs no SQL parser. Its text holds no value. In place of the
table's name before a column stands `TABLE`, so that two scans of one table say the same thing alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from connectors.sdk.scan import Condition, Value
from engine.errors import ParameterValueError
from engine.fragments import Param, typed
from engine.values import from_json, to_json

TABLE = "\ue000"  # of a private area: no sign of SQL


@dataclass(frozen=True, slots=True)
class SourceCondition:
    """`words`: it for people, without values. `exact`: a source that tests it leaves nothing of it to DuckDB; else it
    is true of more rows. `beside`: a predicate says part of the same, so that it is no news to an estimate."""

    sql: str
    parameters: tuple[Value | Param | None, ...]
    words: str
    exact: bool
    beside: bool = False

    def over(self, alias: str) -> str:
        """The text where the table has a name."""
        return self.sql.replace(TABLE, alias)

    def asked(self) -> Condition:
        """What a connector is given, once bound: its one table needs no name."""
        assert not any(isinstance(item, Param) for item in self.parameters)
        return Condition(self.sql.replace(TABLE + ".", ""), cast("tuple[Value | None, ...]", self.parameters))

    def bound(self, values: Sequence[Value | None]) -> SourceCondition | None:
        """With the caller's values in place of `Param`s; None where one of them is no value of its type: DuckDB says
        so."""
        try:
            found = [typed(values[p.index], p.given) if isinstance(p, Param) else p for p in self.parameters]
        except ParameterValueError:
            return None
        return replace(self, parameters=tuple(found))


def condition_to_json(condition: SourceCondition) -> dict[str, object]:
    """JSON form of a bound or unbound condition."""
    return {
        "sql": condition.sql,
        "parameters": [
            {"param": [p.index, p.given, p.wanted]} if isinstance(p, Param) else to_json(p)
            for p in condition.parameters
        ],
        "words": condition.words,
        "exact": condition.exact,
        "beside": condition.beside,
    }


def condition_from_json(data: dict[str, object]) -> SourceCondition:
    """Inverse of `condition_to_json`."""
    return SourceCondition(
        sql=str(data["sql"]),
        parameters=tuple(
            Param(*cast("tuple[int, str, str]", item["param"])) if "param" in item else from_json(item)
            for item in cast("list[dict[str, object]]", data["parameters"])
        ),
        words=str(data["words"]),
        exact=bool(data["exact"]),
        beside=bool(data["beside"]),
    )

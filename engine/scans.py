"""Scans: table references, each read from one connection, and their JSON form.

Apart from `plan`, so that a worker needs no SQL parser. Values of the caller are parameters (`Param`) until `bind`
puts them in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from connectors.sdk.capabilities import NO_OPERATORS, Column, Support, Table
from connectors.sdk.scan import AllOf, AnyOf, Comparison, Op, Predicate, ScanRequest, SortKey, TableName, Value
from engine.conversions import convert
from engine.fragments import Fragment, fragment_from_json, fragment_to_json
from engine.fragments import Param as Param
from engine.source_conditions import SourceCondition, condition_from_json, condition_to_json
from engine.values import from_json, to_json


@dataclass(frozen=True, slots=True)
class ScanColumn:
    """A column of a scan: its name in our SQL (lower case), the source's own spelling, its type."""

    name: str
    source: str
    sql_type: str


MOST_BESIDE = 64  # values of a second column that are asked for one by one


@dataclass(frozen=True, slots=True)
class KeysFrom:
    """At run time: the distinct values of another scan's column (by our name) become an IN predicate on `target`
    (the source's spelling), if there are no more than `cap`. `beside`, `with_target`: a second column of each, of few
    values: for each of them only the keys that stand beside it are asked for."""

    scan: str
    column: str
    target: str
    cap: int
    beside: str = ""
    with_target: str = ""

    @property
    def words(self) -> str:
        """For EXPLAIN and notes."""
        if self.beside:
            return (
                f"pairs of {self.scan}.{self.beside}, {self.scan}.{self.column} on {self.with_target}, {self.target}"
            )
        return f"keys of {self.scan}.{self.column} on {self.target}"


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition over constants of the query: where it is not true, no row of the scan counts."""

    constants: tuple[tuple[str, Value], ...]
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class Scan:
    """One table reference, or one fragment, read from one connection. Predicates, order, limit name source columns.

    `dialect`: the kind of its connector, where fragments can be made for it. `fragment`: what is read in place of a
    table; such a scan has no predicates, order or limit of its own. `row_estimate`: of the whole table.
    `expected_rows`: about how many the scan will give, its filters and keys considered. `guards` decide, once the
    caller's values are known, whether it is `skipped`: the source isn't asked, and there are no rows. `conditions`:
    what was copied to the source in its own dialect. `order`: the terms of ORDER BY in it, in place of `order_by`.
    `shared`: what it is read once for, in words, where it would else be read more often.
    """

    id: str
    connection: str
    table: TableName
    columns: tuple[ScanColumn, ...]
    predicates: tuple[Predicate, ...] = ()
    exact: bool = True
    order_by: tuple[SortKey, ...] = ()
    limit: int | None = None
    row_estimate: int | None = None
    keys_from: tuple[KeysFrom, ...] = ()
    dialect: str = ""
    fragment: Fragment | None = None
    expected_rows: int | None = None
    guards: tuple[Guard, ...] = ()
    skipped: bool = False
    conditions: tuple[SourceCondition, ...] = ()
    order: SourceCondition | None = None
    shared: str = ""

    def request(self) -> ScanRequest:
        """What the connector is asked for."""
        columns = tuple((column.source, column.sql_type) for column in self.columns)
        conditions = tuple(condition.asked() for condition in self.conditions)
        return ScanRequest(
            self.table,
            columns,
            self.predicates,
            self.order_by,
            self.limit,
            self.expected_rows,
            conditions,
            None if self.order is None else self.order.asked(),
        )


def described(scan: Scan) -> Table:
    """What the rules may know of a fragment's scan: its columns, of which some take keys, and nothing else."""
    assert scan.fragment is not None
    operators = {Op.IN: Support.INEXACT}
    values, lookups = dict(scan.fragment.values), scan.fragment.lookups
    columns = tuple(
        Column(
            c.source,
            c.sql_type,
            operators=operators if c.source in lookups else NO_OPERATORS,
            distinct_estimate=values.get(c.source),
        )
        for c in scan.columns
    )
    key_lookup = scan.fragment.most_keys if lookups else 0
    return Table(scan.table, columns, key_lookup=key_lookup, row_estimate=scan.row_estimate)


def bind(scans: Sequence[Scan], values: Sequence[Value | None]) -> tuple[Scan, ...]:
    """Scans with the caller's values in place of `Param`s.

    A value that is NULL or can't be converted exactly takes its comparison out of the scan; DuckDB still evaluates
    it. The scan's limit then goes too: it was allowed only because every filter was pushed.
    """
    return tuple(_guarded(_bind_scan(scan, values), values) for scan in scans)


def _guarded(scan: Scan, values: Sequence[Value | None]) -> Scan:
    if not scan.guards:
        return scan
    bound = [(guard, _bind(guard.predicate, values)) for guard in scan.guards]
    skipped = scan.skipped or any(b is not None and not _holds(b, dict(guard.constants)) for guard, b in bound)
    return replace(scan, guards=(), skipped=skipped)


def _holds(predicate: Predicate, constants: Mapping[str, Value]) -> bool:
    """Whether a bound predicate over constants, which are never NULL, is true."""
    if not isinstance(predicate, Comparison):
        found = (_holds(term, constants) for term in predicate.terms)
        return all(found) if isinstance(predicate, AllOf) else any(found)
    one: Any = constants[predicate.column]
    other: Any = predicate.values[0] if predicate.values else None
    match predicate.op:
        case Op.IN:
            return one in predicate.values
        case Op.IS_NULL:
            return False
        case Op.IS_NOT_NULL:
            return True
        case Op.EQ | Op.NE:
            return bool((one == other) is (predicate.op is Op.EQ))
        case Op.LT | Op.GE:
            return bool((one < other) is (predicate.op is Op.LT))
        case Op.GT | Op.LE:
            return bool((one > other) is (predicate.op is Op.GT))
        case Op.STARTS_WITH:
            return str(one).startswith(str(other))
        case Op.ENDS_WITH:
            return str(one).endswith(str(other))
        case Op.CONTAINS:
            return str(other) in str(one)


def _bind_scan(scan: Scan, values: Sequence[Value | None]) -> Scan:
    if scan.fragment is not None:
        return replace(scan, fragment=scan.fragment.bound(values))
    bound = [_bind(predicate, values) for predicate in scan.predicates]
    kept = tuple(predicate for predicate in bound if predicate is not None)
    given = [condition.bound(values) for condition in scan.conditions]
    conditions = tuple(condition for condition in given if condition is not None)
    order = None if scan.order is None else scan.order.bound(values)
    if kept == scan.predicates and conditions == scan.conditions and order == scan.order:
        return scan
    whole = len(kept) == len(bound) and all(map(_same_shape, kept, scan.predicates)) and None not in given
    whole = whole and (order is None) is (scan.order is None)
    scan = replace(scan, conditions=conditions, order=order)
    if whole:
        return replace(scan, predicates=kept)
    return replace(scan, predicates=kept, exact=False, limit=None, order_by=(), order=None)


def _same_shape(one: Predicate, other: Predicate) -> bool:
    if isinstance(one, Comparison) or isinstance(other, Comparison):
        return isinstance(one, Comparison) and isinstance(other, Comparison)
    return len(one.terms) == len(other.terms) and all(map(_same_shape, one.terms, other.terms))


def _bind(predicate: Predicate, values: Sequence[Value | None]) -> Predicate | None:
    if isinstance(predicate, Comparison):
        given = [_value(item, values) for item in cast("tuple[Value | Param, ...]", predicate.values)]
        if any(value is None for value in given):
            return None
        return Comparison(predicate.column, predicate.op, tuple(value for value in given if value is not None))
    terms = [_bind(term, values) for term in predicate.terms]
    kept = tuple(term for term in terms if term is not None)
    if isinstance(predicate, AnyOf):
        return AnyOf(kept) if len(kept) == len(terms) else None
    return AllOf(kept) if kept else None


def _value(item: Value | Param, values: Sequence[Value | None]) -> Value | None:
    if not isinstance(item, Param):
        return item
    value = values[item.index]
    return None if value is None else convert(value, item.given, item.wanted)


def predicate_to_json(predicate: Predicate) -> dict[str, object]:
    """JSON form of a bound or unbound predicate."""
    if isinstance(predicate, Comparison):
        values = [
            {"param": [value.index, value.given, value.wanted]} if isinstance(value, Param) else to_json(value)
            for value in cast("tuple[Value | Param, ...]", predicate.values)
        ]
        return {"column": predicate.column, "op": str(predicate.op), "values": values}
    name = "all" if isinstance(predicate, AllOf) else "any"
    return {name: [predicate_to_json(term) for term in predicate.terms]}


def predicate_from_json(data: dict[str, object]) -> Predicate:
    """Inverse of `predicate_to_json`."""
    for name, kind in (("all", AllOf), ("any", AnyOf)):
        if name in data:
            terms = cast("list[dict[str, object]]", data[name])
            return kind(tuple(predicate_from_json(term) for term in terms))
    values = [
        cast("Value", Param(*cast("tuple[int, str, str]", value["param"])))
        if "param" in value
        else cast("Value", from_json(value))
        for value in cast("list[dict[str, object]]", data["values"])
    ]
    return Comparison(str(data["column"]), Op(str(data["op"])), tuple(values))


def scan_to_json(scan: Scan) -> dict[str, object]:
    """JSON form of a scan."""
    return {
        "id": scan.id,
        "connection": scan.connection,
        "table": list(scan.table.parts),
        "columns": [[c.name, c.source, c.sql_type] for c in scan.columns],
        "predicates": [predicate_to_json(p) for p in scan.predicates],
        "exact": scan.exact,
        "order_by": [[k.column, k.descending, k.nulls_first] for k in scan.order_by],
        "limit": scan.limit,
        "row_estimate": scan.row_estimate,
        "keys_from": [[k.scan, k.column, k.target, k.cap, k.beside, k.with_target] for k in scan.keys_from],
        "dialect": scan.dialect,
        "fragment": fragment_to_json(scan.fragment),
        "guards": [
            [[[name, to_json(value)] for name, value in g.constants], predicate_to_json(g.predicate)]
            for g in scan.guards
        ],
        "skipped": scan.skipped,
        "shared": scan.shared,
        "expected_rows": scan.expected_rows,
        "conditions": [condition_to_json(condition) for condition in scan.conditions],
        "order": None if scan.order is None else condition_to_json(scan.order),
    }


def scan_from_json(data: dict[str, object]) -> Scan:
    """Inverse of `scan_to_json`."""
    return Scan(
        id=str(data["id"]),
        connection=str(data["connection"]),
        table=TableName(tuple(cast("list[str]", data["table"]))),
        columns=tuple(ScanColumn(*c) for c in cast("list[list[str]]", data["columns"])),
        predicates=tuple(predicate_from_json(p) for p in cast("list[dict[str, object]]", data["predicates"])),
        exact=bool(data["exact"]),
        order_by=tuple(SortKey(*k) for k in cast("list[tuple[str, bool, bool]]", data["order_by"])),
        limit=cast("int | None", data["limit"]),
        row_estimate=cast("int | None", data["row_estimate"]),
        keys_from=tuple(KeysFrom(*k) for k in cast("list[tuple[str, str, str, int, str, str]]", data["keys_from"])),
        dialect=str(data["dialect"]),
        fragment=fragment_from_json(cast("dict[str, object] | None", data["fragment"])),
        guards=tuple(_guard_from_json(*g) for g in cast("list[tuple[list[Any], Any]]", data["guards"])),
        skipped=bool(data["skipped"]),
        shared=str(data["shared"]),
        expected_rows=cast("int | None", data["expected_rows"]),
        conditions=tuple(condition_from_json(c) for c in cast("list[dict[str, object]]", data["conditions"])),
        order=None if data["order"] is None else condition_from_json(cast("dict[str, object]", data["order"])),
    )


def _guard_from_json(constants: list[Any], predicate: dict[str, object]) -> Guard:
    found = tuple((str(name), cast("Value", from_json(value))) for name, value in constants)
    return Guard(found, predicate_from_json(predicate))


def tables_of(scan: Scan) -> str:
    """The table that a scan reads, or those of its fragment."""
    return ", ".join(map(str, scan.fragment.tables)) if scan.fragment is not None else str(scan.table)


def shape(scan: Scan) -> str:
    """A scan in words, without any value: columns, predicates with placeholders, order, limit; or its fragment."""
    if scan.fragment is not None:
        return scan.fragment.sql
    parts = [", ".join(column.source for column in scan.columns)]
    if scan.predicates or scan.conditions:
        parts.append("where " + " and ".join(conditions_of(scan)))
    if sorting := sorted_by(scan):
        parts.append("order by " + ", ".join(sorting))
    if scan.limit is not None:
        parts.append("limit ?")
    return " ".join(parts)


def sorted_by(scan: Scan) -> tuple[str, ...]:
    """What the source sorts by, in words without values."""
    if scan.order is not None:
        return (scan.order.words,)
    return tuple(key.column + (" desc" if key.descending else "") for key in scan.order_by)


def conditions_of(scan: Scan) -> list[str]:
    """What was copied to the source, in words without values."""
    return [*map(describe, scan.predicates), *(condition.words for condition in scan.conditions)]


def describe(predicate: Predicate) -> str:
    """A predicate in words, with placeholders for its values: `status in (3 values)`, `order_id eq ?`."""
    if isinstance(predicate, Comparison):
        if not predicate.values:
            return f"{predicate.column} {predicate.op}"
        many = len(predicate.values) > 1
        return f"{predicate.column} {predicate.op} " + (f"({len(predicate.values)} values)" if many else "?")
    word = " and " if isinstance(predicate, AllOf) else " or "
    assert isinstance(predicate, AllOf | AnyOf)
    return "(" + word.join(describe(term) for term in predicate.terms) + ")"

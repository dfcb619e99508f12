"""Read once what a query needs in several places: a table or a fragment behind two names, and what a recursion would
read again in each of its rounds.

A scan is served by another one of the same table, or by the same fragment, when that gives all its rows: when it has
no predicate, and waits for no keys, that the first has not. DuckDB evaluates every condition again, so rows too many
change no answer. Both places then read one CTE at the top that is MATERIALIZED: DuckDB holds it within its memory
limit and spills the rest.

Besides being quicker it is more right: where a source has no snapshot, two readings may see two states of it.
Estimates say whether it pays; what is read whole anyway costs no more than the columns that only the other needs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from sqlglot import exp

from connectors.sdk import AllOf, AnyOf, Comparison, Op, Predicate, Table
from connectors.sdk.types import arrow_type
from engine.estimates import with_expected_rows
from engine.plan import Plan
from engine.rules.same_fragments import asked, with_outputs
from engine.scans import KeysFrom, Scan, ScanColumn
from engine.trees import copied, nodes_of

HOLDING = 0.1  # what holding a value costs, beside fetching it
ROW = 2  # what fetching a row costs beside its values, in values
STREAMED_ROWS = 100_000  # more are not held where they might leave at once, or not be read at all
MOST_BYTES = 2 * 1024**3  # a quarter of a worker's spill space
TEXT_BYTES = 32
PROVIDER_ROWS = 10_000  # a scan that gives keys must stay small: its rows wait in a queue of 8 MB
MOST_COMPARED = 32  # scans of one table of which each is compared with each
_CONSTANTS = (exp.Literal, exp.Placeholder, exp.Null, exp.Boolean)
_PLAIN_TABLE = {"this", "alias", "pivots"}


@dataclass(frozen=True, slots=True)
class Form:
    """A scan without its names. `what`: of what it gives rows; `terms`: that restrict them; `columns`: by our name
    what each one is."""

    what: Hashable
    terms: frozenset[Hashable]
    columns: Mapping[str, Hashable]


def share_scans(plan: Plan, tables: Mapping[str, Table]) -> Plan:
    """Equal scans become one; what is used in several places or in a recursion is read once."""
    repeated = _in_recursions(plan.select)
    if not repeated and len({(scan.connection, scan.table) for scan in plan.scans}) == len(plan.scans):
        return plan
    places = _places(plan.select)
    sharing = _Sharing(plan, tables, {scan_id for scan_id, nodes in places.items() if all(map(_is_plain, nodes))})
    sharing.run()
    uses = {
        scan_id: sum(len(places.get(one, ())) for one in (scan_id, *sharing.served_by(scan_id)))
        for scan_id in sharing.scans
    }
    shared = {
        scan_id: _words(uses[scan_id], scan_id in repeated)
        for scan_id in sharing.scans
        if (uses[scan_id] > 1 or scan_id in repeated) and sharing.may_move(scan_id)
    }
    if not shared:
        return plan
    select = copied(plan.select)
    _read_once(select, sharing, shared)
    scans = [replace(scan, shared=shared.get(scan.id, "")) for scan in sharing.scans.values()]
    return replace(plan, select=select).with_scans(scans)


class _Sharing:
    """Which scans serve which. `scans`: those that are left; `served`: by id of those that are not."""

    def __init__(self, plan: Plan, tables: Mapping[str, Table], movable: set[str]) -> None:
        self.scans = {scan.id: scan for scan in plan.scans}
        self.served: dict[str, str] = {}
        # By the names of a scan's own columns those of the one that is read.
        self.columns: dict[str, Mapping[str, str]] = {
            scan.id: {c.name: c.name for c in scan.columns} for scan in plan.scans
        }
        self._rows = {scan.id: scan.expected_rows for scan in with_expected_rows(plan.scans, tables)}
        self._tables = tables
        self._movable = movable
        self._streams = _streams(plan.select)
        self._raises = _may_raise(plan.select)
        self._forms = {scan.id: _form(scan, tables) for scan in plan.scans}

    def may_move(self, scan_id: str) -> bool:
        """Whether every place where a scan is read may read something else in its stead."""
        return scan_id in self._movable

    def served_by(self, scan_id: str) -> list[str]:
        return [one for one, by in self.served.items() if by == scan_id]

    def run(self) -> None:
        """Until nothing more is found: what takes keys from scans that became one may be one too."""
        found = True
        while found:
            found = False
            for alike in self._alike():
                for by, one in itertools.permutations(alike, 2):
                    if self._may(by, one):
                        self._serve(by, one)
                        found = True

    def _alike(self) -> Iterator[list[str]]:
        """Scans of the same thing; of very many only those under the same conditions."""
        same = _grouped(self.scans, lambda scan_id: self._forms[scan_id].what)
        for alike in same:
            if len(alike) > MOST_COMPARED:
                yield from _grouped(alike, lambda scan_id: self._forms[scan_id].terms)
            else:
                yield alike

    def _may(self, by: str, one: str) -> bool:
        """Whether the rows of a scan are certainly among those of another, and it pays to take them from there."""
        if by == one or by not in self.scans or one not in self.scans or not {by, one} <= self._movable:
            return False
        a, b = self._forms[by], self._forms[one]
        if a.what != b.what or not a.terms <= b.terms:
            return False
        scan, other = self.scans[by], self.scans[one]
        if any(s.limit is not None or s.order_by for s in (scan, other)) or scan.guards not in ((), other.guards):
            return False
        if not self._keys(scan) <= self._keys(other):
            return False
        same = a.terms == b.terms and self._keys(scan) == self._keys(other) and scan.guards == other.guards
        if not same and (self._provides(one) or self._raises):
            return False  # who waits for its keys would get more of them; a cast would meet rows that it never met
        return self._pays(by, one, same)

    def _keys(self, scan: Scan) -> frozenset[Hashable]:
        columns = {c.source: self._forms[scan.id].columns[c.name] for c in scan.columns}
        return frozenset(
            (k.scan, k.column, columns.get(k.target, k.target), k.beside, columns.get(k.with_target, k.with_target))
            for k in scan.keys_from
        )

    def _provides(self, scan_id: str) -> bool:
        return any(keys.scan == scan_id for scan in self.scans.values() for keys in scan.keys_from)

    def _pays(self, by: str, one: str, same: bool) -> bool:
        mine, other = self.scans[by].columns, self.scans[one].columns
        have = set(self._forms[by].columns.values())
        more = [c for c in other if self._forms[one].columns[c.name] not in have]
        rows, its = self._rows[by], self._rows[one]
        if more and self._provides(by) and (rows is None or rows > PROVIDER_ROWS):
            return False
        if self._streams and (rows is None or rows > STREAMED_ROWS):
            return False
        if rows is not None and rows * sum(map(_width, (*mine, *more))) > MOST_BYTES:
            return False
        if same and not more:
            return True
        if same:
            rows = its = 1  # however many they are
        if rows is None or its is None:
            return False
        cost = rows * (len(more) + HOLDING * (len(mine) + len(more)))
        return cost <= its * (len(other) + ROW)

    def _serve(self, by: str, one: str) -> None:
        scan, other = self.scans[by], self.scans.pop(one)
        mine = {what: name for name, what in self._forms[by].columns.items()}
        more = [c for c in other.columns if self._forms[one].columns[c.name] not in mine]
        if more:
            self.scans[by] = self._with_columns(scan, other, more)
            self._forms[by] = _form(self.scans[by], self._tables)
            mine = {what: name for name, what in self._forms[by].columns.items()}
        self.served[one] = by
        self.columns[one] = {name: mine[what] for name, what in self._forms[one].columns.items()}
        for served, its in list(self.served.items()):
            if its == one:
                self.served[served] = by
                self.columns[served] = {name: self.columns[one][c] for name, c in self.columns[served].items()}
        for waiting in list(self.scans.values()):
            if any(keys.scan == one for keys in waiting.keys_from):
                found = tuple(self._renamed(keys, one, by) for keys in waiting.keys_from)
                self.scans[waiting.id] = replace(waiting, keys_from=tuple(dict.fromkeys(found)))

    def _with_columns(self, scan: Scan, other: Scan, more: Sequence[ScanColumn]) -> Scan:
        if scan.fragment is None or other.fragment is None:
            return replace(scan, columns=(*scan.columns, *more))
        own, its = asked(scan.fragment, self._tables.keys()), asked(other.fragment, self._tables.keys())
        assert own is not None and its is not None
        first = len(own.outputs)
        added = tuple(ScanColumn(f"c{first + i}", f"c{first + i}", c.sql_type) for i, c in enumerate(more))
        outputs = [(a.source, its.outputs[c.source]) for a, c in zip(added, more, strict=True)]
        fragment = with_outputs(scan.fragment, own, outputs)
        return replace(scan, columns=(*scan.columns, *added), fragment=fragment)

    def _renamed(self, keys: KeysFrom, one: str, by: str) -> KeysFrom:
        if keys.scan != one:
            return keys
        columns = self.columns[one]
        return replace(keys, scan=by, column=columns[keys.column], beside=columns.get(keys.beside, ""))


def _grouped(scans: Iterable[str], what: Callable[[str], Hashable]) -> list[list[str]]:
    """Those of which there are several."""
    found: dict[Hashable, list[str]] = {}
    for scan_id in scans:
        found.setdefault(what(scan_id), []).append(scan_id)
    return [alike for alike in found.values() if len(alike) > 1]


def _form(scan: Scan, tables: Mapping[str, Table]) -> Form:
    types = {c.name: c.sql_type for c in scan.columns}
    if scan.fragment is None:
        asked_too = [(one.sql, tuple((type(v), v) for v in one.parameters)) for one in scan.conditions]
        terms = frozenset([*(_term(t) for predicate in scan.predicates for t in _flat(predicate)), *asked_too])
        columns: dict[str, Hashable] = {c.name: (c.source, c.sql_type) for c in scan.columns}
        return Form((scan.connection, scan.table), terms, columns)
    found = asked(scan.fragment, tables.keys())
    if found is None or not all(c.source in found.outputs for c in scan.columns):
        return Form((scan.id,), frozenset(), {c.name: c.source for c in scan.columns})
    outputs = {c.name: (found.outputs[c.source], types[c.name]) for c in scan.columns}
    return Form((scan.connection, found.body), frozenset(), outputs)


def _flat(predicate: Predicate) -> list[Predicate]:
    if isinstance(predicate, AllOf):
        return [one for term in predicate.terms for one in _flat(term)]
    return [predicate]


def _term(predicate: Predicate) -> Hashable:
    """A predicate without the order of what has none."""
    if isinstance(predicate, Comparison):
        values = frozenset(predicate.values) if predicate.op is Op.IN else predicate.values
        return predicate.column, predicate.op, values
    return isinstance(predicate, AnyOf), frozenset(_term(term) for term in predicate.terms)


def _width(column: ScanColumn) -> int:
    kind = arrow_type(column.sql_type)
    return kind.bit_width // 8 if pa.types.is_primitive(kind) else TEXT_BYTES


def _words(uses: int, repeated: bool) -> str:
    return " and ".join([f"{uses} uses"] * (uses > 1) + ["a recursion"] * repeated)


# The tree ------------------------------------------------------------------------------------------------------


def _places(select: exp.Query) -> dict[str, list[exp.Table]]:
    """Where each name is read."""
    found: dict[str, list[exp.Table]] = {}
    for table in nodes_of(select, exp.Table):
        found.setdefault(table.name, []).append(table)
    return found


def _is_plain(table: exp.Table) -> bool:
    return all(name in _PLAIN_TABLE for name, value in table.args.items() if value)


def _streams(select: exp.Query) -> bool:
    """Whether rows may leave before all are read, or not all be read: UNION ALL, and LIMIT without an order."""
    for node in nodes_of(select, exp.Union, exp.Limit, exp.Fetch):
        if isinstance(node, exp.Union):
            with_ = node.parent.parent if isinstance(node.parent, exp.CTE) else None
            if not (isinstance(with_, exp.With) and with_.args.get("recursive")):
                return True
        elif node.parent is not None and not node.parent.args.get("order"):
            return True
    return False


def _may_raise(select: exp.Query) -> bool:
    """Whether a value of some row may be no value of a type: a filter of its source can have kept such rows away."""
    casts = nodes_of(select, exp.Cast, exp.StrToTime, exp.StrToDate)
    return any(not isinstance(cast, exp.TryCast) and not isinstance(cast.this, _CONSTANTS) for cast in casts)


def _in_recursions(select: exp.Query) -> set[str]:
    """What the arm of a recursive CTE that reads itself reads besides, through other CTEs too: DuckDB reads a stream
    there once for each round."""
    tables = {cte.alias: {table.name for table in nodes_of(cte.this, exp.Table)} for cte in nodes_of(select, exp.CTE)}
    found: set[str] = set()
    for with_ in nodes_of(select, exp.With):
        for cte in with_.expressions if with_.args.get("recursive") else ():
            arms = (cte.this.left, cte.this.right) if isinstance(cte.this, exp.SetOperation) else ()
            read = [{table.name for table in nodes_of(arm, exp.Table)} for arm in arms]
            found |= {name for names in read if cte.alias in names for name in names - {cte.alias}}
    while more := {name for one in found for name in tables.get(one, ())} - found:
        found |= more
    return found


def _read_once(select: exp.Query, sharing: _Sharing, shared: Mapping[str, str]) -> None:
    """Put a CTE for each shared scan before all others, and let every place read it."""
    taken = {alias.name for alias in nodes_of(select, exp.TableAlias)} | set(sharing.scans) | set(sharing.served)
    places = _places(select)
    made = []
    for number, scan_id in enumerate(shared):
        name = f"once{number}"
        while name in taken:
            name += "_"
        taken.add(name)
        columns = [c.name for c in sharing.scans[scan_id].columns]
        for one in (scan_id, *sharing.served_by(scan_id)):
            for table in places.get(one, ()):
                _read(table, name, sharing.columns[one], columns)
        inner = exp.select(*[_named(c, c) for c in columns]).from_(exp.Table(this=_quoted(scan_id)))
        made.append(exp.CTE(this=inner, alias=exp.TableAlias(this=_quoted(name)), materialized=True))
    with_ = select.args.get("with_")
    if with_ is None:
        select.set("with_", exp.With(expressions=made))
    else:
        with_.set("expressions", [*made, *with_.expressions])


def _read(table: exp.Table, name: str, own: Mapping[str, str], columns: Sequence[str]) -> None:
    """Let a place read a CTE, in which its columns may have other names, or stand beside more."""
    alias = table.args.get("alias") or exp.TableAlias(this=_quoted(table.name))
    pivots = table.args.get("pivots")
    if list(own) == list(columns) == list(own.values()):
        table.replace(exp.Table(this=_quoted(name), alias=alias, pivots=pivots))
        return
    inner = exp.select(*[_named(column, shown) for shown, column in own.items()])
    inner = inner.from_(exp.Table(this=_quoted(name)))
    table.replace(exp.Subquery(this=inner, alias=alias, pivots=pivots))


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _named(column: str, shown: str) -> exp.Expr:
    return exp.alias_(exp.column(_quoted(column)), shown, quoted=True)

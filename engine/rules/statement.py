"""The statement of a fragment: a relation in its dialect, its outputs, and the scan that reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from connectors.sdk import Column, Table, TableName, Value
from connectors.sdk.types import family
from engine.dialects import DIALECTS
from engine.dialects.render import Context, InexactError, condition, render_predicate
from engine.dialects.table import CONDITION, OPAQUE, SORTED, Term, is_sorted_text
from engine.fragments import Fragment, KeysAt, Param
from engine.rules.cheap_first import cost
from engine.rules.grouped_first import GroupedFirst
from engine.rules.relation import Item
from engine.rules.semi_joins import all_inner_tables, as_in, check_reached, inner_tables, inner_terms
from engine.scans import Scan, ScanColumn
from engine.source_tables import our_names
from engine.trees import has_any, nodes_of


@dataclass(frozen=True, slots=True)
class Output:
    """An output column: its term, what it is read as, whether keys of a join may be looked up in it, and how many
    values it has where that is known."""

    term: Term
    sql_type: str
    lookup: bool = False
    values: int | None = None

    @property
    def sorts(self) -> bool:
        """Whether the source sorts by it as DuckDB does: numbers and moments, texts by their bytes."""
        kind = family(self.sql_type)
        alike = is_sorted_text(self.term) if kind == "text" else self.term.family != OPAQUE
        return self.term.ordered and alike and kind in SORTED


class Statement:
    """Builds one fragment over items of one connection. Every term given to it must be exact: InexactError."""

    def __init__(self, items: Sequence[Item], tables: Mapping[str, Table], parameter_types: tuple[str, ...]) -> None:
        connections = {item.scan.connection for item in items}
        dialects = {item.scan.dialect for item in items}
        if len(connections) > 1 or not dialects <= DIALECTS.keys():
            raise InexactError("tables of more than one connection")
        self.items = items
        self.dialect = DIALECTS[items[0].scan.dialect]
        self._tables = tables
        self._types = parameter_types
        self.spelled = {item.scan.id: self._columns(item.scan.id) for item in items}
        self.context = self._context(self.spelled)
        self.outputs: list[Output] = []
        self.first: GroupedFirst | None = None

    def _columns(self, scan: str) -> dict[str, Column]:
        table = self._tables[scan]
        return dict(zip(our_names(table), table.columns, strict=True))

    def _context(self, known: Mapping[str, Mapping[str, Column]]) -> Context:
        """Renders what names columns of the known scans."""

        def column(node: exp.Column) -> Term:
            described = known.get(node.table, {}).get(node.name)
            if described is None:
                raise InexactError("a column of another source")
            return self.dialect.column(node.table, self._tables[node.table], described)

        def exists(node: exp.Exists) -> Term:
            return self._exists(node, known)

        return Context(self.dialect, column, self._types, exists)

    def _exists(self, node: exp.Exists, known: Mapping[str, Mapping[str, Column]]) -> Term:
        """A canonical semi join (`semi_joins`)."""
        check_reached(node, self._tables, self.dialect)
        inside = inner_tables(node)
        context = self._context({**known, **{scan: self._columns(scan) for scan in inside}})
        found, values = inner_terms(node), list[Value | Param | None]()
        tie = as_in(node) if self.dialect.semi_joins_by_in else None
        if tie is not None:
            one, other = context.column(tie[1]), context.column(tie[2])
            if one.family == other.family == "integer":
                where = _all([condition(term, context) for term in found if term is not tie[0]], values)
                source = (
                    f"{self._name(self._tables[inside[0]].name)} AS {inside[0]}{f' WHERE {where}' if where else ''}"
                )
                sql = f"{other.sql} IN (SELECT {one.sql} FROM {source})"  # noqa: S608 - rendered, values apart
                return Term(sql, tuple(values), CONDITION)
        where = _all([condition(term, context) for term in found], values)
        sources = " CROSS JOIN ".join(f"{self._name(self._tables[scan].name)} AS {scan}" for scan in inside)
        sql = f"EXISTS (SELECT 1 FROM {sources} WHERE {where})"  # noqa: S608 - rendered, values apart
        return Term(sql, tuple(values), CONDITION)

    def output(self, output: Output) -> str:
        """The name of an output column; the same one gets one name."""
        if output not in self.outputs:
            self.outputs.append(output)
        return f"c{self.outputs.index(output)}"

    def scan(
        self,
        scan_id: str,
        where: Sequence[exp.Expr],
        group: Sequence[Term] = (),
        having: Sequence[Term] = (),
        *,
        rows: int | None,
        many_groups: bool = False,
        one_row: bool = False,
    ) -> Scan:
        """The scan that runs the statement. `where`: conditions over the items, all exact; `having`: over aggregates;
        `rows`: about how many come back; `one_row`: all rows are one group. Predicates of the items' own scans are
        added where they can be written."""
        values: list[Value | Param | None] = [v for output in self.outputs for v in output.term.values]
        sql = "SELECT " + ", ".join(f"{output.term.sql} AS c{index}" for index, output in enumerate(self.outputs))
        plain = [(self._tables_of(term), term) for term in where if not has_any(term, exp.Exists)]
        plain.sort(key=lambda one: cost(one[1], self.spelled) if len(one[0]) == 1 else 0)
        rest = [(used, condition(term, self.context)) for used, term in plain]
        semi = [condition(term, self.context) for term in where if has_any(term, exp.Exists)]
        rest += [({item.scan.id}, term) for item in self.items if item.on is None for term in self._copies(item)]
        have: set[str] = set()
        for item in self.items:
            have.add(item.scan.id)
            if item.on is not None:
                on = [*[condition(term, self.context) for term in item.on], *self._copies(item)]
                sql += " LEFT JOIN "
            else:
                on = [t for used, t in rest if len(have) > 1 and item.scan.id in used and used <= have]
                rest = [(used, t) for used, t in rest if t not in on]
                sql += " JOIN " if len(have) > 1 else " FROM "
            if self.first is not None and self.first.item is item:
                sql, on = sql + self._grouped_first(self.first, values), self.first.on
            else:
                sql += f"{self._name(item.scan.table)} AS {item.scan.id}"
            if len(have) > 1:
                sql += " ON " + (_all(on, values) or self.dialect.true)
        remaining = _all([*[term for _, term in rest], *semi], values)
        sql += f" WHERE {remaining}" if remaining else ""
        names_of = {f"c{index}": output.term.sql for index, output in enumerate(self.outputs) if output.lookup}
        keys_at = KeysAt(len(sql), len(values), bool(remaining), names_of) if names_of else None
        if group:
            grouped = [self._grouped(term) for term in group]
            sql += " GROUP BY " + ", ".join(text for text, _ in grouped)
            values += [value for _, more in grouped for value in more]
        if having:
            sql += f" HAVING {_all(having, values)}"
        names = [item.scan.id for item in self.items] + all_inner_tables(where)
        estimates = [self._tables[name].row_estimate for name in names]
        read = None if None in estimates else sum(rows or 0 for rows in estimates)
        fragment = Fragment(
            sql=sql,
            parameters=tuple(values),
            placeholder=self.dialect.placeholder,
            tables=tuple(self._tables[name].name for name in names),
            lookups=tuple(f"c{index}" for index, output in enumerate(self.outputs) if output.lookup),
            rows_read=read,
            small=rows == 1,
            sorts=tuple(f"c{i}" for i, output in enumerate(self.outputs) if output.sorts),
            values=tuple((f"c{i}", output.values) for i, output in enumerate(self.outputs) if output.values),
            keys_at=keys_at,
            many_groups=many_groups,
            one_row=one_row,
            most_keys=min(self._tables[item.scan.id].key_lookup for item in self.items),
        )
        columns = tuple(
            ScanColumn(f"c{index}", f"c{index}", output.sql_type) for index, output in enumerate(self.outputs)
        )
        first = self.items[0].scan
        return Scan(
            id=scan_id,
            connection=first.connection,
            table=first.table,
            columns=columns,
            row_estimate=rows,
            dialect=first.dialect,
            fragment=fragment,
        )

    def _grouped_first(self, first: GroupedFirst, values: list[Value | Param | None]) -> str:
        """The derived table of an item that is grouped before it is joined."""
        columns = [f"{term.sql} AS k{index}" for index, term in enumerate(first.keys)]
        columns += [f"{term.sql} AS a{index}" for index, term in enumerate(first.parts)]
        values.extend(value for term in first.parts for value in term.values)
        scan = first.item.scan
        where = _all([*first.own, *self._copies(first.item)], values)
        group = ", ".join(self._grouped(term)[0] for term in first.keys)
        source = f"{self._name(scan.table)} AS {scan.id}{f' WHERE {where}' if where else ''}"
        return f"(SELECT {', '.join(columns)} FROM {source} GROUP BY {group}) AS {scan.id}"  # noqa: S608 - rendered

    def _grouped(self, term: Term) -> tuple[str, tuple[Value | Param | None, ...]]:
        """A term of GROUP BY; one with constants as the place of its output: with parameters of its own it would be
        another expression to PostgreSQL."""
        if self.dialect.collated_always:
            return self.dialect.collated(term.sql, term.family), term.values
        if term.values:
            return str(1 + next(i for i, output in enumerate(self.outputs) if output.term == term)), ()
        return term.sql, ()

    def _copies(self, item: Item) -> list[Term]:
        """The predicates that `push_filters` copied to the scan, where the dialect has them: they save rows."""
        scan = item.scan
        spelled = {column.name: column for column in self._tables[scan.id].columns}

        def column(name: str) -> Term:
            return self.dialect.column(scan.id, self._tables[scan.id], spelled[name])

        found = []
        for predicate in scan.predicates:
            try:
                found.append(render_predicate(predicate, column, self.context))
            except InexactError:
                continue  # the kept condition decides
        own = [Term(c.over(scan.id), c.parameters, CONDITION, exact=c.exact) for c in scan.conditions]
        return [*found, *own]

    def _tables_of(self, term: exp.Expr) -> set[str]:
        return {column.table for column in nodes_of(term, exp.Column)}

    def _name(self, table: TableName) -> str:
        return ".".join(self.dialect.quote(part) for part in table.parts)


def _all(terms: Sequence[Term], values: list[Value | Param | None]) -> str:
    """The terms joined by AND, each once; their values are appended."""
    kept = list(dict.fromkeys((term.sql, term.values) for term in terms))
    for _, more in kept:
        values.extend(more)
    return " AND ".join(sql for sql, _ in kept)


def next_id(select: exp.Query, scans: Sequence[Scan]) -> str:
    """A scan id that no scan, CTE or alias of the tree has."""
    taken = {scan.id for scan in scans} | {alias.name for alias in nodes_of(select, exp.TableAlias)}
    return next(name for name in (f"f{number}" for number in range(len(taken) + 1)) if name not in taken)


def used_scans(select: exp.Query, scans: Sequence[Scan]) -> list[Scan]:
    """The scans that the tree still reads."""
    read = {table.name for table in nodes_of(select, exp.Table)}
    return [scan for scan in scans if scan.id in read]

"""Names → sources: publications and views are replaced by their SQL, tables by scans, columns get their owners.

Works on one immutable `WorkspaceCatalog`; reads no source. Identifiers are compared in lower case, as DuckDB does;
a scan keeps each column's own spelling at the source.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from sqlglot import exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from catalog.records import WorkspaceCatalog
from connectors.sdk import Table
from engine.balanced import balance
from engine.dialects import DIALECTS
from engine.errors import QueryTooLargeError, SourceError, UnknownColumnError, UnknownNameError
from engine.parse import MAX_VIEW_BYTES, MAX_VIEW_TOKENS, parse_query, place
from engine.plain_from import flatten_joins, set_apart
from engine.scans import Scan, ScanColumn
from engine.source_tables import find_table, our_names
from engine.trees import copied, nodes, nodes_of

MAX_VIEW_DEPTH = 40
MAX_SCANS = 200
MAX_VIEWS = 500
MAX_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class Resolved:
    """`select`: qualified tree whose tables are scan ids. `tables`: the description behind each scan.
    `publications`, `views`, `source_tables`: the names that the query itself uses, as the catalog spells them."""

    select: exp.Query
    scans: tuple[Scan, ...]
    tables: dict[str, Table]
    publications: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    source_tables: tuple[str, ...] = ()


@dataclass(slots=True)
class _State:
    catalog: WorkspaceCatalog
    readable: frozenset[str] | None
    scans: list[Scan] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    publications: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    source_tables: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    replaced: int = 0

    def scan_id(self) -> str:
        """A name for one more scan that no WITH of the trees read so far has: it would hide the scan."""
        number = len(self.scans)
        while f"s{number}" in self.taken:
            number += 1
        self.taken.add(f"s{number}")
        return f"s{number}"

    def keep_clear_of(self, tree: exp.Expr) -> None:
        """Note the names that a tree's WITHs give."""
        self.taken |= {cte.alias for cte in nodes_of(tree, exp.CTE)}


def resolve_publications(
    select: exp.Query, catalog: WorkspaceCatalog, readable: frozenset[str] | None = None
) -> Resolved:
    """Resolve a caller's query: its tables are publications, at the versions that they pin.

    `readable`: the only ones that the principal may read; a forbidden one looks like one that doesn't exist.
    """
    state = _State(catalog, readable)
    tree = normalized(select)
    state.keep_clear_of(tree)
    for table in tables_of(tree):
        _replace_publication(table, state)
    try:
        return _finish(tree, state)
    except UnknownColumnError:
        for name in dict.fromkeys(state.publications):
            _check_still_fits(name, catalog)
        raise


def _check_still_fits(name: str, catalog: WorkspaceCatalog) -> None:
    """SourceError when a publication by itself misses a column: a source has changed, the caller is not at fault."""
    state = _State(catalog, None)
    table = exp.Table(this=exp.to_identifier(name.lower(), quoted=True))
    tree = exp.select("*").from_(table)
    _replace_publication(table, state)
    try:
        _finish(tree, state)
    except UnknownColumnError as error:
        connections = ", ".join(dict.fromkeys(scan.connection for scan in state.scans))
        raise _schema_changed(name, connections, error.message) from None


def _schema_changed(publication: str, connection: str, problem: str) -> SourceError:
    return SourceError(
        f"publication {publication!r} does not fit its sources any more: {problem}",
        connection=connection,
        source_code="source_schema_changed",
        hint="an administrator corrects the view or the source, then refreshes the connection and publishes again",
    )


def resolve_workspace(select: exp.Query, catalog: WorkspaceCatalog, view: str = "") -> Resolved:
    """Resolve a view's own text or an administrator's preview: its tables are views and tables of connections.

    `view`: the name of the view whose text it is, which nothing below may use.
    """
    state = _State(catalog, None)
    tree = normalized(select)
    state.keep_clear_of(tree)
    _replace_all(tree, state, {}, (view.lower(),))
    return _finish(tree, state)


def normalized(select: exp.Query) -> exp.Query:
    """A copy with every identifier in lower case, and without deep chains of AND and OR."""
    tree = copied(select)
    for identifier in nodes_of(tree, exp.Identifier):
        identifier.set("this", identifier.name.lower())
    balance(tree)
    return tree


def tables_of(tree: exp.Expr) -> list[exp.Table]:
    """Every table reference in a tree that is not a reference to one of its own CTEs, nor a table function."""
    return [
        table
        for table in nodes_of(tree, exp.Table)
        if isinstance(table.this, exp.Identifier) and (table.args.get("db") or not _is_cte(table))
    ]


def _is_cte(table: exp.Table) -> bool:
    """Whether a bare name is a CTE that is visible where it stands: an earlier one, or itself when recursive."""
    name, node = table.name.lower(), table.parent
    inside: exp.Expr | None = None
    while node is not None:
        if isinstance(node, exp.CTE):
            inside = node
        with_ = node.args.get("with_")
        if isinstance(with_, exp.With):
            for cte in with_.expressions:
                if cte is inside and not with_.args.get("recursive"):
                    break
                if cte.alias.lower() == name:
                    return True
                if cte is inside:
                    break
        node = node.parent
    return False


@lru_cache(maxsize=512)
def _view_tree(sql: str) -> exp.Query:
    return normalized(parse_query(sql, MAX_VIEW_BYTES, MAX_VIEW_TOKENS))


def _replace_publication(table: exp.Table, state: _State) -> None:
    name = table.name
    publication = None if table.args.get("db") else state.catalog.publication(name)
    if publication is None or (state.readable is not None and publication.name not in state.readable):
        visible = sorted(
            p.name for p in state.catalog.publications.values() if state.readable is None or p.name in state.readable
        )
        asked = ".".join(part.name for part in table.parts)
        raise UnknownNameError(f"there is no publication {asked!r}", hint=suggest(asked, visible, "publications"))
    state.publications.append(publication.name)
    closure = {view.lower(): version for view, version in publication.closure.items()}
    try:
        _replace_view(table, publication.view, state, closure, ())
    except UnknownNameError as error:  # its hint lists tables, which are nothing for the caller's eyes
        connection = str(error.details.get("connection", ""))
        raise _schema_changed(publication.name, connection, error.message) from None


def _replace_all(tree: exp.Expr, state: _State, closure: dict[str, int], path: tuple[str, ...]) -> None:
    for table in tables_of(tree):
        if table.args.get("db"):
            _replace_source(table, state, top=len(path) == 1)
        else:
            if len(path) == 1:
                state.views.append(spelled(state.catalog, table.name))
            _replace_view(table, table.name, state, closure, path)


def _replace_view(table: exp.Table, name: str, state: _State, closure: dict[str, int], path: tuple[str, ...]) -> None:
    key = name.lower()
    if key in path:
        raise UnknownNameError(
            "views may not use themselves: " + " → ".join((*path[path.index(key) :], key)),
            hint="remove one of these references",
        )
    if len(path) >= MAX_VIEW_DEPTH:
        raise QueryTooLargeError(f"views are nested more than {MAX_VIEW_DEPTH} deep")
    view = state.catalog.view(key, closure.get(key))
    if view is None:
        connections = sorted(c.name for c in state.catalog.connections.values())
        if key in (c.lower() for c in connections):
            raise UnknownNameError(f"{name!r} is a connection", hint=f"name a table of it: {name}.some_table")
        views = sorted({v.name for v in state.catalog.views.values()})
        raise UnknownNameError(f"there is no view {name!r}", hint=suggest(name, views, "views"))
    state.replaced += 1
    if state.replaced > MAX_VIEWS:
        raise QueryTooLargeError(f"the query uses views more than {MAX_VIEWS} times, those below views included")
    inner = copied(_view_tree(view.expanded_sql))
    _check_new_names(table, len(inner.selects))
    state.keep_clear_of(inner)
    _replace_all(inner, state, closure, (*path, key))
    subquery = exp.Subquery(this=inner, alias=_alias(table))
    for arg in ("joins", "pivots", "laterals"):
        if table.args.get(arg):
            subquery.set(arg, table.args[arg])
    table.replace(subquery)


def _replace_source(table: exp.Table, state: _State, top: bool) -> None:
    parts = tuple(part.name for part in table.parts)
    connection = state.catalog.connection(parts[0])
    if connection is None:
        names = sorted(c.name for c in state.catalog.connections.values())
        raise UnknownNameError(f"there is no connection {parts[0]!r}", hint=suggest(parts[0], names, "connections"))
    found = find_table(state.catalog, connection.name, parts[1:])
    asked = ".".join(parts)
    if not found:
        names = sorted(s.table for s in state.catalog.schemas.values() if s.connection == connection.name)
        raise UnknownNameError(
            f"connection {connection.name!r} has no table {'.'.join(parts[1:])!r}",
            hint=suggest(parts[-1], names, "tables") + "; `viewloom refresh` looks again",
            details={"connection": connection.name},
        )
    if len(found) > 1:
        raise UnknownNameError(
            f"{asked!r} can mean {len(found)} tables: {', '.join(str(t.name) for t in found[:5])}",
            hint="write the schema too: connection.schema.table",
        )
    if len(state.scans) >= MAX_SCANS:
        raise QueryTooLargeError(f"the query reads more than {MAX_SCANS} tables")
    if top:
        state.source_tables.append(f"{connection.name}.{found[0].name}")
    scan_id = state.scan_id()
    columns = tuple(
        ScanColumn(name, c.name, c.sql_type) for name, c in zip(our_names(found[0]), found[0].columns, strict=True)
    )
    dialect = connection.connector if connection.connector in DIALECTS else ""
    state.scans.append(
        Scan(
            scan_id,
            connection.name,
            found[0].name,
            columns,
            row_estimate=found[0].row_estimate,
            dialect=dialect,
        )
    )
    state.tables[scan_id] = found[0]
    alias = _alias(table)
    _check_new_names(table, len(columns))
    table.set("this", exp.to_identifier(scan_id, quoted=True))
    table.set("db", None)
    table.set("catalog", None)
    table.set("alias", alias)


def spelled(catalog: WorkspaceCatalog, view: str) -> str:
    """A view's name as the catalog writes it."""
    found = catalog.view(view)
    return found.name if found is not None else view


def _alias(table: exp.Table) -> exp.TableAlias:
    alias = table.args.get("alias")
    if isinstance(alias, exp.TableAlias) and alias.this:
        return copied(alias)
    columns = alias.columns if isinstance(alias, exp.TableAlias) else []
    return exp.TableAlias(this=exp.to_identifier(table.name, quoted=True), columns=columns)


def _check_new_names(table: exp.Table, columns: int) -> None:
    names = len(table.alias_column_names)
    if names > columns:
        raise UnknownColumnError(
            f"{table.alias_or_name!r} has {columns} columns; {names} names were given to them",
            hint="name the first columns only, or all",
        )


def _finish(tree: exp.Query, state: _State) -> Resolved:
    schema: dict[str, object] = {s.id: {c.name: c.sql_type for c in s.columns} for s in state.scans}
    try:
        names = MappingSchema(schema, dialect="duckdb", normalize=False)  # all are in lower case
        set_apart(tree)
        tree = qualify(tree, dialect="duckdb", schema=names)
    except OptimizeError as error:
        raise _column_error(error, tree, schema) from None
    except SqlglotError as error:
        raise UnknownColumnError(str(error)) from None
    except RecursionError:
        raise QueryTooLargeError("the query is nested too deeply") from None
    every = nodes(tree)
    columns = sum(len(node.expressions) for node in every if isinstance(node, exp.Select))
    if columns > MAX_COLUMNS:
        raise QueryTooLargeError(
            f"the SELECTs of the query, those of its views included, have {columns:,} columns",
            hint=f"at most {MAX_COLUMNS:,}: name the columns that are needed in place of *",
        )
    for node in every:
        if isinstance(node, exp.TableColumn):
            raise UnknownColumnError(
                f"{node.name!r} is a table, not a column", hint=f"name its columns, or {node.name}.* for all of them"
            )
        if isinstance(node, exp.Star) and isinstance(node.parent, exp.Select | exp.Dot):
            raise UnknownColumnError("it can't be told what columns * stands for here", hint="name them")
        node._meta = None  # where it stood in the text: of no use from here on, and copied with each copy
    flatten_joins(tree, every)
    return Resolved(
        tree,
        tuple(state.scans),
        state.tables,
        tuple(dict.fromkeys(state.publications)),
        tuple(dict.fromkeys(state.views)),
        tuple(dict.fromkeys(state.source_tables)),
    )


def _column_error(error: OptimizeError, tree: exp.Query, schema: dict[str, object]) -> UnknownColumnError:
    text = re.sub(r"\x1b\[\d+m", "", str(error)).splitlines()[0]
    match = re.search(r"Column '([^']*)' could not be resolved|Unknown column: (\S+)", text)
    if match is None:
        return UnknownColumnError(text)
    name = (match[1] or match[2]).strip('"').split(".")[-1].strip('"')
    known = {c for columns in schema.values() for c in cast("dict[str, str]", columns)}
    known |= {alias.alias for alias in tree.find_all(exp.Alias)}
    known.discard(name)
    details: dict[str, object] = {}
    for column in tree.find_all(exp.Column):
        if column.name == name and "line" in column.this.meta:
            details = place(column.this.meta)
            break
    if _owners(tree, name, schema) > 1:
        return UnknownColumnError(
            f"column {name!r} is ambiguous", hint="say whose it is: table.column", details=details
        )
    return UnknownColumnError(
        f"there is no column {name!r}", hint=suggest(name, sorted(known), "columns"), details=details
    )


def _owners(tree: exp.Query, name: str, schema: dict[str, object]) -> int:
    """How many relations beside one bare mention of a column have one of this name."""
    most = 0
    for column in tree.find_all(exp.Column):
        select = column.find_ancestor(exp.Select)
        if column.name != name or column.table or select is None or select.args.get("from_") is None:
            continue
        relations = [select.args["from_"].this, *(join.this for join in select.args.get("joins") or [])]
        most = max(most, sum(name in _names(relation, schema) for relation in relations))
    return most


def _names(relation: exp.Expr, schema: dict[str, object]) -> Iterable[str]:
    if isinstance(relation, exp.Subquery) and isinstance(relation.this, exp.Query):
        return relation.this.named_selects
    return cast("dict[str, str]", schema.get(relation.name, {}))


def suggest(asked: str, known: list[str], what: str) -> str:
    """A hint: the nearest known name, or a few of them."""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(asked.lower(), list(lower), n=1, cutoff=0.6)
    if near:
        return f"did you mean {lower[near[0]]!r}?"
    if not known:
        return f"there are no {what} here"
    return f"{what} are: {', '.join(known[:12])}{' …' if len(known) > 12 else ''}"

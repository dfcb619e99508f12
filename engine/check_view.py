"""A view's text → a version that can be saved: names resolved, `*` spelled out, columns and types known, key proven.

Types are DuckDB's own, asked of a worker over empty tables; no source is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from catalog.records import Problem, View, ViewColumn, WorkspaceCatalog
from connectors.sdk.types import SIMPLE, decimal_parts
from engine.contracts import contracts_in
from engine.engine import Engine, prepared_plan
from engine.errors import EngineError, QueryError, SqlNotAllowedError, ViewProblemsError
from engine.job import Job
from engine.parse import parse_query
from engine.plain_from import set_apart
from engine.planner import plan_resolved
from engine.resolve import Resolved, normalized, resolve_workspace, tables_of
from engine.source_tables import find_table
from engine.view_keys import proven


@dataclass(frozen=True, slots=True)
class ViewSource:
    """A view as its author wrote it. `column_comments` by column name, case ignored."""

    name: str
    sql: str
    comment: str = ""
    column_comments: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


def check_view(engine: Engine, catalog: WorkspaceCatalog, view: ViewSource) -> View:
    """The view as a version to save (`version` 0: the catalog counts). Raises ViewProblemsError."""
    try:
        tree = parse_query(view.sql)
        for placeholder in tree.find_all(exp.Placeholder):
            raise SqlNotAllowedError(
                f"a view has no parameters; found ${placeholder.this}", hint="write the value, or filter in the query"
            )
        contracts_in(view.sql)
        resolved = resolve_workspace(tree, catalog, view.name)
        expanded, spellings = expand_stars(tree, catalog)
        names = resolved.select.named_selects
        _check_names(view, names)
        _check_zones(catalog, resolved)
        prepared = prepared_plan(plan_resolved(resolved, rules=()))
        job = Job("describe", "check", statement=prepared.statement(()))
        described = cast("list[tuple[str, str]]", engine.run(job, catalog.tenant, timeout=60)["columns"])
    except QueryError as error:
        raise ViewProblemsError(view.name, [_problem(error)]) from None
    key, not_null = proven(resolved.select, resolved.tables)
    comments = {name.lower(): text for name, text in view.column_comments.items()}
    columns = tuple(
        ViewColumn(spellings.get(name, name), _known_type(kind), name not in not_null, comments.get(name.lower(), ""))
        for name, (_, kind) in zip(names, described, strict=True)
    )
    unknown = sorted(set(comments) - {c.name.lower() for c in columns})
    if unknown:
        problem = Problem("unknown_column", f"COMMENT ON COLUMN names {unknown[0]!r}, which the view does not have")
        raise ViewProblemsError(view.name, [problem])
    return View(
        name=view.name,
        version=0,
        sql=view.sql,
        expanded_sql=_with_known_types(expanded, names, [kind for _, kind in described]),
        columns=columns,
        uses_views=resolved.views,
        uses_tables=resolved.source_tables,
        key=tuple(spellings.get(name, name) for name in key),
        comment=view.comment,
        source=view.source,
    )


def expand_stars(tree: exp.Query, catalog: WorkspaceCatalog) -> tuple[exp.Query, dict[str, str]]:
    """The view's own text with its columns qualified and `*` spelled out, still over the names that it uses.

    Also how each column is spelled: as written in the view, else as in the relation that it comes from.
    """
    copy = normalized(tree)
    schema: dict[str, object] = {}
    originals: dict[str, exp.Table] = {}
    spellings: dict[str, str] = {}
    for number, table in enumerate(tables_of(copy)):
        columns = _relation_columns(table, catalog)
        spellings |= {name.lower(): name for name, _ in columns}
        relation = f"r{number}"
        schema[relation] = {name.lower(): kind for name, kind in columns}
        originals[relation] = table.copy()
        alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
        table.set("this", exp.to_identifier(relation, quoted=True))
        table.set("db", None)
        table.set("catalog", None)
        table.set("alias", alias)
    set_apart(copy)
    copy = qualify(copy, dialect="duckdb", schema=schema, quote_identifiers=True, identify=True)
    for table in copy.find_all(exp.Table):
        original = originals.get(table.name)
        if original is not None and not table.args.get("db"):
            for part in ("this", "db", "catalog"):
                table.set(part, original.args.get(part))
            for identifier in table.find_all(exp.Identifier):
                identifier.set("quoted", True)
    for projection in tree.selects:
        written = projection.alias_or_name
        if written and written != "*":
            spellings[written.lower()] = written
    return copy, spellings


def _relation_columns(table: exp.Table, catalog: WorkspaceCatalog) -> list[tuple[str, str]]:
    if not table.args.get("db"):
        view = catalog.view(table.name)
        return [(c.name, c.sql_type) for c in view.columns] if view else []
    parts = tuple(part.name for part in table.parts)
    found = find_table(catalog, parts[0], parts[1:])
    return [(c.name, c.sql_type) for c in found[0].columns] if found else []


def _check_names(view: ViewSource, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise QueryError(f"two columns are called {twice[0]!r}", hint="give one of them another name with AS")


def _check_zones(catalog: WorkspaceCatalog, resolved: Resolved) -> None:
    """Naive timestamps mean nothing until the connection says in which zone they were written."""
    for scan in resolved.scans:
        table, connection = resolved.tables[scan.id], catalog.connection(scan.connection)
        if table.naive_timestamps and connection is not None and connection.time_zone is None:
            raise QueryError(
                f"table {scan.connection}.{scan.table} has timestamps without a zone "
                f"({', '.join(table.naive_timestamps[:3])})",
                hint=f"set time_zone on connection {scan.connection!r} (for example Europe/Berlin), then refresh it",
            )


def _known_type(kind: str) -> str:
    """DuckDB's type as one of the closed set that protocols know."""
    if kind in SIMPLE or decimal_parts(kind):
        return kind
    if kind in ("HUGEINT", "UHUGEINT"):
        return "DECIMAL(38,0)"
    return "TIMESTAMP" if kind.startswith("TIMESTAMP_") else "VARCHAR"


def _with_known_types(select: exp.Query, names: list[str], kinds: list[str]) -> str:
    """The text with an outer SELECT that casts columns whose type is outside the closed set."""
    if all(_known_type(kind) == kind for kind in kinds):
        return select.sql(dialect="duckdb")
    columns = []
    for name, kind in zip(names, kinds, strict=True):
        column: exp.Expr = exp.column(name, table="v", quoted=True)
        if kind.startswith(("STRUCT", "MAP", "UNION")) or kind.endswith("]"):
            column = exp.func("to_json", column, dialect="duckdb")
        if _known_type(kind) != kind:
            column = exp.cast(column, _known_type(kind), dialect="duckdb")
        columns.append(exp.alias_(column, name, quoted=True))
    return exp.select(*columns).from_(select.subquery("v")).sql(dialect="duckdb")


def _problem(error: EngineError) -> Problem:
    line, column = error.details.get("line"), error.details.get("column")
    return Problem(
        error.code,
        error.message,
        line if isinstance(line, int) else 1,
        column if isinstance(column, int) else 1,
        error.hint,
    )

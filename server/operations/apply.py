"""Catalog as code: a directory becomes the workspace, all of it or nothing; and the workspace becomes a directory.

Everything is checked first against the catalog as it would be: connections are introspected, views checked in the
order of their dependencies, keys counted at the sources. Only then is one transaction opened, in which nothing is
read from a source. What went wrong is collected, with file, line and column.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Literal

from catalog.dependencies import uses_of
from catalog.diff import Action, Changes, diff
from catalog.errors import CatalogError, CatalogRaceError
from catalog.files import CatalogFiles, files_of, read_files, write_files
from catalog.names import fold
from catalog.pins import PinKey
from catalog.records import Connection, Problem, Publication, View, WorkspaceCatalog
from catalog.scope import Scope
from catalog.view_file import ViewText
from catalog.workspace_catalog import schema_map
from catalog.workspace_store import WorkspaceStore
from connectors.sdk.errors import ConnectorError
from connectors.sdk.registry import connector_type
from engine.check_view import ViewSource, check_view
from engine.contracts import prove
from engine.errors import EngineError, ViewProblemsError
from engine.explain import explain_plan, explanation_text
from engine.view_keys import declared
from server.operations.access import require_admin
from server.operations.connections import check_config
from server.operations.errors import FileProblem, FilesProblemsError, OperationError
from server.operations.pins import (
    as_pinned,
    checking_order,
    companions,
    known_version,
    pin_keys,
    pinned_closure,
    unused_pins,
    wanted_pins,
)
from server.operations.publish import Key, check_key, choose_key
from server.operations.refresh import Introspection, introspect, retyped, seen_diff, seen_schemas, warnings_of
from server.state import ServerState

CONNECTIONS_FILE = "connections.yaml"
HOW_TO_GO_ON = "mend the view or the contract; `--contracts warn` applies it all the same"
# Candidates are planned over; no version of a committed or uncommitted snapshot is ever theirs.
_CANDIDATE_VERSIONS = count(-1_000_000_000, -1)
Say = Callable[[str], None]
BrokenContracts = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What was (or, in a dry run, would be) changed. `warnings`: sentences for people."""

    changes: Changes
    dry_run: bool
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Checking:
    """The catalog as it would be, growing while the files are checked, and what is wrong with them."""

    state: ServerState
    current: WorkspaceCatalog
    candidate: WorkspaceCatalog
    say: Say
    problems: list[FileProblem]
    warnings: list[str]
    seen: dict[str, Introspection]
    views: list[View]
    pinned: dict[PinKey, View]
    pinned_at: dict[int, PinKey]
    keys: dict[str, Key]
    broken_contracts: BrokenContracts
    look_again: bool


def secret_fields(connector: str) -> Collection[str]:
    """The secret fields of a connector; () for one that is not known, which its own check will say."""
    try:
        return connector_type(connector).secret_fields
    except ConnectorError:
        return ()


def apply(
    state: ServerState,
    scope: Scope,
    directory: Path,
    *,
    dry_run: bool = False,
    check_keys: bool = True,
    contracts: BrokenContracts = "fail",
    look_again: bool = False,
    progress: Say | None = None,
) -> Applied:
    """Make the workspace what a directory says. Raises FilesError, FilesProblemsError; nothing is half applied.

    `look_again`: read the descriptions of all connections' tables, not only of new and changed ones.
    """
    files = read_files(directory, secret_fields)
    return apply_files(
        state,
        scope,
        files,
        dry_run=dry_run,
        check_keys=check_keys,
        contracts=contracts,
        look_again=look_again,
        progress=progress,
    )


def apply_files(
    state: ServerState,
    scope: Scope,
    files: CatalogFiles,
    *,
    dry_run: bool = False,
    check_keys: bool = True,
    contracts: BrokenContracts = "fail",
    look_again: bool = False,
    progress: Say | None = None,
) -> Applied:
    """The same from files that were read already."""
    require_admin(scope)
    workspace = state.store.workspace(scope)
    current = workspace.read()
    changes = diff(current, files)
    checking = _Checking(
        state, current, current, progress or _silent, [], [], {}, [], {}, {}, {}, contracts, look_again
    )
    _check_connections(checking, files, changes)
    _check_views(checking, files, changes)
    _check_publications(checking, files, changes, check_keys)
    if checking.problems:
        raise FilesProblemsError(checking.problems)
    if not dry_run:
        with workspace.together() as writing:
            if state.store.version(scope) != current.version:
                raise CatalogRaceError(
                    "The workspace was changed while the files were checked.", hint="Apply them again."
                )
            _write(writing, checking, files, changes)
        if any(change.action is not Action.CREATE for change in changes.connections):
            state.engine.pool.recycle(scope.tenant)
    return Applied(changes, dry_run, tuple(checking.warnings))


def export(state: ServerState, scope: Scope, directory: Path, *, prune: bool = False) -> tuple[str, ...]:
    """Write the workspace as files; the names of those that changed. `prune`: delete files of views that are gone."""
    return write_files(directory, files_of(state.store.workspace(scope).read()), prune=prune)


def _silent(text: str) -> None:
    """Nobody wants to know."""


def _check_connections(checking: _Checking, files: CatalogFiles, changes: Changes) -> None:
    """Check every connection; look at the tables of those that are new, changed, or were never looked at."""
    changed = {fold(change.name) for change in changes.connections if change.action is not Action.DROP}
    wanted = {fold(one.name): one for one in files.connections}
    schemas = {place: schema for place, schema in checking.current.schemas.items() if place[0] in wanted}
    checking.candidate = _next(checking.candidate, connections=wanted, schemas=schemas)
    looked_at = {place[0] for place in schemas}
    for key, connection in wanted.items():
        if key not in changed and key in looked_at and not checking.look_again:
            continue
        line = files.connection_lines.get(key, 1)
        with _collecting(checking, CONNECTIONS_FILE, line, f"connection {connection.name!r}"):
            check_config(connection)
            checking.say(f"looking at the tables of {connection.name}")
            found = introspect(checking.state, checking.current.tenant, connection)
            checking.seen[key] = found
            checking.warnings += warnings_of(connection, found)
            checking.warnings += [
                f"table {connection.name}.{failed.table} can't be read: {failed.message}" for failed in found.failed
            ]
            _take_tables(checking, connection, found)


def _take_tables(checking: _Checking, connection: Connection, found: Introspection) -> None:
    key = fold(connection.name)
    failed = {failed.table for failed in found.failed}
    kept = [
        schema
        for place, schema in checking.candidate.schemas.items()
        if place[0] != key or schema.table in failed or (found.left_out and schema.table not in found.tables)
    ]
    schemas = schema_map((*kept, *seen_schemas(connection, found)))
    checking.candidate = _next(checking.candidate, schemas=schemas)


def _check_views(checking: _Checking, files: CatalogFiles, changes: Changes) -> None:
    """Check every view over the catalog as it would be, each after those that it uses."""
    texts = {fold(one.name): one for one in files.views}
    views = {place: view for place, view in checking.candidate.views.items() if place[0] in texts}
    latest = {name: version for name, version in checking.candidate.latest.items() if name in texts}
    checking.candidate = _next(checking.candidate, views=views, latest=latest)
    uses, broken = uses_of(files.views), set[str]()
    pinned = wanted_pins(files)
    for name in checking_order(files, changes, pinned):
        text = texts[name]
        _check_pinned(checking, files, {key: one for key, one in pinned.items() if key[0] == name})
        if uses[fold(name)] & broken:  # what is wrong with it can't be told before those below it are right
            broken.add(fold(name))
            continue
        try:
            view = check_view(checking.state.engine, checking.candidate, _source(text))
        except EngineError as error:
            broken.add(fold(name))
            found = error.problems if isinstance(error, ViewProblemsError) else (_problem(error),)
            checking.problems += [_in_view(text, problem) for problem in found]
            continue
        checking.views.append(view)
        _take_view(checking, view)
        _tell_retyped(checking, view, changes)
        _check_contracts(checking, view, text)


def _check_pinned(checking: _Checking, files: CatalogFiles, pinned: Mapping[PinKey, ViewText]) -> None:
    """Find or check the pinned texts of one view. One that is not there yet is saved, below its latest version."""
    for number, (key, text) in enumerate(pinned.items(), 1):
        known = known_version(checking.current, key)
        if known is None:
            with _collecting(checking, text.path, text.line, f"the pinned view {text.name!r}"):
                seen = as_pinned(checking.candidate, companions(files, key), checking.pinned)
                view = check_view(checking.state.engine, _next(seen), _source(text))
                checking.pinned_at[len(checking.views)] = key
                checking.views.append(view)
                known = replace(view, version=-number)  # its own is known when it is saved
        if known is not None:
            checking.pinned[key] = known


def _tell_retyped(checking: _Checking, view: View, changes: Changes) -> None:
    """A view whose text is what it was can have other columns, because a source or a view below it changed."""
    before = checking.current.view(view.name)
    if before is None or fold(view.name) in {fold(change.name) for change in changes.views}:
        return
    if changed := retyped(before, view):
        checking.warnings.append(f"view {view.name!r} becomes another version, and what offers it moves: {changed}")


def _check_contracts(checking: _Checking, view: View, text: ViewText) -> None:
    """Prove the view's contracts over the catalog as it would be."""
    for verdict in prove(view, checking.candidate):
        if verdict.problem:
            message = f"the contract {verdict.contract.text!r} is broken: {verdict.problem}"
            line = text.line + verdict.contract.line - 1
            if checking.broken_contracts == "warn":
                checking.warnings.append(f"{text.path}:{line}: {message}")
                continue
            plan = explanation_text(explain_plan(verdict.plan)) if verdict.plan is not None else ""
            problem = FileProblem(text.path, line, 1, "contract_broken", message, HOW_TO_GO_ON, plan)
            checking.problems.append(problem)


def _take_view(checking: _Checking, view: View) -> None:
    key = fold(view.name)
    version = checking.current.latest.get(key, 0) + 1
    views = {**checking.candidate.views, (key, version): replace(view, version=version)}
    checking.candidate = _next(checking.candidate, views=views, latest={**checking.candidate.latest, key: version})


def _check_publications(checking: _Checking, files: CatalogFiles, changes: Changes, check_keys: bool) -> None:
    """Find each publication's key; count what it misses where the publication is new, changed or moved."""
    touched = {fold(change.name) for change in changes.publications if change.action is not Action.DROP}
    named = {fold(view.name) for view in files.views}
    for one in files.publications:
        view = checking.candidate.view(one.view)
        if view is None:
            if fold(one.view) not in named:
                known = ", ".join(sorted(v.name for v in files.views)[:12]) or "there are none"
                message = f"the publication {one.name!r} offers the view {one.view!r}, which is not in the files"
                problem = FileProblem(one.path, one.line, 1, "not_found", message, f"views are: {known}")
                checking.problems.append(problem)
            continue
        seen = _next(as_pinned(checking.candidate, pin_keys(one), checking.pinned))
        view = seen.view(one.view) or view
        if unused := unused_pins(checking.candidate, one, checking.pinned):
            message = f"the publication {one.name!r} pins {unused[0]!r}, which it does not read"
            checking.problems.append(
                FileProblem(one.path, one.line, 1, "invalid_record", message, "take the pin out")
            )
        with _collecting(checking, one.path, one.line, f"publication {one.name!r}"):
            key, kind = choose_key(view, one.key, declared(view.name, seen) if one.key is None else ())
            checking.keys[fold(one.name)] = (key, kind)
            if kind == "declared" and check_keys and fold(one.name) in touched and not checking.problems:
                checking.say(f"checking the key of {one.name}")
                check_key(checking.state, seen, view, key)


def _write(writing: WorkspaceStore, checking: _Checking, files: CatalogFiles, changes: Changes) -> None:
    """Save what was checked, in the order that `Changes` asks for."""
    for connection in files.connections:
        writing.save_connection(connection, secret_fields(connection.connector))
    for key, found in checking.seen.items():
        connection = checking.candidate.connections[key]
        known = {
            schema.table: schema.definition
            for schema in checking.current.schemas.values()
            if fold(schema.connection) == key
        }
        different = seen_diff(known, found)
        if different or not known:
            writing.save_schemas(seen_schemas(connection, found))
        if different.gone:
            writing.drop_schemas(connection.name, different.gone)
    for place, view in enumerate(checking.views):
        kept = writing.save_view(view)
        if place in checking.pinned_at:
            checking.pinned[checking.pinned_at[place]] = kept
    saved = writing.read()
    for one in files.publications:
        columns, kind = checking.keys[fold(one.name)]
        closure = pinned_closure(saved, one, checking.pinned)
        writing.save_publication(
            Publication(one.name, one.view, closure, columns, kind, one.protocols, one.limits, one.comment)
        )
    for drop, changed in (
        (writing.drop_publication, changes.publications),
        (writing.drop_view, changes.views),
        (writing.drop_connection, changes.connections),
    ):
        for change in changed:
            if change.action is Action.DROP:
                drop(change.name)


@contextlib.contextmanager
def _collecting(checking: _Checking, path: str, line: int, what: str) -> Iterator[None]:
    """What goes wrong inside becomes a problem of the file instead of ending the check."""
    try:
        yield
    except (CatalogError, ConnectorError, EngineError, OperationError) as error:
        checking.problems.append(FileProblem(path, line, 1, error.code, f"{what}: {error.message}", error.hint))


def _problem(error: EngineError) -> Problem:
    return Problem(error.code, error.message, hint=error.hint)


def _in_view(text: ViewText, problem: Problem) -> FileProblem:
    """A place in a view's SQL as a place in its file; a comment on no column has a place of its own."""
    if problem.message.startswith("COMMENT ON COLUMN"):
        lines = (at for column, at in text.comment_lines.items() if repr(fold(column)) in problem.message)
        return FileProblem(text.path, next(lines, text.line), 1, problem.code, problem.message, problem.hint)
    shift = text.column - 1 if problem.line == 1 else 0
    line, column = text.line + problem.line - 1, problem.column + shift
    return FileProblem(text.path, line, column, problem.code, problem.message, problem.hint)


def _source(text: ViewText) -> ViewSource:
    return ViewSource(text.name, text.sql, text.comment, text.column_comments, text.source)


def _next(catalog: WorkspaceCatalog, **fields: object) -> WorkspaceCatalog:
    """The candidate with other contents, under a version that no plan was ever made for."""
    return replace(catalog, version=next(_CANDIDATE_VERSIONS), **fields)  # type: ignore[arg-type]

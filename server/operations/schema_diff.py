"""What changed in a connection's tables since they were last seen: a pure comparison of their descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.source_tables import without_statistics

Definition = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column whose type is another now."""

    name: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class TableChange:
    """What is different in one table. `other`: keys, comments, operators; it breaks no view. How much a
    table holds is no difference."""

    table: str
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    retyped: tuple[ColumnChange, ...] = ()
    other: bool = False

    @property
    def breaks(self) -> bool:
        """Whether a view over the table may be hit."""
        return bool(self.dropped or self.retyped)


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """Tables by their dotted names."""

    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    changed: tuple[TableChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.changed)


def schema_diff(before: Mapping[str, Definition], now: Mapping[str, Definition], *, whole: bool = True) -> SchemaDiff:
    """The differences. `whole` False: `now` does not hold all tables, so that none counts as gone."""
    changed = [_table_change(name, before[name], now[name]) for name in sorted(now) if name in before]
    return SchemaDiff(
        new=tuple(sorted(set(now) - set(before))),
        gone=tuple(sorted(set(before) - set(now))) if whole else (),
        changed=tuple(change for change in changed if change is not None),
    )


def _table_change(table: str, before: Definition, now: Definition) -> TableChange | None:
    before, now = without_statistics(before), without_statistics(now)
    if before == now:
        return None
    old, new = _columns(before), _columns(now)
    return TableChange(
        table=table,
        added=tuple(name for name in new if name not in old),
        dropped=tuple(name for name in old if name not in new),
        retyped=tuple(
            ColumnChange(name, old[name], new[name]) for name in new if name in old and old[name] != new[name]
        ),
        other={**before, "columns": ()} != {**now, "columns": ()} or _details(before) != _details(now),
    )


def _columns(definition: Definition) -> dict[str, str]:
    columns: Any = definition["columns"]
    return {str(column["name"]): str(column["type"]) for column in columns}


def _details(definition: Definition) -> dict[str, dict[str, object]]:
    columns: Any = definition["columns"]
    return {str(column["name"]): {**column, "type": ""} for column in columns}

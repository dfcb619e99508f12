"""Takes the fields of a YAML mapping, each of its type; what is unknown, missing or of another type is an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from catalog.errors import CatalogError, FilesError
from catalog.names import closest
from catalog.yaml_file import Item


class Fields:
    """The fields of one mapping in a file; `what` says whose they are."""

    def __init__(self, item: Item, path: str, what: str, known: Sequence[str]) -> None:
        if not isinstance(item.value, dict):
            raise FilesError(
                path, item.line, f"{what} must be a mapping of fields.", hint=f"Fields: {', '.join(known)}."
            )
        self.path, self.what, self.line = path, what, item.line
        self.items: dict[str, Item] = item.value
        for name, field in self.items.items():
            if name not in known:
                near = closest(name, known)
                hint = f"Did you mean {near!r}?" if near else f"Fields: {', '.join(known)}."
                raise FilesError(path, field.line, f"{what} has no field {name!r}.", hint=hint)

    def line_of(self, name: str) -> int:
        """The line of a field, or of the mapping when the field is not there."""
        return self.items[name].line if name in self.items else self.line

    def error(self, name: str, problem: str, hint: str = "") -> FilesError:
        return FilesError(self.path, self.line_of(name), f"{self.what}: {problem}", hint=hint)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without default the field must be there."""
        if name not in self.items:
            if default is None:
                raise self.error(name, f"the field {name!r} is missing.")
            return default
        value = self.items[name].value
        if not isinstance(value, str):
            raise self.error(name, f"{name!r} must be text.", "Put it in quotes.")
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A list of texts, or None when the field is not there."""
        if name not in self.items:
            return None
        value = self.items[name].plain()
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.error(name, f"{name!r} must be a list of texts.", f"Write `{name}: [one, two]`.")
        return tuple(value)

    def mapping(self, name: str) -> dict[str, object]:
        """A mapping of anything; {} when the field is not there."""
        value = self.items[name].plain() if name in self.items else {}
        if not isinstance(value, dict):
            raise self.error(name, f"{name!r} must be a mapping.")
        return value

    @contextmanager
    def naming_line(self, name: str = "") -> Iterator[None]:
        """Give an error of the catalog's own checks the file and line of a field."""
        try:
            yield
        except FilesError:
            raise
        except CatalogError as error:
            field = str(error.details.get("field", name)).partition(".")[0]
            raise self.error(field or name, error.message, error.hint) from error

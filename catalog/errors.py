"""Errors of the catalog.

CatalogError
├── NotFoundError               not in this workspace; the same for what never was and for what belongs to another
├── NameTakenError              another object has this name, case ignored; names both spellings
├── InvalidNameError            a name that can't be used
├── InvalidRecordError          a field of a record is wrong; names the field
├── ConflictError               somebody else changed it since it was read
├── InUseError
│   ├── ConnectionInUseError    views read the connection; names them
│   └── ViewInUseError          views or publications use the view; names them
├── ViewCycleError              views that would use each other in a circle; names the circle
├── NotAdminError               the principal may not change the workspace
├── SecretError
│   ├── SecretInlineError       a secret stands in a configuration itself, not as a reference; names the field
│   └── SecretMissingError      a reference that leads to no secret; names the reference
├── FilesError                  catalog as code: something wrong in a file; names file and line
├── CatalogRaceError            another change came in between at the last moment; repeating helps
├── CatalogUnavailableError     the metadata database can't be reached, or is locked
└── CatalogVersionError         the metadata database was made by a newer version of this program
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class CatalogError(Exception):
    """Root of all that the catalog raises; `message` never holds a secret."""

    code = "catalog_error"
    retryable = False

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})


class NotFoundError(CatalogError):
    """No such object in this workspace."""

    code = "not_found"

    def __init__(self, kind: str, name: str, *, suggestion: str | None = None) -> None:
        hint = f"Did you mean {suggestion!r}?" if suggestion else f"List what there is and check the {kind}'s name."
        super().__init__(f"There is no {kind} {name!r} here.", hint=hint, details={"kind": kind, "name": name})


class NameTakenError(CatalogError):
    """Another object of the workspace has this name, case ignored."""

    code = "name_taken"

    def __init__(self, kind: str, name: str, taken_by: str, taken_name: str) -> None:
        super().__init__(
            f"The {kind} {name!r} can't have this name: there is the {taken_by} {taken_name!r}, "
            "and names are compared without regard to case.",
            hint="Choose another name, or spell it exactly like the existing one to change that.",
            details={"kind": kind, "name": name, "taken_by": taken_by, "taken_name": taken_name},
        )


class InvalidNameError(CatalogError):
    """A name that can't be used."""

    code = "invalid_name"


class InvalidRecordError(CatalogError):
    """A field of a record is wrong; `details["field"]` names it."""

    code = "invalid_record"

    def __init__(self, field: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{field}: {problem}", hint=hint, details={"field": field})


class ConflictError(CatalogError):
    """Somebody else changed the object since it was read."""

    code = "conflict"

    def __init__(self, kind: str, name: str, expected: int, found: int) -> None:
        there = f"it is at version {found}" if found else "it is not there"
        super().__init__(
            f"The {kind} {name!r} was expected at version {expected}, but {there}.",
            hint="Read it again, look at the other change, and repeat yours on top of it.",
            details={"kind": kind, "name": name, "expected": expected, "found": found},
        )


class InUseError(CatalogError):
    """It can't be dropped: others use it."""

    code = "in_use"

    def __init__(self, kind: str, name: str, *, views: Sequence[str] = (), publications: Sequence[str] = ()) -> None:
        users = [f"view {user!r}" for user in views] + [f"publication {user!r}" for user in publications]
        super().__init__(
            f"The {kind} {name!r} can't be dropped: it is used by {', '.join(users)}.",
            hint="Drop or change these first.",
            details={"kind": kind, "name": name, "views": list(views), "publications": list(publications)},
        )


class ConnectionInUseError(InUseError):
    """The connection can't be dropped: views read it."""

    code = "connection_in_use"


class ViewInUseError(InUseError):
    """The view can't be dropped: other views or publications use it."""

    code = "view_in_use"


class ViewCycleError(CatalogError):
    """Views that would use each other in a circle."""

    code = "view_cycle"

    def __init__(self, path: Sequence[str]) -> None:
        super().__init__(
            f"These views would use each other in a circle: {' → '.join(path)}.",
            hint="Take one of these references out.",
            details={"path": list(path)},
        )


class NotAdminError(CatalogError):
    """The principal may not change the workspace."""

    code = "not_admin"


class SecretError(CatalogError):
    """Something is wrong with a secret; the message names its place, never its value."""

    code = "secret_error"


class SecretInlineError(SecretError):
    """A secret stands in a configuration itself; only a reference may."""

    code = "secret_inline"

    def __init__(self, field: str) -> None:
        super().__init__(
            f"The field {field!r} is a secret and must be a reference, not the secret itself.",
            hint=f"Write `{field}: env:NAME` for an environment variable of the server, or `file:PATH`.",
            details={"field": field},
        )


class SecretMissingError(SecretError):
    """A reference that leads to no secret, or may not be followed."""

    code = "secret_missing"


class FilesError(CatalogError):
    """Catalog as code: something is wrong in a file; `details` hold `path` and the 1-based `line`."""

    code = "catalog_files"

    def __init__(self, path: str, line: int, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{path}, line {line}: {problem}", hint=hint, details={"path": path, "line": line})


class CatalogRaceError(CatalogError):
    """Another change came in between, and the database refused this one."""

    code = "catalog_race"
    retryable = True


class CatalogUnavailableError(CatalogError):
    """The metadata database can't be reached, or stayed locked."""

    code = "catalog_unavailable"
    retryable = True


class CatalogVersionError(CatalogError):
    """The metadata database was made by a newer version of this program."""

    code = "catalog_version"

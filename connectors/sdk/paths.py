"""Files below one directory, which no spelling, link or race leads out of.

Every part of a path is opened on its own, relative to the directory before it, and never through a symbolic link:
there is no moment between a check and an opening in which a link could be swapped in.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import BufferedReader
from pathlib import Path

from connectors.sdk.errors import (
    ConfigurationError,
    SourceLimitError,
    SourcePermissionError,
    SourceProtocolError,
    SourceTableMissingError,
    SourceUnavailableError,
)

MAX_FILES = 10_000
_DRIVE = re.compile(r"[A-Za-z]:")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a named pipe without a writer would block the opening for ever. It means nothing to a regular file.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file below the directory; `path` is relative to it and written with slashes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open regular file and what it looked like when it was opened."""

    path: str
    handle: BufferedReader
    size: int
    changed_ns: int

    def check_unchanged(self) -> None:
        """SourceProtocolError if the file was written to or cut since it was opened. One that was replaced by a
        new file of the same name is fine: what is open is the whole old one."""
        now = os.fstat(self.handle.fileno())
        if (now.st_size, now.st_mtime_ns) != (self.size, self.changed_ns):
            raise SourceProtocolError(
                f"file {self.path!r} changed while it was read",
                hint="write a new file beside it and rename that over the old one; then ask again",
            )


def path_parts(relative: str) -> tuple[str, ...]:
    """The parts of a relative path or glob. ValueError says what is wrong with a path that could lead elsewhere."""
    if not relative or not relative.strip():
        raise ValueError("the path is empty")
    if any(ord(character) < 32 or ord(character) == 127 for character in relative):
        raise ValueError("the path holds a control character")
    if "\\" in relative:
        raise ValueError("the path holds a backslash; parts are separated by '/'")
    if relative.startswith("/") or _DRIVE.match(relative):
        raise ValueError("the path is absolute; it must be relative to the connection's directory")
    if relative.startswith("~"):
        raise ValueError("the path starts with '~'; it must be relative to the connection's directory")
    parts = tuple(relative.split("/"))
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError("the path has a part that is empty, '.' or '..'")
    return parts


def open_root(directory: Path) -> int:
    """A descriptor of the connection's directory; the caller closes it. The directory itself may be a link."""
    try:
        return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceUnavailableError(
            f"directory {str(directory)!r} is not there", hint="mount it, or correct the field 'directory'"
        ) from None
    except PermissionError:
        raise SourcePermissionError(
            f"directory {str(directory)!r} may not be read", hint="give Viewloom's user the right to read it"
        ) from None


def open_file(root: int, relative: str) -> OpenFile:
    """Open a regular file below the directory that `root` is a descriptor of. The caller closes `handle`."""
    try:
        *folders, name = path_parts(relative)
    except ValueError as error:
        raise ConfigurationError(f"file {relative!r}: {error}") from None
    folder = os.dup(root)
    try:
        for part in folders:
            below = _open(part, _DIRECTORY, folder, relative)
            os.close(folder)
            folder = below
        descriptor = _open(name, _FILE, folder, relative)
    finally:
        os.close(folder)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise SourcePermissionError(f"{relative!r} is not a regular file")
    return OpenFile(relative, os.fdopen(descriptor, "rb"), found.st_size, found.st_mtime_ns)


def _open(part: str, flags: int, folder: int, relative: str) -> int:
    try:
        return os.open(part, flags, dir_fd=folder)
    except FileNotFoundError:
        raise SourceTableMissingError(f"file {relative!r} is not there") from None
    except PermissionError:
        raise SourcePermissionError(
            f"file {relative!r} may not be read", hint="give Viewloom's user the right to read it"
        ) from None
    except OSError:
        # ELOOP or ENOTDIR for a link, ENXIO for a socket, ENAMETOOLONG.
        raise SourcePermissionError(
            f"file {relative!r} is a link, lies behind one, or can't be opened",
            hint="links are not followed; put the file itself into the connection's directory",
        ) from None


def find_files(root: int, pattern: str) -> list[FoundFile]:
    """The regular files that a glob names, by path. `*`, `?` and `[…]` stay within one part; `**` is any folders.

    Links are passed over, and so are files and folders whose names start with a dot, unless the pattern's part does.
    """
    found: list[FoundFile] = []
    for file in _walk(root, path_parts(pattern), ""):
        found.append(file)
        if len(found) > MAX_FILES:
            raise SourceLimitError(
                f"more than {MAX_FILES} files match {pattern!r}", hint="make the pattern of the table narrower"
            )
    return sorted(set(found), key=lambda file: file.path)


def _walk(folder: int, parts: tuple[str, ...], prefix: str) -> Iterator[FoundFile]:
    part, rest = parts[0], parts[1:]
    if part == "**" and rest:
        yield from _walk(folder, rest, prefix)
    with os.scandir(folder) as entries:
        matching = [entry for entry in entries if _matches(entry.name, part)]
    for entry in matching:
        path = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False) and (rest or part == "**"):
            try:
                below = os.open(entry.name, _DIRECTORY, dir_fd=folder)
            except FileNotFoundError:
                continue  # gone since it was listed: it is not there, then
            except OSError:
                raise SourcePermissionError(f"folder {path!r} may not be read") from None
            try:
                yield from _walk(below, parts if part == "**" else rest, f"{path}/")
            finally:
                os.close(below)
        elif not rest and entry.is_file(follow_symlinks=False):
            yield FoundFile(path, entry.stat(follow_symlinks=False).st_size)


def _matches(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return part == "**" or fnmatchcase(name, part)

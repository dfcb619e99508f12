"""The zipped XML of an .xlsx workbook: sheets, shared texts, date formats, and the cells of a sheet row by row.

Safe against zip and XML bombs: sizes and ratios that the archive declares are checked before anything is read, what
is unpacked can't be more than declared, no document type is accepted, a cell far away costs nothing.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any
from xml.parsers import expat

from connectors.sdk.errors import SourceLimitError, SourceProtocolError, SourceTableMissingError
from connectors.sdk.formats.options import column_number
from connectors.sdk.paths import OpenFile

MAX_ENTRIES = 5_000
MAX_ENTRY_BYTES = 4 << 30
MAX_TEXT_BYTES = 256 << 20  # of shared texts, the only part that is held as a whole
MAX_RATIO = 100
RATIO_FROM_BYTES = 16 << 20
MAX_CELL_CHARACTERS = 100_000  # Excel's own limit is 32,767
CHUNK_BYTES = 64 << 10
_LETTERS = re.compile(r"[A-Z]{1,3}")
# Built-in number formats that show a date or a time, those of East Asian locales included.
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NOT_SHOWN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)


class NumberCell(str):
    """A number, as its text in the file."""

    __slots__ = ()


class SerialCell(str):
    """A date, time or duration: its serial number in days, as its text in the file."""

    __slots__ = ()


class ErrorCell(str):
    """An error of Excel's such as #DIV/0!."""

    __slots__ = ()


Cell = str | bool  # str, NumberCell, SerialCell, ErrorCell


class Workbook:
    """An open workbook; close it, or use it in `with`. The file stays the caller's."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        file.handle.seek(0)
        try:
            self._zip = zipfile.ZipFile(file.handle)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise self._damaged(error) from None
        self._check_sizes()
        self.starts_1904 = False
        self._sheets: dict[str, str] = {}
        self._read_workbook()
        self._dates = self._read_styles()
        self._texts: list[str] | None = None

    def __enter__(self) -> Workbook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def _damaged(self, error: BaseException) -> SourceProtocolError:
        return SourceProtocolError(
            f"file {self._file.path!r} is not a whole Excel workbook ({type(error).__name__})",
            hint="it may be cut, protected by a password, or of the old .xls format; save it as .xlsx",
        )

    def _check_sizes(self) -> None:
        entries = self._zip.infolist()
        if len(entries) > MAX_ENTRIES:
            raise SourceLimitError(f"file {self._file.path!r} holds more than {MAX_ENTRIES} parts")
        for entry in entries:
            bomb = entry.file_size > RATIO_FROM_BYTES and entry.file_size > MAX_RATIO * max(entry.compress_size, 1)
            if bomb or entry.file_size > MAX_ENTRY_BYTES:
                raise SourceLimitError(
                    f"file {self._file.path!r} would unpack to {entry.file_size >> 20} MB from "
                    f"{entry.compress_size >> 10} KB: it is refused as a zip bomb"
                )

    def _parse(
        self,
        part: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None],
        text: Callable[[str], None],
    ) -> Iterator[None]:
        """Feed a part to the handlers, pausing behind each chunk. Names come without their prefix."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = CHUNK_BYTES

        def refuse(*_: Any) -> None:
            raise SourceProtocolError(f"file {self._file.path!r} declares a document type, which no workbook needs")

        def first(name: str, attributes: dict[str, str]) -> None:
            # Most writers use no prefix: their elements go straight to the handlers, which is a third faster.
            if ":" in name:
                parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
                parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
            else:
                parser.StartElementHandler, parser.EndElementHandler = start, end
            start(name.rpartition(":")[2], attributes)

        parser.StartDoctypeDeclHandler = refuse
        parser.StartElementHandler = first
        parser.CharacterDataHandler = text
        try:
            with self._zip.open(part) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    parser.Parse(chunk, False)
                    yield
                parser.Parse(b"", True)
                yield
        except (zipfile.BadZipFile, zlib.error, expat.ExpatError, OSError, EOFError, KeyError, RuntimeError) as error:
            # KeyError: the part isn't in the archive. RuntimeError: it is encrypted.
            raise self._damaged(error) from None

    def _read_all(self, part: str, start: Callable[[str, dict[str, str]], None]) -> None:
        for _ in self._parse(part, start, lambda name: None, lambda text: None):
            pass

    def _read_workbook(self) -> None:
        targets: dict[str, str] = {}
        found: list[tuple[str, str]] = []

        def relation(name: str, attributes: dict[str, str]) -> None:
            if name == "Relationship" and attributes.get("TargetMode") != "External":
                targets[attributes.get("Id", "")] = posixpath.normpath(
                    posixpath.join("/xl", attributes.get("Target", ""))
                ).lstrip("/")

        def sheet(name: str, attributes: dict[str, str]) -> None:
            if name == "sheet":
                identity = next((v for k, v in attributes.items() if k.rpartition(":")[2] == "id"), "")
                found.append((attributes.get("name", ""), identity))
            elif name == "workbookPr":
                self.starts_1904 = attributes.get("date1904", "0") in ("1", "true")

        self._read_all("xl/_rels/workbook.xml.rels", relation)
        self._read_all("xl/workbook.xml", sheet)
        self._sheets = {name: targets[identity] for name, identity in found if identity in targets}

    def _part(self, name: str) -> str | None:
        """A part by its usual name, whatever its case."""
        lower = f"xl/{name}".lower()
        return next((entry for entry in self._zip.namelist() if entry.lower() == lower), None)

    def _read_styles(self) -> frozenset[str]:
        """The indexes (as text) of cell styles that show dates or times."""
        part = self._part("styles.xml")
        custom: dict[str, str] = {}
        styles: list[str] = []
        inside = False

        def style(name: str, attributes: dict[str, str]) -> None:
            nonlocal inside
            if name == "numFmt":
                custom[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
            elif name in ("cellXfs", "cellStyleXfs"):
                inside = name == "cellXfs"
            elif name == "xf" and inside:
                styles.append(attributes.get("numFmtId", "0"))

        if part is not None:
            self._read_all(part, style)
        return frozenset(str(index) for index, code in enumerate(styles) if _shows_date(code, custom))

    def sheet_name(self, wanted: str | int | None) -> str:
        """A sheet by its name or its number from 1; None: the first. SourceTableMissingError names those there."""
        names = list(self._sheets)
        if isinstance(wanted, str) and wanted in self._sheets:
            return wanted
        if not isinstance(wanted, str) and 1 <= (wanted or 1) <= len(names):
            return names[(wanted or 1) - 1]
        raise SourceTableMissingError(
            f"file {self._file.path!r} has no sheet {wanted!r}", hint=f"its sheets are: {', '.join(names)}"
        )

    def _shared_texts(self) -> list[str]:
        if self._texts is not None:
            return self._texts
        part = self._part("sharedStrings.xml")
        texts: list[str] = []
        self._texts = texts
        if part is None:
            return texts
        if self._zip.getinfo(part).file_size > MAX_TEXT_BYTES:
            raise SourceLimitError(f"file {self._file.path!r} holds more than {MAX_TEXT_BYTES >> 20} MB of texts")
        pieces: list[str] = []
        reading = phonetic = False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal reading, phonetic
            if name == "si":
                pieces.clear()
            elif name == "rPh":
                phonetic = True
            elif name == "t":
                reading = not phonetic

        def end(name: str) -> None:
            nonlocal reading, phonetic
            if name == "si":
                texts.append("".join(pieces))
            elif name == "rPh":
                phonetic = False
            elif name == "t":
                reading = False

        def text(data: str) -> None:
            if reading:
                pieces.append(data)

        for _ in self._parse(part, start, end, text):
            pass
        return texts

    def rows(self, sheet: str, wanted: frozenset[int] | None = None) -> Iterator[tuple[int, dict[int, Cell]]]:
        """(row number, cells by column number, both from 1) of each row; only the wanted columns, all if None."""
        reader = _SheetReader(self._shared_texts(), self._dates, wanted, self._file.path)
        for _ in self._parse(self._sheets[sheet], reader.start, reader.end, reader.text):
            if reader.done:
                ready, reader.done = reader.done, []
                yield from ready


def _shows_date(code: str, custom: dict[str, str]) -> bool:
    if code in custom:
        shown = _NOT_SHOWN.sub("", custom[code].split(";")[0]).lower()
        return shown != "general" and any(letter in shown for letter in "ymdhs")
    return code.isdigit() and int(code) in _DATE_FORMATS


class _SheetReader:
    """Handlers that gather the rows of a sheet in `done`."""

    def __init__(self, texts: list[str], dates: frozenset[str], wanted: frozenset[int] | None, path: str) -> None:
        self.done: list[tuple[int, dict[int, Cell]]] = []
        self._texts, self._dates, self._wanted, self._path = texts, dates, wanted, path
        self._row = self._column = self._length = 0
        self._cells: dict[int, Cell] = {}
        self._pieces: list[str] = []
        self._kind = self._style = ""
        self._reading = self._skipping = self._phonetic = False
        self._letters: dict[str, int] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._start_cell(attributes)
        elif name == "v" or (name == "t" and not self._phonetic):
            self._reading = not self._skipping
        elif name == "row":
            row = attributes.get("r")
            self._row = int(row) if row and row.isdigit() else self._row + 1
            self._column, self._cells = 0, {}
        elif name == "rPh":
            self._phonetic = True

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._kind = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        letters = attributes.get("r", "").rstrip("0123456789")
        number = self._letters.get(letters)
        if number is None:
            # A cell without a reference, or with a strange one, stands behind the one before it.
            number = self._column + 1
            if _LETTERS.fullmatch(letters):
                number = self._letters[letters] = column_number(letters)
        self._column = number
        self._skipping = self._wanted is not None and number not in self._wanted
        self._pieces.clear()
        self._length = 0

    def text(self, data: str) -> None:
        if self._reading:
            self._length += len(data)
            if self._length > MAX_CELL_CHARACTERS:
                raise SourceLimitError(f"file {self._path!r}, row {self._row}: a cell is longer than Excel allows")
            self._pieces.append(data)

    def end(self, name: str) -> None:
        if name == "c":
            if self._pieces:
                self._cells[self._column] = self._value("".join(self._pieces))
                self._pieces.clear()
        elif name in ("v", "t"):
            self._reading = False
        elif name == "row":
            if self._cells:
                self.done.append((self._row, self._cells))
        elif name == "rPh":
            self._phonetic = False

    def _value(self, text: str) -> Cell:
        kind = self._kind
        if kind == "s":
            if not text.isdigit() or int(text) >= len(self._texts):
                raise SourceProtocolError(
                    f"file {self._path!r}, row {self._row}: a cell refers to a text that is not there"
                )
            return self._texts[int(text)]
        if kind == "n":
            return SerialCell(text) if self._style in self._dates else NumberCell(text)
        if kind == "b":
            return text.strip() in ("1", "true")
        return ErrorCell(text) if kind == "e" else text

"""Rows of a JSON document, taken from it while it arrives: memory is bounded by one row, not by the document.

Numbers come as int and Decimal, never as float. What lies beside the rows (the next link, a cursor) is kept where
the caller asks for it. Python's own JSON scanner works on one value at a time; the parsers of events that were tried
are slower, and take quadratic time on nesting.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from connectors.sdk.errors import SourceDataError, SourceLimitError, SourceProtocolError

MAX_VALUE_CHARACTERS = 16 << 20
_BLANK = re.compile(r"[ \t\n\r]*")
_CERTAIN = 16  # a scanner's error this far before the end of the text isn't for want of more text

Path = tuple[str, ...]


def json_path(text: str) -> Path:
    """The members that lead to a value: `data.items`, the JSON pointer `/data/items`, or nothing for the document."""
    if not text:
        return ()
    if text.startswith("/"):
        parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
    else:
        parts = tuple(text.split("."))
    if not all(parts):
        raise ValueError("a path such as data.items or /data/items is expected")
    return parts


def value_at(value: Any, path: Path) -> Any:
    """The value at a path inside of a parsed one; None where it, or what leads to it, is missing."""
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


class JsonPage:
    """One document: iterate `rows()` to its end, then ask `beside()` for what stood beside the rows."""

    def __init__(self, chunks: Iterable[bytes], rows: Path, keep: Sequence[Path] = ()) -> None:
        """`rows`: where the array is. `keep`: paths outside of it whose values are wanted afterwards."""
        self._text = _Text(chunks)
        self._path = rows
        self._keep = tuple(keep)
        self._kept: dict[Path, Any] = {}
        self._found = False
        self._names: list[str] = []
        self.count = 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """The objects of the array. SourceProtocolError: invalid JSON, a cut document, no array at the path;
        SourceDataError: an element that isn't an object; SourceLimitError: a single value of more than 16 MB."""
        for row in self._walk(0):
            if not isinstance(row, dict):
                raise SourceDataError(f"row {self.count + 1} is not a JSON object")
            self.count += 1
            yield row
        self._text.expect_end()
        if not self._found:
            shown = f"its members are: {', '.join(self._names[:10])}" if self._names else "it is empty"
            raise SourceProtocolError(f"there is no array at {'.'.join(self._path)!r} in the answer; {shown}")

    def beside(self, path: Path) -> Any:
        """The value at a kept path, None if there is none; until `rows()` is exhausted, as far as it has come."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._kept:
                return value_at(self._kept[path[:length]], path[length:])
        return None

    def _walk(self, depth: int) -> Iterator[Any]:
        first = self._text.peek()
        if depth == len(self._path):
            if first != "[":
                where = f"at {'.'.join(self._path)!r}" if self._path else "as the whole answer"
                raise SourceProtocolError(f"{where} an array is expected, {_kind(first)} was found")
            self._found = True
            yield from self._text.elements()
            return
        if first != "{":
            raise SourceProtocolError(f"an object is expected around the rows, {_kind(first)} was found")
        for name in self._text.members():
            place = (*self._path[:depth], name)
            if depth == 0 and len(self._names) < 10:
                self._names.append(name[:40])
            if name == self._path[depth]:
                yield from self._walk(depth + 1)
            elif any(kept[: depth + 1] == place for kept in self._keep):
                self._kept[place] = self._text.value()
            else:
                self._text.skip()


def _kind(first: str) -> str:
    return {"{": "an object", "[": "an array", '"': "a string", "n": "null", "": "nothing"}.get(
        first, "a plain value"
    )


def _no_constant(name: str) -> Any:
    raise ValueError(name)


class _Text:
    """The document's text as far as it has come, and a position in it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._scan = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant).raw_decode
        self._text = ""
        self._at = 0
        self._ended = False
        self._started = False

    def _more(self) -> bool:
        """Take the next piece; False if there is none."""
        if self._ended:
            return False
        piece = next(self._chunks, None)
        self._ended = piece is None
        try:
            text = self._decode(piece or b"", self._ended)
        except UnicodeDecodeError:
            raise SourceProtocolError("the answer is not UTF-8") from None
        if not self._started and text:
            text, self._started = text.removeprefix("\ufeff"), True
        self._text = self._text[self._at :] + text
        self._at = 0
        return not self._ended or bool(text)

    def peek(self) -> str:
        """The next character that isn't blank, without taking it; nothing at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, expected: str) -> str:
        """Take one of the expected characters."""
        found = self.peek()
        if found == "":
            raise SourceProtocolError("the answer is cut off: the JSON document is not complete")
        if found not in expected:
            raise SourceProtocolError("invalid JSON")
        self._at += 1
        return found

    def value(self) -> Any:
        """Parse one whole value."""
        self.peek()
        enough = 0
        while True:
            if len(self._text) - self._at >= enough or self._ended:
                try:
                    value, end = self._scan(self._text, self._at)
                except json.JSONDecodeError as error:
                    cut = error.msg.startswith("Unterminated string") or len(self._text) - error.pos < _CERTAIN
                    if not cut:
                        raise SourceProtocolError("invalid JSON") from None
                    if self._ended:
                        done = error.pos >= len(self._text) or error.msg.startswith("Unterminated string")
                        problem = (
                            "the answer is cut off: the JSON document is not complete" if done else "invalid JSON"
                        )
                        raise SourceProtocolError(problem) from None
                except (ValueError, ArithmeticError):  # NaN, Infinity, a number of thousands of digits
                    raise SourceProtocolError("invalid JSON: a number that JSON does not have") from None
                except RecursionError:
                    raise SourceProtocolError("the JSON document is nested too deep") from None
                else:
                    if end < len(self._text) or self._ended:  # else a number may go on in the next piece
                        self._at = end
                        return value
                # Parsing begins anew each time: with twice the text, so that all of it stays linear.
                enough = 2 * (len(self._text) - self._at)
            if len(self._text) - self._at > MAX_VALUE_CHARACTERS:
                raise SourceLimitError(f"a single value is longer than {MAX_VALUE_CHARACTERS >> 20} MB")
            self._more()

    def elements(self) -> Iterator[Any]:
        """The elements of an array, one by one."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """The names of an object's members; the caller takes each one's value before it asks for the next."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            if self.peek() != '"':
                raise SourceProtocolError("invalid JSON" if self.peek() else "the answer is cut off")
            name = self.value()
            self.take(":")
            yield name
            if self.take(",}") == "}":
                return

    def skip(self) -> None:
        """Pass over a value; of an array or object only one element at a time is held."""
        first = self.peek()
        if first == "[":
            for _ in self.elements():
                pass
        elif first == "{":
            for _ in self.members():
                self.value()
        else:
            self.value()

    def expect_end(self) -> None:
        """SourceProtocolError if anything but blanks follows."""
        if self.peek():
            raise SourceProtocolError("invalid JSON: there is more behind the end of the document")

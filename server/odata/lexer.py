"""Cuts decoded OData text into tokens, one at a time, on demand.

On demand because the grammar changes inside one text: `$expand=Items($search=a-b;$top=2)` has a $search whose
words are no tokens of expressions. A parser that meets one takes `rest_of_option()` instead.
Reading is linear: every pattern starts at the current position and is bounded by what it consumes.
"""

import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

from server.odata import literals
from server.odata.errors import ODataSyntaxError
from server.odata.syntax import MAX_DEPTH, Literal

MAX_NAME = 128


class Kind(StrEnum):
    """What a token is; PUNCTUATION has its character as text."""

    END = "end"
    NAME = "name"
    DOLLAR = "dollar"
    LITERAL = "literal"
    JSON_STRING = "json string"
    PUNCTUATION = "punctuation"


class Token(NamedTuple):
    """One token: its text as written, where it is, and its value when it is a literal."""

    kind: Kind
    text: str
    position: int
    end: int
    literal: Literal | None = None


_BLANK = re.compile(r"[ \t]*")
_ASCII_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOLLAR = re.compile(r"\$[A-Za-z]+")
_GUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_DATE_TIME = re.compile(r"-?\d{4,}+-\d\d-\d\d[Tt]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_DATE = re.compile(r"-?\d{4,}+-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_NUMERIC = (
    (_GUID, literals.guid),
    (_DATE_TIME, literals.date_time_offset),
    (_DATE, literals.date),
    (_TIME, literals.time_of_day),
    (_NUMBER, literals.number),
)
_STRING = re.compile(r"'((?:[^']|'')*+)'")
_JSON_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_JSON_PLAIN = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_COMPARISONS = "OData writes comparisons as eq, ne, gt, ge, lt and le."
_SQL_HINTS = {
    "=": _COMPARISONS,
    "is": "OData writes `x eq null` and `x ne null`.",
    "like": "OData has contains(x,'…'), startswith, endswith and matchespattern.",
    "between": "OData writes `x ge 1 and x le 2`.",
}
_LEADING = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"})
_FOLLOWING = _LEADING | {"Nd", "Mn", "Mc", "Pc", "Cf"}


class Cursor:
    """A place in one text, with the token that starts there. `option` names the text in errors."""

    __slots__ = ("_depth", "_next", "option", "text", "token")

    def __init__(self, text: str, option: str, start: int = 0) -> None:
        self.text = text
        self.option = option
        self._depth = 0
        self._next: Token | None = None
        self.token = self._read(start)

    def advance(self) -> Token:
        """Moves to the next token and returns the one left behind."""
        passed = self.token
        self.token = self._next or self._read(passed.end)
        self._next = None
        return passed

    def peek(self) -> Token:
        """The token after the current one, without moving."""
        if self._next is None:
            self._next = self._read(self.token.end)
        return self._next

    def at(self, text: str) -> bool:
        """True when the current token is this punctuation."""
        return self.token.kind is Kind.PUNCTUATION and self.token.text == text

    def accept(self, text: str) -> bool:
        """Passes this punctuation if it is here, and says whether it was."""
        if self.at(text):
            self.advance()
            return True
        return False

    def expect(self, text: str, after: str) -> Token:
        """Passes this punctuation or raises, naming what it should have followed."""
        if not self.at(text):
            raise self.error(f"Expected {text!r} after {after}, found {self.found()}", self._sql_hint())
        return self.advance()

    def name(self, what: str) -> str:
        """Passes a name without dots and returns it."""
        if self.token.kind is not Kind.NAME or "." in self.token.text:
            raise self.error(f"Expected {what}, found {self.found()}")
        return self.advance().text

    def expect_end(self) -> None:
        """Raises unless the whole text has been read."""
        if self.token.kind is not Kind.END:
            raise self.error(f"Unexpected {self.found()}", self._sql_hint())

    def rest_of_option(self) -> tuple[str, int]:
        """Passes the `=` that must be here and all up to the `;` or `)` that ends a nested option.

        Returns that text and its position. Double quotation marks and balanced parentheses hide both ends; so
        do single ones around the whole value, while an apostrophe inside a word (Daniel's) hides nothing.
        """
        start = position = self.token.end
        depth, quote, blank = 0, "", True
        while position < len(self.text):
            character = self.text[position]
            if quote:
                quote = "" if character == quote else quote
            elif character == '"' or (character == "'" and blank):
                quote = character
            elif character == "(":
                depth += 1
            elif character in ");":
                if depth == 0:
                    break
                depth -= character == ")"
            blank = blank and character in " \t"
            position += 1
        self._next = None
        self.token = self._read(position)
        return self.text[start:position], start

    def enter(self, cost: int) -> None:
        """Counts nesting; `cost` is about the Python frames it takes, two to the unit."""
        self._depth += cost
        if self._depth > MAX_DEPTH:
            raise self.error("The expression is nested too deeply", f"At most {MAX_DEPTH} levels are read.")

    def leave(self, cost: int) -> None:
        """Undoes `enter`."""
        self._depth -= cost

    def error(self, message: str, hint: str = "", position: int | None = None) -> ODataSyntaxError:
        """An error at the current token, or at `position`."""
        where = self.token.position if position is None else position
        return ODataSyntaxError(message + ".", option=self.option, position=where, hint=hint)

    def found(self) -> str:
        """The current token for a message; the content of a literal is never shown."""
        token = self.token
        if token.kind is Kind.END:
            return "the end"
        if token.literal is not None:
            return f"a literal ({token.literal.type})"
        return "a string" if token.kind is Kind.JSON_STRING else repr(token.text[:40])

    def _sql_hint(self) -> str:
        """What to write in place of the SQL that people try first."""
        if self.token.kind is Kind.LITERAL:
            return ""
        return _SQL_HINTS.get(self.token.text.lower(), "")

    def _read(self, position: int) -> Token:
        text = self.text
        blank = _BLANK.match(text, position)
        start = blank.end() if blank else position
        if start >= len(text):
            return Token(Kind.END, "", start, start)
        character = text[start]
        if character.isascii():
            if character.isdigit() or character in "+-" or character in "abcdefABCDEF":
                token = self._numeric(start)
                if token is not None:
                    return token
            if character == "'":
                return self._string(start, "")
            if character == '"':
                return self._json_string(start)
            if character == "$" and (dollar := _DOLLAR.match(text, start)):
                return Token(Kind.DOLLAR, dollar.group(), start, dollar.end())
            if not (character.isalpha() or character == "_"):
                if character not in "(),:;/*=@.[]{}#-$":
                    hint = _COMPARISONS if character in "<>!" else ""
                    raise self.error(f"Unexpected character {character!r}", hint, start)
                return Token(Kind.PUNCTUATION, character, start, start + 1)
        return self._name(start)

    def _numeric(self, start: int) -> Token | None:
        for pattern, convert in _NUMERIC:
            match = pattern.match(self.text, start)
            if match is None:
                continue
            end = match.end()
            if end < len(self.text) and _continues_name(self.text[end]):
                if pattern is _GUID or pattern is _TIME:
                    continue
                raise self.error(
                    "A literal runs into the characters after it",
                    "Numbers have no suffix in OData 4; dates are yyyy-mm-dd, guids 8-4-4-4-12.",
                    start,
                )
            return self._literal(convert, match.group(), start, end)
        if self.text.startswith("-INF", start) and not _continues_name(self.text[start + 4 : start + 5]):
            return Token(Kind.LITERAL, "-INF", start, start + 4, literals.number("-INF", start))
        return None

    def _literal(self, convert: literals.Convert, text: str, start: int, end: int) -> Token:
        try:
            return Token(Kind.LITERAL, text, start, end, convert(text, start))
        except ODataSyntaxError as error:
            error.option = self.option
            raise

    def _string(self, start: int, prefix: str) -> Token:
        match = _STRING.match(self.text, start + len(prefix))
        if match is None:
            raise self.error("A string has no closing quote", "A quote inside a string is doubled: 'O''Neil'.", start)
        content = match.group(1).replace("''", "'")
        if prefix:
            return self._literal(
                lambda _, at: literals.prefixed(prefix, content, at), match.group(), start, match.end()
            )
        return self._literal(lambda _, at: literals.string(content, at), match.group(), start, match.end())

    def _json_string(self, start: int) -> Token:
        match = _JSON_STRING.match(self.text, start)
        if match is None:
            raise self.error("A string has no closing quotation mark", position=start)

        def unescape(escape: re.Match[str]) -> str:
            code, plain = escape.groups()
            if code is not None:
                return chr(int(code, 16))
            if plain not in _JSON_PLAIN:
                raise self.error("JSON has no such escape in a string", position=start)
            return _JSON_PLAIN[plain]

        value = _JSON_ESCAPE.sub(unescape, match.group(1))
        token = self._literal(lambda _, at: literals.string(value, at), match.group(), start, match.end())
        return token._replace(kind=Kind.JSON_STRING)

    def _name(self, start: int) -> Token:
        end = name_end(self.text, start)
        while self.text[end : end + 1] == "." and (further := name_end(self.text, end + 1)) > end + 1:
            end = further
        if end == start:
            raise self.error(f"Unexpected character {self.text[start]!r}", position=start)
        name = self.text[start:end]
        if any(len(part) > MAX_NAME for part in name.split(".")):
            raise self.error(f"A name is longer than {MAX_NAME} characters", position=start)
        if self.text[end : end + 1] == "'":
            return self._string(start, name)
        return Token(Kind.NAME, name, start, end)


def name_end(text: str, start: int) -> int:
    """Where the name that begins at `start` ends; `start` itself if none begins there. Dots end a name."""
    match = _ASCII_NAME.match(text, start)
    if match is not None:
        end = match.end()
    elif start < len(text) and not text[start].isascii() and unicodedata.category(text[start]) in _LEADING:
        end = start + 1
    else:
        return start
    while end < len(text) and _continues_name(text[end]):
        end += 1
    return end


def _continues_name(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character == "_"
    return unicodedata.category(character) in _FOLLOWING

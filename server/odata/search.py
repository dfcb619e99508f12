"""Parses $search (OData 4.01 URL Conventions 5.1.8).

AND, OR and NOT are operators only in capitals and only where one can stand: `NOT NOT` asks for things
without the word NOT. Terms side by side are joined by AND, which binds more tightly than OR.
"""

import re
from dataclasses import dataclass

from server.odata.errors import ODataSyntaxError
from server.odata.request_syntax import Search, SearchLogical, SearchNot, SearchTerm, SearchText
from server.odata.syntax import MAX_DEPTH

_TOKEN = re.compile(r'(?P<blank>[ \t]+)|(?P<paren>[()])|"(?P<phrase>[^"]*)"|(?P<word>[^\s()";]+)')
_TEXT = re.compile(r"'((?:[^']|'')*+)'[ \t]*")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int
    after_blank: bool


def parse_search(text: str, option: str = "$search", offset: int = 0) -> Search:
    """Parses the decoded text of a $search; `offset` is where it stands in its option."""
    start = len(text) - len(text.lstrip(" \t"))
    if text[start : start + 1] == "'":
        match = _TEXT.fullmatch(text, start)
        if match is None:
            raise ODataSyntaxError("A search text has no closing quote.", option=option, position=offset + start)
        return SearchText(match.group(1).replace("''", "'"), offset + start)
    reader = _Reader(_tokens(text, option, offset), option, offset + len(text))
    tree = reader.any_of(0)
    if reader.token is not None:
        raise reader.error("Unexpected " + repr(reader.token.text[:40]))
    return tree


def _tokens(text: str, option: str, offset: int) -> list[_Token]:
    found: list[_Token] = []
    position, after_blank = 0, True
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            problem = "A phrase has no closing quotation mark" if text[position] == '"' else "Unexpected character"
            raise ODataSyntaxError(problem + ".", option=option, position=offset + position)
        if match.lastgroup == "phrase" and not match.group("phrase").strip():
            raise ODataSyntaxError("A phrase is empty.", option=option, position=offset + position)
        if match.lastgroup != "blank":
            kind = match.group() if match.lastgroup == "paren" else match.lastgroup
            found.append(_Token(kind, match.group(match.lastgroup), offset + position, after_blank))
        after_blank = match.lastgroup == "blank"
        position = match.end()
    return found


class _Reader:
    """The tokens of one $search and a place among them."""

    def __init__(self, tokens: list[_Token], option: str, end: int) -> None:
        self.tokens, self.option, self.end, self.index = tokens, option, end, 0

    @property
    def token(self) -> _Token | None:
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    def error(self, message: str) -> ODataSyntaxError:
        position = self.end if self.token is None else self.token.position
        return ODataSyntaxError(message + ".", option=self.option, position=position)

    def any_of(self, depth: int) -> Search:
        operands = [self.all_of(depth)]
        position = operands[0].position
        while self.takes_word("OR"):
            operands.append(self.all_of(depth))
        return operands[0] if len(operands) == 1 else SearchLogical("or", tuple(operands), position)

    def all_of(self, depth: int) -> Search:
        operands = [self.one(depth)]
        position = operands[0].position
        while self.token is not None and self.token.kind != ")" and not self.is_operator("OR"):
            self.takes_word("AND")
            operands.append(self.one(depth))
        return operands[0] if len(operands) == 1 else SearchLogical("and", tuple(operands), position)

    def one(self, depth: int) -> Search:
        token = self.token
        if depth > MAX_DEPTH // 2:
            raise self.error("The search is nested too deeply")
        if token is None or token.kind == ")":
            raise self.error("Expected a search term")
        if not token.after_blank and self.index and self.tokens[self.index - 1].kind != "(":
            raise self.error("Expected a blank between two search terms")
        if self.is_operator("NOT"):
            self.index += 1
            return SearchNot(self.one(depth + 1), token.position)
        self.index += 1
        if token.kind != "(":
            return SearchTerm(token.text, token.kind == "phrase", token.position)
        inner = self.any_of(depth + 1)
        if self.token is None or self.token.kind != ")":
            raise self.error("Expected ')' after the search terms")
        self.index += 1
        return inner

    def is_operator(self, word: str) -> bool:
        """True when this word stands here and something follows that it can apply to."""
        if self.token is None or (self.token.kind, self.token.text) != ("word", word):
            return False
        after = self.tokens[self.index + 1] if self.index + 1 < len(self.tokens) else None
        return after is not None and after.kind != ")" and after.after_blank

    def takes_word(self, word: str) -> bool:
        if not self.is_operator(word):
            return False
        if self.token is not None and not self.token.after_blank:
            raise self.error("Expected a blank between two search terms")
        self.index += 1
        return True

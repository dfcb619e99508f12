"""One view as a file: `CREATE VIEW name AS SELECT …;`, then `COMMENT ON …` statements; kept byte for byte.

The view's SQL is what stands between AS and the semicolon, less one line break (or space) after AS and one line
break before the semicolon. The whole file is kept with the view (`View.source`), so that an export writes remarks
and layout as they were; when somebody has changed the view since, it writes a plain file instead.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import Token, TokenType, tokenize
from sqlglot.errors import TokenError

from catalog.errors import FilesError, InvalidNameError
from catalog.names import check_name, closest, fold
from catalog.records import Problem, View

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
WORD = re.compile(r"[^\W\d]\w*")
PLACE_IN_ERROR = re.compile(r"from (\d+):\d+")
CONTRACT = re.compile(r"(?im)^[ \t]*--[ \t]*(?P<word>contract)[ \t]*:")
SHAPE = (
    "A view's file reads: CREATE VIEW name AS SELECT …; COMMENT ON VIEW name IS '…'; COMMENT ON COLUMN name.c IS '…';"
)


@dataclass(frozen=True, slots=True)
class ViewText:
    """A view as its author wrote it, not checked. `source`: the whole file. `line`, `column`: where `sql` begins
    in it, 1-based. `column_comments`: by the name as written, none empty. `name_line`, `comment_lines`: where the
    name and the columns' comments stand."""

    name: str
    sql: str
    comment: str = ""
    column_comments: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    path: str = ""
    line: int = 1
    column: int = 1
    name_line: int = 1
    comment_lines: Mapping[str, int] = field(default_factory=dict)


def parse_view(source: str, path: str) -> ViewText:
    """A view's file as a ViewText. FilesError with the line of whatever is not in place."""
    reader = _Reader(source, path)
    reader.word("CREATE")
    if reader.is_word("OR"):
        reader.word("OR")
        reader.word("REPLACE")
    reader.word("VIEW")
    name_line = reader.line()
    name = reader.name("view")
    if reader.is_kind(TokenType.L_PAREN):
        raise reader.error("a list of column names is not supported.", "Name the columns in the SELECT with AS.")
    reader.word("AS")
    start, end = reader.statement()
    begin, stop = _without_breaks(source, start, end)
    if not source[begin:stop].strip():
        raise reader.error("the view has no SQL after AS.", SHAPE)
    comment, column_comments, comment_lines = _comments(reader, name)
    reader.refuse_contracts_outside(begin, stop)
    line_start = source.rfind("\n", 0, begin) + 1
    return ViewText(
        name=name,
        sql=source[begin:stop],
        comment=comment,
        column_comments=column_comments,
        source=source,
        path=path,
        line=source.count("\n", 0, begin) + 1,
        column=begin - line_start + 1,
        name_line=name_line,
        comment_lines=comment_lines,
    )


def _without_breaks(source: str, start: int, end: int) -> tuple[int, int]:
    """Without the separator after AS, and the line break of the same style before the semicolon."""
    separator = next((one for one in ("\r\n", "\n", " ") if source.startswith(one, start, end)), "")
    start += len(separator)
    line_break = "\r\n" if separator == "\r\n" else "\n"
    if source.endswith(line_break, start, end):
        end -= len(line_break)
    return start, end


def _comments(reader: _Reader, view: str) -> tuple[str, dict[str, str], dict[str, int]]:
    comment: str | None = None
    columns: dict[str, str] = {}
    lines: dict[str, int] = {}
    while not reader.at_end():
        for word in ("COMMENT", "ON"):
            reader.word(word)
        on_view = reader.is_word("VIEW")
        reader.word("VIEW" if on_view else "COLUMN")
        line = reader.line()
        if fold(reader.name("view")) != fold(view):
            raise FilesError(
                reader.path, line, f"this comment is not on {view!r}, the view of this file.", hint=SHAPE
            )
        if on_view:
            if comment is not None:
                raise FilesError(reader.path, line, "the view has two comments.", hint="Take one out.")
            comment = reader.comment_text()
            continue
        reader.kind(TokenType.DOT, "a dot and a column's name")
        column = reader.name("column")
        if fold(column) in map(fold, lines):
            raise FilesError(reader.path, line, f"the column {column!r} has two comments.", hint="Take one out.")
        lines[column] = line
        columns[column] = reader.comment_text()
    return comment or "", {column: text for column, text in columns.items() if text}, lines


class _Reader:
    """Walks over a file's tokens, and slices what they stand for out of its text."""

    def __init__(self, source: str, path: str) -> None:
        self.source, self.path = source, path
        try:
            # The mark is blanked for the tokenizer only: offsets must stay those of the file.
            text = " " + source[1:] if source.startswith(BYTE_ORDER_MARK) else source
            self.tokens: list[Token] = tokenize(text, read="duckdb")
        except TokenError as error:
            found = PLACE_IN_ERROR.search(str(error.__cause__))
            line = int(found[1]) if found else max(1, source.count("\n"))
            problem = "a string, quoted name or comment begins here and never ends."
            raise FilesError(path, line, problem, hint=SHAPE) from None
        self.position = 0

    def refuse_contracts_outside(self, begin: int, stop: int) -> None:
        """A contract belongs to the view's SQL, so that it goes where that goes. FilesError for one beside it."""
        starts = [0, *(token.end + 1 for token in self.tokens)]
        for start, end in zip(starts, [*(token.start for token in self.tokens), len(self.source)], strict=True):
            for found in CONTRACT.finditer("\n" + self.source[start:end]):
                place = start + found.start("word") - 1
                if not begin <= place < stop:
                    line = self.source.count("\n", 0, place) + 1
                    problem = "this contract stands outside the view's SQL, and would be lost when that is edited."
                    raise FilesError(self.path, line, problem, hint="Put it between AS and the semicolon.")

    def at_end(self) -> bool:
        return self.position >= len(self.tokens)

    def line(self) -> int:
        token = self.tokens[min(self.position, len(self.tokens) - 1)] if self.tokens else None
        return 1 if token is None else self.source.count("\n", 0, token.start) + 1

    def text(self) -> str:
        """The next token as written, "" at the end."""
        if self.at_end():
            return ""
        token = self.tokens[self.position]
        return self.source[token.start : token.end + 1]

    def error(self, problem: str, hint: str = SHAPE) -> FilesError:
        return FilesError(self.path, self.line(), problem, hint=hint)

    def unexpected(self, wanted: str) -> FilesError:
        found = repr(self.text()[:40]) if self.text() else "the end of the file"
        return self.error(f"{wanted} was expected, but there is {found}.")

    def is_word(self, word: str) -> bool:
        return self.text().upper() == word

    def word(self, word: str) -> None:
        if not self.is_word(word):
            raise self.unexpected(word)
        self.position += 1

    def is_kind(self, kind: TokenType) -> bool:
        return not self.at_end() and self.tokens[self.position].token_type == kind

    def kind(self, kind: TokenType, wanted: str) -> None:
        if not self.is_kind(kind):
            raise self.unexpected(wanted)
        self.position += 1

    def name(self, kind: str) -> str:
        """A name: a word, or anything in double quotes."""
        written = self.text()
        if written.startswith('"'):
            name = written[1:-1].replace('""', '"')
        elif WORD.fullmatch(written):
            name = written
        else:
            raise self.unexpected(
                f"the {kind}'s name (in double quotes, unless it is one word of letters and digits)"
            )
        if kind == "view":
            try:
                check_name(kind, name)
            except InvalidNameError as error:
                raise self.error(error.message, error.hint) from None
        self.position += 1
        return name

    def statement(self) -> tuple[int, int]:
        """From here to the semicolon (of several in a row the last), or to the end: offsets in the text."""
        start = self.tokens[self.position - 1].end + 1
        while not self.at_end() and not self.is_kind(TokenType.SEMICOLON):
            self.position += 1
        end = len(self.source)
        while self.is_kind(TokenType.SEMICOLON):
            end = self.tokens[self.position].start
            self.position += 1
        return start, end

    def comment_text(self) -> str:
        """`IS 'text'` or `IS NULL`, and the semicolon."""
        self.word("IS")
        written = self.text()
        if self.is_word("NULL"):
            text = ""
        elif self.is_kind(TokenType.STRING) and written.startswith("'"):
            text = written[1:-1].replace("''", "'")
        else:
            raise self.unexpected("a comment in single quotes")
        self.position += 1
        if not self.at_end():
            self.kind(TokenType.SEMICOLON, "a semicolon")
        return text


def view_text(view: View) -> ViewText:
    """A view of the catalog as it goes into a file; `source` as it came from one, if that still says the same."""
    comments = {column.name: column.comment for column in view.columns if column.comment}
    text = ViewText(view.name, view.sql, view.comment, comments)
    return dataclasses.replace(text, source=write_view(dataclasses.replace(text, source=view.source)))


def write_view(text: ViewText) -> str:
    """The file of a view: its source, unless the view says something else by now."""
    if text.source and _says_the_same(text.source, text):
        return text.source
    name = write_name(text.name)
    lines = [f"CREATE VIEW {name} AS", text.sql, ";"]
    if text.comment:
        lines.append(f"COMMENT ON VIEW {name} IS {_quoted(text.comment)};")
    for column, comment in text.column_comments.items():
        lines.append(f"COMMENT ON COLUMN {name}.{write_name(column)} IS {_quoted(comment)};")
    written = "\n".join(lines) + "\n"
    if not _says_the_same(written, text):
        raise FilesError(text.path or "views", 1, f"the view {text.name!r} can't be written as a file.", hint=SHAPE)
    return written


def _says_the_same(source: str, text: ViewText) -> bool:
    try:
        found = parse_view(source, text.path)
    except FilesError:
        return False
    return same_text(found, text)


def same_text(one: ViewText, other: ViewText) -> bool:
    """Whether two texts make the same view: name, SQL and comments; columns are compared without regard to case."""
    return (one.name, one.sql, one.comment) == (other.name, other.sql, other.comment) and _folded(one) == _folded(
        other
    )


def _folded(text: ViewText) -> dict[str, str]:
    return {fold(column): comment for column, comment in text.column_comments.items()}


def write_name(name: str) -> str:
    """A name as SQL: in double quotes, unless it is a plain lower-case word without a meaning of its own."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        tokens = tokenize(name, read="duckdb")
        if len(tokens) == 1 and tokens[0].token_type == TokenType.VAR:
            return name
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def with_comments(view: View, text: ViewText) -> View:
    """A checked view with the comments and the source of its file. FilesError for a comment on no column."""
    names = {fold(column.name): column.name for column in view.columns}
    for column in text.column_comments:
        if fold(column) not in names:
            near = closest(column, names.values())
            hint = f"Did you mean {near!r}?" if near else f"Its columns are {', '.join(names.values())}."
            line = text.comment_lines.get(column, 1)
            raise FilesError(
                text.path, line, f"the view {view.name!r} has no column {column!r} to comment.", hint=hint
            )
    comments = _folded(text)
    columns = tuple(
        dataclasses.replace(column, comment=comments.get(fold(column.name), "")) for column in view.columns
    )
    return dataclasses.replace(view, columns=columns, comment=text.comment, source=text.source)


def problem_in_file(text: ViewText, problem: Problem) -> FilesError:
    """A problem of a view's SQL, placed in the view's file."""
    column = problem.column + (text.column - 1 if problem.line == 1 else 0)
    error = FilesError(
        text.path, text.line + problem.line - 1, f"column {column}: {problem.message}", hint=problem.hint
    )
    error.details |= {"column": column, "problem": problem.code}
    return error

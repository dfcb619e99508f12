"""SQL text → a checked tree: one SELECT within the caps, made only of what `engine.allowed` lists.

The caps are counted in tokens before anything recursive sees the text (law 5 of the design): DuckDB ends the process
on SQL nested 80,000 deep, and a parser in Python would take its time over it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

from engine.allowed import TABLE_FUNCTIONS, refused
from engine.errors import QueryTooLargeError, SqlNotAllowedError, SqlSyntaxError
from engine.trees import nodes

MAX_BYTES = 64 * 1024
# Parsing takes about 12 µs per token, planning what costs most up to 80 µs (`benchmarks.planning`).
MAX_TOKENS = 3_000
# A view's text with its columns spelled out was planned when it was saved: 500 columns take 3,000 tokens.
MAX_VIEW_BYTES = 1024 * 1024
MAX_VIEW_TOKENS = 40_000
MAX_DEPTH = 200

# sqlglot descends about 30 Python frames per level of nesting, and a chain of 5,000 operators is one deep tree.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 60_000))


class Sql(DuckDB):
    """DuckDB's dialect without strings in `$tag$`: with them `$1,$2` is read as the beginning of one; and without
    sqlglot's words for two functions, which lose or change an argument: they are written as they are read."""

    class Parser(DuckDBParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {
            name: read
            for name, read in DuckDBParser.FUNCTIONS.items()
            if name not in ("DECODE", "JARO_WINKLER_SIMILARITY", "JAROWINKLER_SIMILARITY")
        }

    class Tokenizer(DuckDB.Tokenizer):
        HEREDOC_STRINGS: ClassVar[list[str | tuple[str, str]]] = []


_OPEN = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSE = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
# A chain of operators is a tree as deep as it is long: `a || b || c …`. AND and OR are none (see `balanced`).
_OPERATORS = {
    TokenType.PLUS, TokenType.DASH, TokenType.STAR, TokenType.SLASH, TokenType.DIV, TokenType.MOD, TokenType.DPIPE,
    TokenType.AMP, TokenType.PIPE, TokenType.CARET, TokenType.TILDE, TokenType.DCOLON, TokenType.ARROW,
    TokenType.DARROW, TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE,
    TokenType.DSTAR, TokenType.IS, TokenType.LIKE, TokenType.ILIKE, TokenType.COLLATE,
}  # fmt: skip
_ENDS_CHAIN = {
    TokenType.COMMA, TokenType.AND, TokenType.OR, TokenType.SELECT, TokenType.FROM, TokenType.WHERE, TokenType.ON,
    TokenType.GROUP_BY, TokenType.ORDER_BY, TokenType.HAVING, TokenType.WHEN, TokenType.THEN, TokenType.ELSE,
    TokenType.JOIN, TokenType.LIMIT, TokenType.QUALIFY,
}  # fmt: skip
_SET_OPERATORS = {TokenType.UNION, TokenType.INTERSECT, TokenType.EXCEPT}
_PREFIX = {
    TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE, TokenType.FROM, TokenType.PARAMETER,
    TokenType.INTERVAL, TokenType.EXISTS, TokenType.DISTINCT, TokenType.ALL, TokenType.ANY,
}  # fmt: skip

# It warns of what it can't parse with the text of the query, which holds the caller's values.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

_PARAMETER = re.compile(r"[1-9]\d{0,4}", re.ASCII)


def parse_query(text: str, max_bytes: int = MAX_BYTES, max_tokens: int = MAX_TOKENS) -> exp.Query:
    """The tree of one SELECT statement in DuckDB's dialect.

    Raises QueryTooLargeError, SqlSyntaxError (with line and column) or SqlNotAllowedError.
    """
    tokens = _tokens(text, max_bytes, max_tokens)
    try:
        statements = [s for s in Sql().parser().parse(tokens, text) if s is not None]
    except (ParseError, TokenError) as error:
        raise _syntax_error(error) from None
    except RecursionError:
        raise QueryTooLargeError("the query is nested too deeply", hint=f"at most {MAX_DEPTH} levels") from None
    if len(statements) != 1:
        raise SqlNotAllowedError(
            f"a query is one SELECT statement; found {len(statements)} statements", hint="send them one by one"
        )
    statement = statements[0]
    if not isinstance(statement, exp.Query) or isinstance(statement, exp.Table):
        raise SqlNotAllowedError(
            f"only SELECT may run here; found {type(statement).__name__.upper()}",
            hint="Viewloom reads sources and never changes them",
        )
    check_nodes(statement)
    return statement


def check_nodes(tree: exp.Expr) -> None:
    """Refuse every node that is not on the allow-lists. Raises SqlNotAllowedError."""
    for node in nodes(tree):
        problem = refused(node)
        if problem:
            raise SqlNotAllowedError(problem, hint="see the SQL reference for what can be used", details=_place(node))
        if isinstance(node, exp.Table):
            _check_table(node)
        elif isinstance(node, exp.Placeholder) and not _PARAMETER.fullmatch(str(node.this or "")):
            raise SqlNotAllowedError("parameters are written $1, $2, …", details=_place(node))
        elif isinstance(node, exp.Select) and (node.args.get("into") or node.args.get("locks")):
            raise SqlNotAllowedError("SELECT … INTO and FOR UPDATE may not run here")
        elif isinstance(node, exp.SetOperation) and node.args.get("by_name"):
            raise SqlNotAllowedError("UNION BY NAME is not available", hint="name the columns in the same order")
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Pivot):
            raise SqlNotAllowedError("PIVOT stands behind a table", hint="FROM t PIVOT (sum(v) FOR k IN (…))")
        elif isinstance(node, exp.Pivot) and node.args.get("group"):
            raise SqlNotAllowedError(
                "GROUP BY inside PIVOT is not available",
                hint="pivot a subquery: it groups by all columns that stand in no aggregate and in no FOR",
            )
        elif isinstance(node, exp.CTE) and not isinstance(node.this, exp.Query):
            raise SqlNotAllowedError(
                "only SELECT may stand in WITH", hint="INSERT, UPDATE and DELETE may not run here"
            )


def _check_table(node: exp.Table) -> None:
    source = node.this
    if isinstance(source, exp.Identifier):
        if any(node.args.get(name) for name in ("version", "when", "changes", "rows_from", "partition", "sample")):
            raise SqlNotAllowedError("only a plain table name may stand in FROM", details=_place(node))
        return
    if isinstance(source, exp.GenerateSeries):
        return
    name = source.name.lower() if isinstance(source, exp.Anonymous) else type(source).__name__
    if name not in TABLE_FUNCTIONS and not isinstance(source, exp.Dot):
        raise SqlNotAllowedError(
            f"table function {name} is not available",
            hint="a query reads publications, views and tables of connections; files belong to a connection",
            details=_place(node),
        )


def _tokens(text: str, max_bytes: int, max_tokens: int) -> list[Token]:
    """A text's tokens, when they are within the caps."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise SqlSyntaxError(
            f"the query is not valid Unicode: half of a surrogate pair at character {error.start + 1}",
            hint="send the text as UTF-8",
        ) from None
    if size > max_bytes:
        raise QueryTooLargeError(f"the query has {size:,} bytes", hint=f"at most {max_bytes:,}")
    # A cheap bound first: the tokenizer itself takes milliseconds per thousand tokens.
    try:
        tokens = sqlglot.tokenize(text, dialect=Sql)
    except TokenError as error:
        raise _syntax_error(error) from None
    if len(tokens) > max_tokens:
        raise QueryTooLargeError(f"the query has {len(tokens):,} tokens", hint=f"at most {max_tokens:,}")
    deepest = nesting(tokens)
    if deepest > MAX_DEPTH:
        raise QueryTooLargeError(f"the query is nested {deepest} levels deep", hint=f"at most {MAX_DEPTH}")
    return tokens


def nesting(tokens: list[Token]) -> int:
    """The deepest nesting of brackets, CASE, runs of prefix words, chains of operators, of set operations and of
    `[…][…]`, counted without parsing.

    Chains count because they are trees as deep as they are long; of `[…][…]` the parser's time grows with the square.
    """
    deepest = depth = run = brackets = 0
    chains, unions = [0], [0]  # of each open bracket
    before: TokenType | None = None
    for token in tokens:
        kind = token.token_type
        if kind is TokenType.L_BRACKET:
            brackets = brackets + 1 if before is TokenType.R_BRACKET else 0
        before = kind
        if kind in _OPEN:
            chains.append(0)
            unions.append(0)
            depth += 1
        elif kind in _CLOSE and len(chains) > 1:
            depth -= 1 + chains.pop() + unions.pop()
        elif kind in _OPERATORS and not run:  # else a sign, which is a prefix word
            chains[-1] += 1
            depth += 1
        elif kind in _SET_OPERATORS:
            unions[-1] += 1
            depth += 1
        if kind in _ENDS_CHAIN or kind in _SET_OPERATORS:
            depth -= chains[-1]
            chains[-1] = 0
        run = run + 1 if kind in _PREFIX else 0
        deepest = max(deepest, depth + run + 40 * brackets)
    return deepest


def _place(node: exp.Expr) -> dict[str, object]:
    for part in node.walk():
        if "line" in part.meta:
            return place(part.meta)
    return {}


def place(meta: Mapping[str, Any]) -> dict[str, object]:
    """Line and column, from 1, where a token begins: sqlglot notes the column of its last character."""
    return {"line": meta["line"], "column": max(1, meta["col"] - (meta["end"] - meta["start"]))}


def _syntax_error(error: ParseError | TokenError) -> SqlSyntaxError:
    """sqlglot's error in our words; its text quotes the query, which the caller wrote himself, but not more."""
    found = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line, column = found.get("line"), found.get("col")
    if line is None:
        match = re.search(r"[Ll]ine (\d+),? [Cc]ol:? (\d+)", str(error))
        line, column = (int(match[1]), int(match[2])) if match else (1, 1)
    near = found.get("highlight") or ""
    column = max(1, int(column or 1) - max(0, len(near) - 1))
    reason = (found.get("description") or "it can't be read as SQL").rstrip(".")
    if "<class" in reason:  # sqlglot's own words for its trees
        reason = "something is missing here"
    where = f"line {line}, column {column}" + (f", near {near!r}" if near else "")
    return SqlSyntaxError(
        f"{where}: {reason}",
        hint="the dialect is DuckDB's; identifiers with spaces or capitals go in double quotes",
        details={"line": line, "column": column},
    )

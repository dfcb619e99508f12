"""Errors of the engine.

EngineError
├── QueryError                  the query is at fault; the caller can mend it
│   ├── SqlSyntaxError          the text does not parse; has line and column
│   ├── SqlNotAllowedError      it parses, but holds something that may not run here
│   ├── QueryTooLargeError      past a cap on text, tokens or nesting
│   ├── UnknownNameError        no such publication, view, connection or table (or not for this principal)
│   ├── UnknownColumnError      no such column
│   ├── ParameterValueError     a parameter does not fit its type
│   └── QueryValueError         a value met at run time can't be computed with (conversion, division, range)
├── ViewProblemsError           a view's SQL can't be saved as a version; holds every problem
├── SourceError                 a source failed; names the connection, carries the connector's code
├── ResourceError               the query asked for more than it may have
│   ├── MemoryLimitError        memory or spill space ran out
│   ├── CpuLimitError           CPU seconds ran out
│   ├── DeadlineError           the time for the answer ran out
│   └── AnswerLimitError        more rows or bytes than the publication allows
├── DuplicateKeyError           two rows with the same key were seen while paging
├── QueryCancelledError         the caller went away
├── NoWorkerError               all workers are busy and the queue is full or too slow
├── WorkerDiedError             the worker process ended while it ran this query
└── EngineBugError              our own mistake: an internal error that tells nothing of the data
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catalog.records import Problem


class EngineError(Exception):
    """Root of the engine's errors; `message` never holds a row's value or a secret."""

    code = "engine_error"

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})


class QueryError(EngineError):
    """The query is at fault; the caller can mend it."""

    code = "query"


class SqlSyntaxError(QueryError):
    """The text does not parse."""

    code = "sql_syntax"


class SqlNotAllowedError(QueryError):
    """It parses, but holds something that may not run here."""

    code = "sql_not_allowed"


class QueryTooLargeError(QueryError):
    """Past a cap on text, tokens or nesting."""

    code = "query_too_large"


class UnknownNameError(QueryError):
    """No such publication, view, connection or table, or none that this principal may read."""

    code = "unknown_name"


class UnknownColumnError(QueryError):
    """No such column."""

    code = "unknown_column"


class ParameterValueError(QueryError):
    """A parameter does not fit its type."""

    code = "parameter_value"


class QueryValueError(QueryError):
    """A value met at run time can't be computed with: conversion, range, division, date."""

    code = "query_value"


class ViewProblemsError(EngineError):
    """A view's SQL can't be saved as a version."""

    code = "view_problems"

    def __init__(self, view: str, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(
            f"view {view!r}, line {first.line}, column {first.column}: {first.message}",
            hint=first.hint,
            details={"problems": [{"code": p.code, "message": p.message, "line": p.line, "column": p.column,
                                   "hint": p.hint} for p in problems]},
        )  # fmt: skip
        self.problems = tuple(problems)


class SourceError(EngineError):
    """A source failed. `source_code` is the connector error's code, `connection` the connection's name."""

    code = "source_error"

    def __init__(self, message: str, *, connection: str, source_code: str, hint: str = "",
                 details: Mapping[str, object] | None = None) -> None:  # fmt: skip
        super().__init__(message, hint=hint, details=details)
        self.connection = connection
        self.source_code = source_code


class ResourceError(EngineError):
    """The query asked for more than it may have."""

    code = "resource"


class MemoryLimitError(ResourceError):
    """Memory or spill space ran out."""

    code = "memory_limit"


class CpuLimitError(ResourceError):
    """CPU seconds ran out."""

    code = "cpu_limit"


class DeadlineError(ResourceError):
    """The time for the answer ran out."""

    code = "deadline"


class AnswerLimitError(ResourceError):
    """More rows or bytes than the publication allows."""

    code = "answer_limit"


class DuplicateKeyError(EngineError):
    """Two rows with the same key were seen while paging; a page after them could miss rows."""

    code = "duplicate_key"


class QueryCancelledError(EngineError):
    """The caller went away."""

    code = "query_cancelled"


class NoWorkerError(EngineError):
    """All workers are busy and the queue is full, or its wait was too long."""

    code = "no_worker"


class WorkerDiedError(EngineError):
    """The worker process ended while it ran this query; only this query is lost."""

    code = "worker_died"


class EngineBugError(EngineError):
    """Our own mistake; the message tells nothing of the data."""

    code = "internal"

"""Errors of the operations.

OperationError
├── KeyCheckError           the declared key of a publication does not identify its rows; says how many, never which
├── FilesProblemsError      catalog as code: all that is wrong in the files, each with file, line and column
└── RelationError           a preview or an inference was asked of something that it can't be made of
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


class OperationError(Exception):
    """Root of the operations' errors."""

    code = "operation"

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})


class KeyCheckError(OperationError):
    """The declared key does not identify the publication's rows."""

    code = "key_check"


class RelationError(OperationError):
    """Asked of something that it can't be made of."""

    code = "relation"


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Something wrong in a file of the catalog as code; `line` and `column` count from 1. `plan`: EXPLAIN's text of
    the plan that breaks a contract."""

    path: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    plan: str = ""

    def text(self) -> str:
        """One line, as compilers write it."""
        return f"{self.path}:{self.line}:{self.column}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class FilesProblemsError(OperationError):
    """Nothing was applied: the files have these problems."""

    code = "files_problems"

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        count = len(problems)
        super().__init__(
            f"{count} problem{'s' if count > 1 else ''}, nothing was changed: {problems[0].text()}",
            hint="correct the files and apply them again",
            details={"problems": [asdict(problem) for problem in problems]},
        )
        self.problems = tuple(problems)

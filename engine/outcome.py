"""What a worker's last message means: the result, or the error that it stands for."""

from __future__ import annotations

import signal
from typing import cast

from engine import errors
from engine.errors import (
    CpuLimitError,
    EngineBugError,
    EngineError,
    MemoryLimitError,
    SourceError,
    WorkerDiedError,
)


def _classes(root: type[EngineError]) -> dict[str, type[EngineError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _classes(child)
    return found


_BY_CODE = {
    code: kind for code, kind in _classes(EngineError).items() if kind not in (errors.ViewProblemsError, SourceError)
}


def error_from_event(event: dict[str, object]) -> EngineError:
    """The exception that a worker's error event stands for."""
    message, hint = str(event["message"]), str(event["hint"])
    details = cast("dict[str, object]", event["details"])
    if "source_code" in event:
        return SourceError(
            message,
            connection=str(event["connection"]),
            source_code=str(event["source_code"]),
            hint=hint,
            details=details,
        )
    kind = _BY_CODE.get(str(event["code"]), EngineBugError)
    return kind(message, hint=hint, details=details)


def error_from_exit(status: int | None, over_memory: bool) -> EngineError:
    """Why a worker ended in the middle of a job, from its exit status (negative: the signal)."""
    if over_memory:
        return MemoryLimitError(
            "the query needs more memory than a worker may have",
            hint="filter earlier, select fewer columns, or ask for a smaller part",
        )
    if status == -signal.SIGXCPU:
        return CpuLimitError("the query used more CPU time than it may", hint="filter earlier or ask for less")
    reason = signal.Signals(-status).name if status is not None and status < 0 else f"exit status {status}"
    return WorkerDiedError(
        f"the worker process that ran this query ended ({reason})", hint="other queries are not affected; try again"
    )

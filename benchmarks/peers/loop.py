"""The inside of a peer's process: one JSON order per line on standard input, one JSON answer per line.

Runs in the peer's own environment: the standard library only. The first order says where the sources are, each later
one is a query; the answer has the seconds until the last row was there, and the rows, numbers as text.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any


class Number(str):
    """A number as an engine wrote it, none of its digits lost."""


Run = Callable[[str], Sequence[Sequence[Any]]]


def plain(value: Any) -> Any:
    """A value as JSON: numbers as [text], everything else as text."""
    if isinstance(value, Number):
        return [str(value)]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()[:10]
    return [str(value)]


def serve(prepare: Callable[[dict[str, Any]], Run]) -> None:
    """Prepare once, then answer queries until standard input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else the engine prints must not be taken for an answer
    run: Run | None = None
    for line in sys.stdin:
        order = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            if run is None:
                run = prepare(order)
            else:
                began = time.perf_counter()
                rows = run(order["sql"])
                answer["seconds"] = time.perf_counter() - began
                answer["rows"] = [[plain(value) for value in row] for row in rows]
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"[:600]
        out.write(json.dumps(answer) + "\n")
        out.flush()

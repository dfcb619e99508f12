"""An answer kept in memory, up to a bound: what commands and previews read themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import AnswerLimitError

MAX_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class Collected:
    """A sink that keeps the bytes. Raises AnswerLimitError past 32 MB."""

    content: bytearray = field(default_factory=bytearray)

    def head(self, head: dict[str, object]) -> None:
        """The head says nothing that the bytes don't."""

    def data(self, data: bytes) -> None:
        if len(self.content) + len(data) > MAX_BYTES:
            raise AnswerLimitError(
                f"the rows are larger than {MAX_BYTES // 2**20} MB", hint="select fewer or smaller columns"
            )
        self.content += data


class Discarded:
    """A sink that keeps nothing: EXPLAIN ANALYZE wants the run, not the rows."""

    def head(self, head: dict[str, object]) -> None: ...

    def data(self, data: bytes) -> None: ...

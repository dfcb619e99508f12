"""A figure's report: a Markdown file with the machine, tables, and whether each aim was met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Aim:
    """What was wanted, what was found, and whether that is enough. `reached` None: shown for comparison only."""

    wanted: str
    found: str
    reached: bool | None


@dataclass(slots=True)
class Report:
    """One figure. `blocks`: paragraphs and tables in order; `aims` are printed below them."""

    name: str
    title: str
    blocks: list[str] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Add a paragraph."""
        self.blocks.append(text)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add a table; the first column is text, the others are set to the right."""
        lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
        lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
        self.blocks.append("\n".join(lines))

    def markdown(self, machine: str) -> str:
        """The whole file."""
        words = {True: "reached", False: "**missed**", None: "for comparison"}
        parts = [f"# {self.title}", machine, *self.blocks]
        if self.aims:
            parts.append("\n".join(f"- {aim.wanted}: {aim.found} ({words[aim.reached]})" for aim in self.aims))
        return "\n\n".join(parts) + "\n"


def summary(reports: Sequence[Report]) -> str:
    """All aims of a run in one table."""
    table = Report("summary", "All aims of this run")
    words = {True: "reached", False: "**missed**", None: ""}
    rows = [[one.name, aim.wanted, aim.found, words[aim.reached]] for one in reports for aim in one.aims]
    table.table(["figure", "aim", "found", ""], rows)
    return f"# {table.title}\n\n{table.blocks[0]}\n"


def ms(seconds: float) -> str:
    """Milliseconds, with as many digits as mean something."""
    value = seconds * 1000
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def times(ratio: float) -> str:
    """A ratio."""
    return f"{ratio:.2f} ×" if ratio < 10 else f"{ratio:.1f} ×" if ratio < 100 else f"{ratio:,.0f} ×"


def megabytes(size: float) -> str:
    """A size in MB of a million bytes."""
    return f"{size / 1e6:,.1f}" if size < 1e8 else f"{size / 1e6:,.0f}"

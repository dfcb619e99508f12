"""Writes docs/reference/dialects.md from the dialect tables: `python -m tests.project.dialect_tables`."""

from __future__ import annotations

from pathlib import Path

from engine.dialects import DIALECTS, UNPROVEN
from engine.dialects.table import DialectTable

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "dialects.md"
INTRODUCTION = """\
# Dialects

What a source is asked to compute in a [fragment](../explanation/pushdown.md). What is not listed is computed here,
and EXPLAIN says so. This page is the tables of `engine/dialects` themselves: `make check` compares the two, and
`python -m tests.project.dialect_tables` writes it anew.

- **exact**: DuckDB's answer for every value, NULL included; proven by tests over awkward rows on the live database.
- **superset**: true of every row of which DuckDB's is true, and perhaps of others; only ever beside the whole
  condition here.
- *not proven*: the text is tested, no database has run it, and no rule uses it.

Of texts there are several families. *text*: compared byte by byte. *long text*: the same, but too long for the source
to sort or group by. *rough text*: of a collation for which different texts are equal (case, accents, blanks at the
end). *converted text*: in a character set that is converted before it is compared; both of them are compared with
constants only. Which one a column is comes from the source's own catalog.

`shift_month` is a date or timestamp plus an interval, `trunc_month` is `date_trunc`, `part_month` is `month(…)` or
`extract`, `to_date` is a cast, `mul` and the like are arithmetic, `like_plain` is LIKE with a pattern
that is a parameter.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(_section(table) for table in (*DIALECTS.values(), *UNPROVEN.values()))])


def _section(table: DialectTable) -> str:
    found: dict[tuple[str, bool], list[str]] = {}
    for (name, families), entry in table.operations.items():
        operands = " , ".join(families) if len(families) > 1 else families[0]
        found.setdefault((name, entry.exact), []).append(operands.replace(" , ", ", "))
    lines = [f"## {table.name}", ""]
    if not table.proven:
        lines += ["Not proven: no rule uses it.", ""]
    lines += ["| operation | of | |", "|---|---|---|"]
    for (name, exact), operands in sorted(found.items()):
        lines.append(f"| `{name}` | {'; '.join(dict.fromkeys(operands))} | {'exact' if exact else 'superset'} |")
    kinds: dict[str, list[str]] = {}
    for name, kind in table.aggregates:
        kinds.setdefault(name, []).append(kind)
    for name, taken in sorted(kinds.items()):
        lines.append(f"| `{name.upper()}` | {'; '.join(taken)} | exact |")
    lines += ["", f"Grouped by: {', '.join(sorted(table.keys))}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""Parts of random SELECTs over five kinds of sources: relations, joins often by two columns, conditions, groups."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from connectors.sdk import Table
from connectors.sdk.types import family
from engine.query import Parameter
from tests.engine.fragment_queries import FUNCTIONS, TYPES, VALUES

KNOWN = frozenset({"integer", "decimal", "text", "date", "timestamp", "timestamptz"})
NUMBERS = frozenset({"integer", "decimal"})
DATED = frozenset({"date", "timestamp", "timestamptz"})
# The tables' columns that all five sources have, and two moments that most have.
COMMON = {
    "facts": ("id", "dim", "code", "n", "small", "money", "day", "moment", "seen"),
    "dims": ("id", "code", "label", "kind", "rate"),
    "parts": ("fact", "no", "qty"),
}
_JOINS = {
    ("facts", "dims"): (("dim", "id"), ("dim", "id"), ("code", "code"), ("small", "kind")),
    ("facts", "parts"): (("id", "fact"), ("id", "fact"), ("small", "no")),
    ("parts", "facts"): (("fact", "id"), ("no", "dim")),
    ("dims", "facts"): (("id", "dim"), ("code", "code"), ("id", "id")),
    ("dims", "parts"): (("id", "no"), ("id", "fact")),
    ("parts", "dims"): (("no", "id"), ("qty", "kind")),
    ("facts", "facts"): (("id", "id"), ("dim", "dim"), ("code", "code"), ("moment", "moment"), ("seen", "seen")),
    ("dims", "dims"): (("id", "id"), ("code", "code")),
    ("parts", "parts"): (("fact", "fact"), ("no", "no")),
}
_WORDS = ("JOIN", "JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
# What people compute in views and group by, by family; each with the family of its values.
COMPUTED = {
    "date": (
        ("date_trunc('month', {})", "timestamp"), ("year({})", "integer"), ("extract(quarter FROM {})", "integer"),
        ("date_trunc('day', {})", "timestamp"), ("CASE WHEN {} > DATE '2024-03-01' THEN 1 ELSE 0 END", "integer"),
    ),
    "timestamp": (
        ("date_trunc('hour', {})", "timestamp"), ("cast({} AS DATE)", "date"), ("hour({})", "integer"),
        ("date_trunc('month', {})", "timestamp"), ("extract(minute FROM {})", "integer"),
    ),
    "timestamptz": (
        ("date_trunc('day', {})", "timestamptz"), ("cast({} AS DATE)", "date"), ("month({})", "integer"),
    ),
    "integer": (
        ("{} % 3", "integer"), ("CASE WHEN {} > 1 THEN 'many' ELSE 'few' END", "text"), ("abs({} % 5)", "integer"),
        ("coalesce({}, 0)", "integer"), ("CASE WHEN {} = 2 THEN 1 END", "integer"),
    ),
    "decimal": (("round({}, 1)", "decimal"), ("floor({})", "decimal"), ("coalesce({}, 0.00)", "decimal")),
    "text": (
        ("substring({}, 1, 1)", "text"), ("left({}, 2)", "text"), ("length({})", "integer"), ("lower({})", "text"),
        ("coalesce({}, 'a')", "text"), ("CASE WHEN {} LIKE 'a%' THEN 'x' ELSE 'X ' END", "text"),
        ("right({}, 1)", "text"), ("trim({})", "text"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A relation in FROM: its table's name, its text with alias, and (reference, family) by column name."""

    table: str
    text: str
    columns: dict[str, tuple[str, str]]


@dataclass(slots=True)
class QueryParts:
    """Writes parts of queries. `tables`: connection → table name → description."""

    rng: random.Random
    tables: dict[str, dict[str, Table]]
    parameters: list[Parameter] = field(default_factory=list)
    number: int = 0
    used: tuple[str, ...] = ()

    def computed(self, reference: str, kind: str) -> tuple[str, str]:
        """An expression over a column, and the family of its values."""
        if self.chance(0.15):
            return f"({self.condition([(reference, kind)])})", "boolean"
        form, made = self.pick(COMPUTED[kind])
        return form.replace("{}", reference), made

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, choices):  # type: ignore[no-untyped-def]
        return self.rng.choice(choices)

    def fresh(self) -> str:
        self.number += 1
        return f"q{self.number}"

    # Sources ---------------------------------------------------------------------------------------------------

    def source(self, table: str | None = None, connection: str | None = None, depth: int = 1) -> Source:
        """A table of some connection, sometimes below a view."""
        connection = connection or self.pick(self.used)
        table = table or self.pick(("facts", "facts", "dims", "parts"))
        alias = self.fresh()
        described = self.tables[connection][table]
        kinds = {c.name.lower(): family(c.sql_type) for c in described.columns}
        names = [name for name in COMMON[table] if kinds.get(name) in KNOWN]
        columns = {name: (f"{alias}.{name}", kinds[name]) for name in names}
        text = f"{connection}.{table} AS {alias}"
        if depth and self.chance(0.35):
            inner = self.fresh()
            own = {name: (f"{inner}.{name}", kinds[name]) for name in names}
            where = f" WHERE {self.condition(list(own.values()))}" if self.chance(0.5) else ""
            shown = ", ".join(f"{inner}.{name}" for name in names)
            for name in self.rng.sample(names, min(len(names), self.pick((0, 1, 2)))):
                value, kind = self.computed(*own[name])
                shown += f", {value} AS c_{name}"
                columns[f"c_{name}"] = (f"{alias}.c_{name}", kind)
            text = f"(SELECT {shown} FROM {connection}.{table} AS {inner}{where}) AS {alias}"
        return Source(table, text, columns)

    def joined(self, most: int = 4) -> tuple[str, list[Source]]:
        """FROM with one to four sources."""
        first = self.source()
        text, sources = first.text, [first]
        for _ in range(self.rng.randint(0, most - 1)):
            to = self.pick(sources)
            same = self.chance(0.5)
            connection = to.text.split(".")[0].split()[-1] if same else None
            added = self.source(
                self.pick(("dims", "dims", "parts", "facts")), connection if connection in self.tables else None
            )
            terms = self.equalities(to, added)
            if self.chance(0.25):
                terms.append(self.condition(list(added.columns.values())))
            word = self.pick(_WORDS)
            right = added.text
            if self.chance(0.1):  # brackets
                more = self.source(self.pick(("dims", "parts")), connection if connection in self.tables else None)
                right = f"({right} {self.pick(_WORDS)} {more.text} ON {' AND '.join(self.equalities(added, more))})"
                sources.append(more)
            text = f"({text})" if len(sources) > 1 and self.chance(0.05) else text
            text += f" {word} {right} ON {' AND '.join(terms)}"
            sources.append(added)
        return text, sources

    def equalities(self, one: Source, other: Source) -> list[str]:
        """One or two equalities between columns of one family."""
        pairs = [
            (one.columns[a][0], other.columns[b][0])
            for a, b in _JOINS[one.table, other.table]
            if a in one.columns and b in other.columns and one.columns[a][1] == other.columns[b][1]
        ]
        chosen = self.rng.sample(pairs, min(len(pairs), 2 if self.chance(0.4) else 1))
        return [f"{a} = {b}" if self.chance(0.5) else f"{b} = {a}" for a, b in dict.fromkeys(chosen)]

    def all_columns(self, sources: list[Source]) -> list[tuple[str, str]]:
        return [column for source in sources for column in source.columns.values()]

    # Shapes ----------------------------------------------------------------------------------------------------

    def finish(self, text: str, columns: list[tuple[str, str]], sources: list[Source]) -> tuple[str, int]:
        terms = [self.term(columns, sources) for _ in range(self.pick((0, 1, 1, 2, 3)))]
        where = f" WHERE {' AND '.join(terms)}" if terms else ""
        form = self.rng.random()
        if form < 0.5:
            return self.grouped(text + where, columns)
        chosen = self.rng.sample(columns, min(len(columns), self.rng.randint(1, 4)))
        factors = [r for r, _ in columns if r.split(".")[1] in ("rate", "money")]
        if len(factors) > 1 and self.chance(0.4):
            one, other = self.rng.sample(factors, 2)
            sign = "*" if "*" in _signs(one, other) else self.pick("+-")
            chosen[0] = (f"{one} {sign} ({self.pick(('1', '0.25', other))} - {other})", "decimal")
        shown = ", ".join(f"{reference} AS o{index}" for index, (reference, _) in enumerate(chosen))
        distinct = "DISTINCT " if form > 0.9 else ""
        return f"SELECT {distinct}{shown} FROM {text}{where}", len(chosen)

    def grouped(self, text: str, columns: list[tuple[str, str]]) -> tuple[str, int]:
        keys = self.rng.sample(columns, min(len(columns), self.pick((0, 1, 1, 2))))
        keys = [self.computed(*key) if key[1] in COMPUTED and self.chance(0.3) else key for key in keys]
        shown = [f"{reference} AS o{index}" for index, (reference, _) in enumerate(keys)]
        shown += [f"{self.aggregate(columns)} AS a{index}" for index in range(self.rng.randint(1, 3))]
        sql = f"SELECT {', '.join(shown)} FROM {text}"
        if keys:
            sql += " GROUP BY " + ", ".join(reference for reference, _ in keys)
        if self.chance(0.25):
            sql += f" HAVING {self.aggregate(columns)} IS NOT NULL AND count(*) {self.pick(('>', '<', '<>'))} 2"
        return sql, len(shown)

    def aggregate(self, columns: list[tuple[str, str]]) -> str:
        reference, _ = self.pick(columns)
        numbers = [r for r, k in columns if k in NUMBERS]
        form = self.rng.random()
        if self.chance(0.1):
            function = self.pick(
                ("count(*)", f"count({reference})", f"min({reference})", f"count(DISTINCT {reference})")
            )
            return f"{function} FILTER (WHERE {self.condition(columns)})"
        if form < 0.2:
            return "count(*)"
        if form < 0.35:
            return f"count({reference})"
        if form < 0.45:
            return f"count(DISTINCT {reference})"
        if form < 0.6 or not numbers:
            return f"{self.pick(('min', 'max'))}({reference})"
        value = self.pick(numbers)
        if self.chance(0.2):
            value = f"CASE WHEN {self.condition(columns)} THEN {value} ELSE 0 END"
        factors = [r for r in numbers if r.split(".")[1] in ("rate", "money")]
        if len(factors) > 1 and self.chance(0.5):
            one, other = self.rng.sample(factors, 2)
            form = self.pick(("(1 - {})", "(0.5 + {})", "-{}", "{}", "2 * {}"))
            value = f"{one} {self.pick(_signs(one, other))} {form.format(other)}"
            return f"{self.pick(('sum', 'sum', 'avg', 'max'))}({value})"
        small = [r for r in numbers if r.split(".")[1] in ("small", "no", "rate", "kind", "dim", "money")]
        if small and self.chance(0.3):
            one, other = self.pick(small), self.pick(small)
            value = f"{one} {self.pick(_signs(one, other))} {other}"
        return f"{self.pick(('sum', 'sum', 'avg'))}({value})"

    def term(self, columns: list[tuple[str, str]], sources: list[Source]) -> str:
        form = self.rng.random()
        if form < 0.35 and sources:
            return self.semi(self.pick(sources))
        if form < 0.5:
            ands = [f"({self.condition(columns)} AND {self.condition(columns)})" for _ in range(2)]
            return f"({' OR '.join(ands)})"
        return self.condition(columns)

    def semi(self, outer: Source) -> str:
        """EXISTS, IN and their negations over a source of any connection, sometimes with a second link."""
        inner = self.source()
        links = self.equalities(outer, inner)
        own = [self.condition(list(inner.columns.values()))] if self.chance(0.5) else []
        if self.chance(0.25):
            pairs = [
                (a, b)
                for a, kind in outer.columns.values()
                for b, other in inner.columns.values()
                if kind == other and kind != "text"
            ]
            if pairs:
                a, b = self.pick(pairs)
                own.append(f"{a} {self.pick(('<>', '<', '>='))} {b}")
        form = self.rng.random()
        if form < 0.55:
            where = " AND ".join([*links, *own])
            return f"{self.pick(('', '', 'NOT '))}EXISTS (SELECT 1 FROM {inner.text} WHERE {where})"
        left, right = links[0].split(" = ")
        if not any(left == reference for reference, _ in outer.columns.values()):
            left, right = right, left
        inside = [term for term in own if not any(r in term for r, _ in outer.columns.values())]
        where = f" WHERE {' AND '.join(inside)}" if inside else ""
        group = f" GROUP BY {right} HAVING count(*) > 1" if self.chance(0.2) else ""
        return f"{left} {self.pick(('IN', 'IN', 'NOT IN'))} (SELECT {right} FROM {inner.text}{where}{group})"

    def condition(self, columns: list[tuple[str, str]]) -> str:
        reference, kind = self.pick(columns)
        form = self.rng.random()
        if kind == "boolean":
            forms = ("{}", "NOT {}", "{} = TRUE", "{} <> TRUE", "{} = FALSE", "{} IS NULL", "coalesce({}, FALSE)")
            return f"({self.pick(forms).replace('{}', reference)})"
        if kind in FUNCTIONS and self.chance(0.2):
            return self.pick(FUNCTIONS[kind]).replace("{}", reference)
        if form < 0.12:
            return f"{reference} IS {self.pick(('', 'NOT '))}NULL"
        if form < 0.24:
            items = ", ".join(self.constant(kind) for _ in range(self.rng.randint(1, 3)))
            return f"{reference} {self.pick(('', '', 'NOT '))}IN ({items})"
        if form < 0.3 and kind != "text":
            return f"{reference} BETWEEN {self.constant(kind)} AND {self.constant(kind)}"
        if form < 0.4 and kind == "text":
            pattern = self.pick(("a%", "%a", "%b%", "a_", "A%", "%", "O''%", "_"))
            return f"{reference} {self.pick(('', 'NOT '))}LIKE '{pattern}'"
        if form < 0.46:
            return f"coalesce({reference}, {self.constant(kind)}) = {self.constant(kind)}"
        if form < 0.52:
            alike = [other for other, its in columns if its == kind]
            return f"{reference} {self.pick(('=', '<>', '<'))} {self.pick(alike)}"
        return f"{reference} {self.pick(('=', '=', '<>', '<', '<=', '>', '>='))} {self.constant(kind)}"

    def constant(self, kind: str) -> str:
        value = self.pick(VALUES[kind])
        if self.chance(0.3):
            self.parameters.append(Parameter(TYPES[kind], None if self.chance(0.1) else value))
            return f"CAST(${len(self.parameters)} AS {TYPES[kind]})"
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        return f"CAST('{value}' AS {TYPES[kind]})" if kind in DATED else str(value)


def _signs(one: str, other: str) -> str:
    """Money by money may be too large for DuckDB; whether it comes to such a row before another condition drops it is
    its own choice, and differs with the plan."""
    return "+-" if one.endswith(".money") and other.endswith(".money") else "+-*"

"""Random SELECTs that join, group and filter the tables of `live`, mostly of one connection, sometimes of two."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from connectors.sdk import Table
from connectors.sdk.types import family
from engine.query import Parameter

Columns = list[tuple[str, str]]  # (reference, family)
TYPES = {
    "integer": "BIGINT", "decimal": "DECIMAL(14,2)", "text": "VARCHAR", "date": "DATE", "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip
VALUES = {
    "integer": (0, 1, 2, 3, -1, 5, 99), "decimal": (Decimal("0.00"), Decimal("2.50"), Decimal("-1.50")),
    "text": ("a", "A", "a ", "", "ä", "O'Neil", "東京", "abc"), "date": (date(2024, 2, 29), date(1899, 12, 31)),
    "timestamp": (datetime(2024, 3, 31, 1, 30), datetime(2024, 10, 27, 0, 30)), "boolean": (True, False),
    "timestamptz": (datetime(2024, 3, 31, 1, 30, tzinfo=UTC), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
}  # fmt: skip


FUNCTIONS = {
    "text": (
        "{} LIKE 'a%'", "{} NOT LIKE '%b'", "{} LIKE '_'", "{} LIKE '%!%' ESCAPE '!'", "substring({}, 1, 1) = 'a'",
        "left({}, 2) IN ('a ', 'ab', '')", "length({}) > 1", "contains({}, 'b')", "starts_with({}, 'A')",
        "{} IS DISTINCT FROM 'a'", "coalesce({}, 'a') = 'a'", "nullif({}, '') IS NULL", "right({}, 1) = ' '",
    ),
    "date": (
        "year({}) = 2024", "extract(month FROM {}) IN (2, 3)", "date_trunc('month', {}) = DATE '2024-02-01'",
        "{} < DATE '2024-01-31' + INTERVAL '1' MONTH", "dayofweek({}) = 4", "{} + 1 > DATE '2024-02-29'",
        "{} - INTERVAL '1' YEAR < DATE '2023-03-01'",
    ),
    "timestamp": (
        "hour({}) = 1", "date_trunc('day', {}) = DATE '2024-03-31'", "cast({} AS DATE) = DATE '2024-10-27'",
    ),
    "decimal": ("round({}, 1) > 2", "abs({}) < 10", "floor({}) = 2", "cast({} AS DECIMAL(38,4)) > 0"),
    "integer": ("{} % 2 = 1", "abs({} % 9 + 0) < 3", "sign({}) = -1", "{} IS DISTINCT FROM 1", "coalesce({}, 0) > 0"),
    "float": ("{} > 2.4", "{} BETWEEN -1 AND 0", "NOT {} = 0"),
}  # fmt: skip


@dataclass(slots=True)
class FragmentQueries:
    """Writes queries. `tables`: connection → table name → description."""

    rng: random.Random
    tables: dict[str, dict[str, Table]]
    parameters: list[Parameter] = field(default_factory=list)
    number: int = 0

    def query(self) -> tuple[str, tuple[Parameter, ...]]:
        """A statement with one answer as a multiset, and its parameters."""
        self.parameters = []
        first = self.rng.choice(tuple(self.tables))
        sql, outputs = self.select(first, 2)
        if self.chance(0.25):
            other = self.rng.choice(tuple(self.tables))
            alias, integers = self.name(), [name for name, kind in outputs if kind == "integer"]
            if integers:
                kind = self.rng.choice(("JOIN", "LEFT JOIN"))
                shown = ", ".join(f'{alias}."{name}"' for name, _ in outputs)
                sql = (
                    f"SELECT {shown}, o.id AS other, o.label FROM ({sql}) AS {alias} {kind} {other}.dims o "
                    f'ON o.id = {alias}."{self.rng.choice(integers)}"'
                )
                if self.chance(0.4):
                    sql += f' WHERE {alias}."{integers[0]}" {self.rng.choice(("=", ">", "<="))}'
                    sql += f" {self.constant('integer')}"
        return sql, tuple(self.parameters)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def name(self) -> str:
        self.number += 1
        return f"q{self.number}"

    def select(self, connection: str, depth: int) -> tuple[str, Columns]:
        """A SELECT over one connection; its output columns."""
        source, columns = self.source(connection, depth)
        terms = [self.condition(columns, 2) for _ in range(self.rng.choice((0, 0, 1, 1, 2)))]
        terms += [self.semi_join(connection, columns, 1) for _ in range(self.rng.choice((0, 0, 1, 1, 2)))]
        where = f" WHERE {' AND '.join(terms)}" if terms else ""
        form = self.rng.random()
        if form < 0.5:
            return self.grouped(source, where, columns)
        chosen = self.rng.sample(columns, min(len(columns), self.rng.randint(1, 4)))
        shown, outputs = self.shown(chosen)
        if form < 0.65:
            order = " ORDER BY " + ", ".join(str(i + 1) for i in range(len(shown))) if self.chance(0.5) else ""
            limit = " LIMIT 5" if order and self.chance(0.5) else ""
            return f"SELECT DISTINCT {', '.join(shown)}{source}{where}{order}{limit}", outputs
        return f"SELECT {', '.join(shown)}{source}{where}", outputs

    def shown(self, columns: Columns) -> tuple[list[str], Columns]:
        shown, outputs = [], []
        for index, (reference, kind) in enumerate(columns):
            shown.append(f'{reference} AS "o{index}"')
            outputs.append((f"o{index}", kind))
        return shown, outputs

    def grouped(self, source: str, where: str, columns: Columns) -> tuple[str, Columns]:
        keys = self.rng.sample(columns, self.rng.choice((0, 1, 1, 2)))
        shown, outputs = self.shown(keys)
        for index in range(self.rng.randint(1, 3)):
            text, kind = self.aggregate(columns)
            shown.append(f'{text} AS "a{index}"')
            outputs.append((f"a{index}", kind))
        group = " GROUP BY " + ", ".join(reference for reference, _ in keys) if keys else ""
        having = f" HAVING {self.having(columns)}" if self.chance(0.4) else ""
        order = ""
        if self.chance(0.3):
            order = " ORDER BY " + ", ".join(str(i + 1) for i in range(len(shown)))
            order += self.rng.choice(("", " DESC", " LIMIT 3"))
        return f"SELECT {', '.join(shown)}{source}{where}{group}{having}{order}", outputs

    def having(self, columns: Columns) -> str:
        """Conditions on aggregates: what a source may do, and what it may not."""
        numbers = [reference for reference, kind in columns if kind in ("integer", "decimal")]
        terms = []
        for _ in range(self.rng.randint(1, 2)):
            text = self.aggregate(columns, "integer")[0]
            if numbers and self.chance(0.6):
                text = f"{self.rng.choice(('sum', 'sum', 'min', 'max', 'avg'))}({self.rng.choice(numbers)})"
            terms.append(self.rng.choice((
                f"{text} > 2", f"{text} <= 2", f"{text} <> 1", f"NOT {text} >= 40", f"{text} BETWEEN 1 AND 100.5",
                f"7.25 < {text}", f"{text} IS NOT NULL", f"{text} + 1 > 3",
            )))  # fmt: skip
        return self.rng.choice((" AND ", " AND ", " OR ")).join(terms)

    def aggregate(self, columns: Columns, wanted: str = "") -> tuple[str, str]:
        numbers = [column for column in columns if column[1] in ("integer", "decimal")]
        form = self.rng.random()
        if wanted or form < 0.25:
            return self.rng.choice(("count(*)", f"count({self.rng.choice(columns)[0]})")), "integer"
        if form < 0.35:
            return f"count(DISTINCT {self.rng.choice(columns)[0]})", "integer"
        if form < 0.6:
            reference, kind = self.rng.choice(columns)
            return f"{self.rng.choice(('min', 'max'))}({reference})", kind
        if not numbers:
            return "count(1)", "integer"
        reference, _ = self.rng.choice(numbers)
        text = self.rng.choice((
            reference, reference, f"CASE WHEN {self.condition(columns, 1)} THEN {reference} ELSE 0 END",
            f"coalesce({reference}, 0)", f"CASE WHEN {self.condition(columns, 1)} THEN 1 END",
        ))  # fmt: skip
        small = [r for r, _ in numbers if r.endswith((".small", ".no", ".money", ".rate", ".dim"))]
        if small and self.chance(0.3):
            text = f"{self.rng.choice(small)} {self.rng.choice('+-*')} {self.rng.choice((*small, '2', '(1 - 0.5)'))}"
        if self.chance(0.15):
            text += " + 0.125" if self.chance(0.5) else ""
        name = self.rng.choice(("sum", "avg"))
        return f"{name}({text})", "sum"

    def source(self, connection: str, depth: int) -> tuple[str, Columns]:
        """FROM and what can be named below it."""
        parts = [self.relation(connection, table, depth) for table in self.rng.choice((
            ("facts",), ("facts",), ("facts", "dims"), ("facts", "dims"), ("parts", "facts"),
            ("parts", "facts", "dims"), ("facts", "parts"), ("dims", "facts"), ("dims",),
        ))]  # fmt: skip
        text, columns = f" FROM {parts[0][0]}", list(parts[0][2])
        for relation, table, new in parts[1:]:
            kind = self.rng.choice(("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", ","))
            terms = self.join_terms(table, columns, new)
            if kind == ",":
                kind = "CROSS JOIN" if not terms or self.chance(0.1) else "JOIN"
            if kind == "CROSS JOIN" or not terms:
                text += f" CROSS JOIN {relation}"
            else:
                text += f" {kind} {relation} ON {' AND '.join(terms)}"
            columns += new
        return text, columns

    def join_terms(self, table: str, left: Columns, right: Columns) -> list[str]:
        def find(columns: Columns, ending: str) -> str | None:
            return next((reference for reference, _ in columns if reference.endswith("." + ending)), None)

        pairs = {
            "dims": (("dim", "id"), ("dim", "id"), ("code", "code"), ("dim", "kind")),
            "facts": (("fact", "id"), ("id", "dim"), ("code", "code")),
            "parts": (("id", "fact"), ("small", "no")),
        }[table]
        one, other = self.rng.choice(pairs)
        first, second = find(left, one), find(right, other)
        terms = [f"{first} = {second}"] if first and second else []
        if table == "parts" and self.chance(0.6) and (no := find(right, "no")):
            terms.append(f"{no} = {self.rng.choice((1, 2))}")
        if terms and self.chance(0.3):
            terms.append(self.condition(right if self.chance(0.5) else [*left, *right], 1))
        return terms

    def relation(self, connection: str, table: str, depth: int) -> tuple[str, str, Columns]:
        """A table, or a view's SELECT over it."""
        alias = self.name()
        described = self.tables[connection][table]
        own = [(c.name, family(c.sql_type)) for c in described.columns]
        columns = [(f"{alias}.{name.lower()}", kind) for name, kind in own]
        if self.chance(0.6) or depth == 0:
            return f"{connection}.{table} {alias}", table, columns
        inner = self.name()
        shown = ", ".join(f'{inner}."{name.lower()}"' for name, _ in own)
        where = (
            self.condition([(f"{inner}.{name.lower()}", kind) for name, kind in own], 1) if self.chance(0.6) else ""
        )
        text = f"(SELECT {shown} FROM {connection}.{table} {inner}{' WHERE ' + where if where else ''}) AS {alias}"
        return text, table, columns

    def condition(self, columns: Columns, depth: int) -> str:
        form = self.rng.random()
        if depth > 0 and form < 0.25:
            word = self.rng.choice((" AND ", " OR "))
            text = f"({self.condition(columns, depth - 1)}{word}{self.condition(columns, depth - 1)})"
            return f"NOT {text}" if self.chance(0.3) else text
        reference, kind = self.rng.choice(columns)
        if kind in FUNCTIONS and self.chance(0.3):
            return self.rng.choice(FUNCTIONS[kind]).replace("{}", reference)
        if form < 0.4 or kind not in VALUES:
            return f"{reference} IS {self.rng.choice(('', 'NOT '))}NULL"
        if form < 0.5:
            alike = [other for other, its in columns if its == kind]
            return f"{reference} {self.operator(kind)} {self.rng.choice(alike)}"
        if form < 0.6:
            items = ", ".join(self.constant(kind) for _ in range(self.rng.randint(1, 3)))
            return f"{reference} {self.rng.choice(('', 'NOT '))}IN ({items})"
        if form < 0.65 and kind in ("integer", "decimal", "date"):
            return f"{reference} BETWEEN {self.constant(kind)} AND {self.constant(kind)}"
        if form < 0.7 and kind in ("integer", "decimal"):
            return f"{reference} {self.operator(kind)} {self.rng.choice(('2.5', '-0.5', '1'))}"
        return f"{reference} {self.operator(kind)} {self.constant(kind)}"

    def semi_join(self, connection: str, outer: Columns, depth: int) -> str:
        """EXISTS, IN or a comparison with a subquery, or their negations; now and then over another connection."""
        connection = connection if self.chance(0.85) else self.rng.choice(tuple(self.tables))
        source, _, inner = self.relation(connection, self.rng.choice(("facts", "dims", "parts")), 1)
        text, columns = f"FROM {source}", list(inner)
        if self.chance(0.2):
            more, _, new = self.relation(connection, self.rng.choice(("facts", "dims", "parts")), 0)
            kind = self.rng.choice(("JOIN", "JOIN", "LEFT JOIN"))
            text += f" {kind} {more} ON {self.equal(new, columns) or '1 = 1'}"
            columns += new
        word = self.rng.choice(("", "", "NOT "))
        terms = [self.condition(columns, 1)] if self.chance(0.5) else []
        if depth and self.chance(0.2):
            terms.append(self.semi_join(connection, columns, depth - 1))
        pair = self.equal(columns, outer)
        form = self.rng.random()
        if form < 0.35 and pair:
            value, asked = pair.split(" = ")
            if self.chance(0.2) and (more_terms := self.equal(columns, outer)):
                terms.append(more_terms)
            where = f" WHERE {' AND '.join(terms)}" if terms else ""
            return f"{asked} {word}IN (SELECT {self.rng.choice(('', '', 'DISTINCT '))}{value} {text}{where})"
        if pair and self.chance(0.95):
            terms.append(pair)
        if self.chance(0.3):
            (one, kind), other = self.rng.choice(columns), self.rng.choice(outer)
            if kind == other[1]:
                terms.append(f"{one} {self.operator(kind)} {other[0]}")
        where = f" WHERE {' AND '.join(terms)}" if terms else ""
        if form < 0.5:
            number = next((reference for reference, kind in columns if kind == "integer"), "1")
            value = self.rng.choice(("count(*)", f"max({number})", f"count({number})", f"sum({number})"))
            return f"(SELECT {value} {text}{where}) {self.operator('integer')} {self.rng.choice((0, 1, 2))}"
        if form < 0.55:
            return f"{word}EXISTS (SELECT count(*) {text}{where})"
        return f"{word}EXISTS (SELECT * {text}{where})"

    def equal(self, one: Columns, other: Columns) -> str:
        """An equality of two columns of one kind, often of keys; "" when there is none."""
        pairs = [(a, b) for a, kind in one for b, its in other if kind == its and kind != "boolean"]
        keys = [(a, b) for a, b in pairs if a.split(".")[1].strip('"') in ("id", "dim", "fact", "code", "no")]
        pairs = keys if keys and self.chance(0.7) else pairs
        return " = ".join(self.rng.choice(pairs)) if pairs else ""

    def operator(self, kind: str) -> str:
        return self.rng.choice(("=", "<>") if kind == "boolean" else ("=", "=", "<>", "<", "<=", ">", ">="))

    def constant(self, kind: str) -> str:
        value = self.rng.choice(VALUES[kind])
        if self.chance(0.3):
            given = None if self.chance(0.1) else value
            self.parameters.append(Parameter(TYPES[kind], given))
            return f"CAST(${len(self.parameters)} AS {TYPES[kind]})"
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        if isinstance(value, date):
            return f"CAST('{value}' AS {TYPES[kind]})"
        return str(value).upper() if isinstance(value, bool) else str(value)

"""Random SELECTs over the sample workspace: type-correct, and with one answer only, as a multiset or in an order.

A query whose LIMIT leaves a choice is marked `loose`: its answer is any `limit` rows of `unlimited`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from connectors.sdk.types import family
from engine.query import Parameter
from tests.engine import sample_rows as sample

Columns = list[tuple[str, str]]  # (SQL reference or name, kind)
VIEW_COLUMNS: dict[str, Columns] = {
    "open_orders": [("order_id", "integer"), ("customer_id", "integer"), ("name", "text"), ("region", "text"),
                    ("amount", "decimal"), ("qty", "integer"), ("due", "date"), ("placed", "timestamptz"),
                    ("note", "text"), ("late", "boolean")],
    "all_texts": [("id", "integer"), ("text", "text"), ("n", "integer")],
    "per_customer": [("customer_id", "integer"), ("orders", "integer"), ("total", "decimal"), ("last_due", "date")],
    "ranked": [("order_id", "integer"), ("customer_id", "integer"), ("amount", "decimal"), ("place", "integer")],
    "top_steps": [("order_id", "integer"), ("step", "integer"), ("machine", "text"), ("seconds", "float"),
                  ("started", "timestamp"), ("result", "text")],
    "kinds": [("kind", "text")],
    "lab_orders": [("order_id", "integer"), ("value", "float"), ("unit", "text"), ("amount", "decimal")],
}  # fmt: skip
VIEW_COLUMNS["big_orders"] = VIEW_COLUMNS["open_orders"]
BASE: dict[str, Columns] = {
    f"{connection}.{table}": [(name, family(sql_type)) for name, (sql_type, _) in columns.items()]
    for connection, tables in sample.COLUMNS.items()
    for table, columns in tables.items()
}
TYPES = {
    "integer": "BIGINT", "decimal": "DECIMAL(12,2)", "float": "DOUBLE", "text": "VARCHAR", "boolean": "BOOLEAN",
    "date": "DATE", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE", "uuid": "UUID",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RandomQuery:
    """`ordered`: the order of rows is part of the answer."""

    sql: str
    parameters: tuple[Parameter, ...]
    ordered: bool
    unlimited: str | None = None


@dataclass(slots=True)
class Writer:
    """Writes one query."""

    rng: random.Random
    publications: bool = False
    parameters: list[Parameter] = field(default_factory=list)
    names: int = 0

    def query(self) -> RandomQuery:
        """A whole statement."""
        if self.chance(0.25):
            # Nothing between the source and ORDER BY and LIMIT, so that they can reach it.
            limit = f" LIMIT {self.pick((1, 3, 5, 50))}" + (" OFFSET 2" if self.chance(0.2) else "")
            return RandomQuery(self.simple() + (limit if self.chance(0.9) else ""), tuple(self.parameters), True)
        sql, columns = self.select(2)
        end = self.rng.random()
        if end < 0.35:
            return RandomQuery(sql, tuple(self.parameters), False)
        limit = self.rng.choice((0, 1, 2, 5, 50))
        tail = f" LIMIT {limit}" + (f" OFFSET {self.rng.choice((0, 1, 3))}" if self.chance(0.3) else "")
        if end < 0.5:
            return RandomQuery(sql + tail, tuple(self.parameters), False, sql)
        order = self.total_order(columns)
        wrapped = f"SELECT * FROM ({sql}) AS w ORDER BY {order}"
        return RandomQuery(wrapped + (tail if end < 0.9 else ""), tuple(self.parameters), True)

    def total_order(self, columns: Columns) -> str:
        names = [name for name, _ in columns]
        self.rng.shuffle(names)
        return ", ".join(
            name + self.pick(("", " DESC")) + self.pick(("", " NULLS FIRST", " NULLS LAST")) for name in names
        )

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, choices: Any) -> Any:
        return self.rng.choice(choices)

    def fresh(self, letter: str) -> str:
        self.names += 1
        return f"{letter}{self.names}"

    def simple(self) -> str:
        """One relation, plain columns, filters, a total order: what a source may cut."""
        source, columns = self.relation(0)
        alias = self.fresh("t")
        inner = [(f"{alias}.{name}", kind) for name, kind in columns]
        out = [(self.fresh("c"), kind) for _, kind in inner]
        shown = ", ".join(f"{ref} AS {name}" for (ref, _), (name, _) in zip(inner, out, strict=True))
        if self.chance(0.2):
            shown += f", {self.pick((1, 2, 99))} AS {self.fresh('c')}"
        where = f" WHERE {self.condition(inner, 0)}" if self.chance(0.7) else ""
        order = self.total_order(inner if self.chance(0.5) else out)
        return f"SELECT {shown} FROM {source} AS {alias}{where} ORDER BY {order}"

    def select(self, depth: int) -> tuple[str, Columns]:
        """A query expression and its output columns."""
        if depth > 0 and self.chance(0.2):
            return self.set_operation(depth)
        if depth > 0 and self.chance(0.15):
            return self.with_cte(depth)
        return self.plain(depth)

    def set_operation(self, depth: int) -> tuple[str, Columns]:
        left, columns = self.plain(depth - 1)
        kinds = [kind for _, kind in columns]
        word = self.pick(("UNION ALL", "UNION ALL", "UNION", "INTERSECT", "EXCEPT"))
        right, _ = self.plain(depth - 1, kinds)
        return f"{left} {word} {right}", columns

    def with_cte(self, depth: int) -> tuple[str, Columns]:
        inner, columns = self.select(depth - 1)
        name = self.pick((self.fresh("cte"), "s0", "orders", "open_orders"))
        twice = self.chance(0.5)
        alias = self.fresh("t")
        sources: list[tuple[str, Columns]] = [(f"{name} AS {alias}", [(f"{alias}.{c}", k) for c, k in columns])]
        text = sources[0][0]
        if twice:
            other = self.fresh("t")
            again = [(f"{other}.{c}", k) for c, k in columns]
            text = self.join(text, sources[0][1], f"{name} AS {other}", again)
            return self.finish(text, [*sources[0][1], *again], depth - 1, prefix=f"WITH {name} AS ({inner}) ")
        return self.finish(text, sources[0][1], depth - 1, prefix=f"WITH {name} AS ({inner}) ")

    def relation(self, depth: int) -> tuple[str, Columns]:
        if depth > 0 and self.chance(0.3):
            sql, columns = self.select(depth - 1)
            return f"({sql})", columns
        if self.publications:
            name = self.pick(sorted(VIEW_COLUMNS))
            return f"pub_{name}", VIEW_COLUMNS[name]
        if self.chance(0.4):
            name = self.pick(sorted(VIEW_COLUMNS))
            return name, VIEW_COLUMNS[name]
        name = self.pick(sorted(BASE))
        return name, BASE[name]

    def plain(self, depth: int, kinds: list[str] | None = None) -> tuple[str, Columns]:
        source, names = self.relation(depth)
        alias = self.fresh("t")
        text, columns = f"{source} AS {alias}", [(f"{alias}.{name}", kind) for name, kind in names]
        for _ in range(self.pick((0, 0, 1, 1, 2))):
            source, names = self.relation(depth)
            alias = self.fresh("t")
            more = [(f"{alias}.{name}", kind) for name, kind in names]
            text, columns = self._joined(text, columns, f"{source} AS {alias}", more)
        return self.finish(text, columns, depth, kinds)

    def _joined(self, left: str, mine: Columns, right: str, more: Columns) -> tuple[str, Columns]:
        word = self.pick(
            ("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN", ",")
        )
        text = self.join(left, mine, right, more, word)
        return text, mine if word in ("SEMI JOIN", "ANTI JOIN") else [*mine, *more]

    def join(self, left: str, mine: Columns, right: str, more: Columns, word: str = "JOIN") -> str:
        if word == ",":
            return (
                f"{left} CROSS JOIN {right}"
                if self.chance(0.3)
                else f"{left} JOIN {right} ON {self.equality(mine, more)}"
            )
        on = self.equality(mine, more)
        if self.chance(0.3):
            on += f" AND {self.leaf(self.pick((mine, more)))}"
        return f"{left} {word} {right} ON {on}"

    def equality(self, mine: Columns, more: Columns) -> str:
        pairs = [(a, b) for a, kind in mine for b, other in more if kind == other and kind != "boolean"]
        if not pairs:
            return self.leaf(more)
        a, b = self.pick(pairs)
        return f"{a} = {b}" if self.chance(0.5) else f"{b} = {a}"

    def finish(
        self, text: str, columns: Columns, depth: int, kinds: list[str] | None = None, prefix: str = ""
    ) -> tuple[str, Columns]:
        """SELECT … FROM `text` WHERE … and what follows."""
        where = f" WHERE {self.condition(columns, depth)}" if self.chance(0.65) else ""
        wanted = kinds or [kind for _, kind in self.rng.sample(columns, min(len(columns), self.pick((1, 2, 4))))]
        form = self.rng.random()
        if form < 0.2 and kinds is None:
            return self.grouped(text, columns, where, prefix)
        shown, out = [], []
        for kind in wanted:
            name = self.fresh("c")
            shown.append(f"{self.value(columns, kind)} AS {name}")
            out.append((name, kind))
        if form < 0.3 and kinds is None:
            part = self.pick(columns)[0]
            window, kind = self.pick(
                ((f"count(*) OVER (PARTITION BY {part})", "integer"),
                 (f"rank() OVER (ORDER BY {part} NULLS LAST)", "integer"),
                 (f"max({self.value(columns, 'integer')}) OVER (PARTITION BY {part})", "integer"))
            )  # fmt: skip
            name = self.fresh("c")
            shown.append(f"{window} AS {name}")
            out.append((name, kind))
            if self.chance(0.3):
                where += f" QUALIFY dense_rank() OVER (ORDER BY {part}) <= 3"
        distinct = "DISTINCT " if self.chance(0.12) else ""
        return f"{prefix}SELECT {distinct}{', '.join(shown)} FROM {text}{where}", out

    def grouped(self, text: str, columns: Columns, where: str, prefix: str) -> tuple[str, Columns]:
        keys = self.rng.sample(columns, min(len(columns), self.pick((0, 1, 1, 2))))
        shown: list[str] = []
        out: Columns = []
        for ref, kind in keys:
            name = self.fresh("c")
            shown.append(f"{ref} AS {name}")
            out.append((name, kind))
        for _ in range(self.pick((1, 2))):
            ref, kind = self.pick(columns)
            number = kind in ("integer", "decimal", "float")
            function = self.pick(("count(*)", f"count({ref})", f"count(DISTINCT {ref})", f"min({ref})", f"max({ref})")
                                 + ((f"sum({ref})", f"avg({ref})", f"fsum({ref})") if number else ()))  # fmt: skip
            result = kind if function[:3] in ("min", "max") else "integer"
            if function[:3] in ("sum", "avg", "fsu"):
                result = "float" if function[0] != "s" else ("other" if kind == "integer" else kind)
            if function.startswith(("min", "max")) and kind == "boolean":
                function, result = f"bool_or({ref})", "boolean"
            name = self.fresh("c")
            shown.append(f"{function} AS {name}")
            out.append((name, result))
        group = " GROUP BY " + ", ".join(ref for ref, _ in keys) if keys else ""
        having = " HAVING count(*) > 1" if self.chance(0.25) and keys else ""
        return f"{prefix}SELECT {', '.join(shown)} FROM {text}{where}{group}{having}", out

    def value(self, columns: Columns, kind: str) -> str:
        same = [ref for ref, other in columns if other == kind]
        if same and self.chance(0.85):
            return str(self.pick(same))
        if kind == "other":
            return "CAST(1 AS HUGEINT)"
        text = self.literal(kind)
        if kind == "integer" and same and self.chance(0.5):
            return f"{self.pick(same)} + {text}"
        if same and self.chance(0.5):
            return f"coalesce({self.pick(same)}, {text})"
        if kind == "text" and same:
            return f"upper({self.pick(same)})"
        return f"CASE WHEN {self.leaf(columns)} THEN {text} END"

    def condition(self, columns: Columns, depth: int) -> str:
        terms = [self.term(columns, depth) for _ in range(self.pick((1, 1, 2, 3)))]
        return self.pick((" AND ", " AND ", " AND ", " OR ")).join(terms)

    def term(self, columns: Columns, depth: int) -> str:
        form = self.rng.random()
        if form < 0.1:
            return f"NOT ({self.leaf(columns)}{self.pick((' AND ', ' OR '))}{self.leaf(columns)})"
        if form < 0.2:
            return f"({self.leaf(columns)} OR {self.leaf(columns)})"
        if form < 0.28:
            return f"({self.leaf(columns)} AND NOT {self.leaf(columns)})"
        if form < 0.48 and depth > 0:
            return self.subquery(columns)
        return self.leaf(columns)

    def subquery(self, columns: Columns) -> str:
        source, names = self.relation(0)
        alias = self.fresh("t")
        inner = [(f"{alias}.{name}", kind) for name, kind in names]
        where = f" WHERE {self.leaf(inner)}" if self.chance(0.6) else ""
        pairs = [(a, b) for a, kind in columns for b, other in inner if kind == other]
        form = self.rng.random()
        if pairs and form < 0.4:
            a, b = self.pick(pairs)
            return f"{a} {self.pick(('IN', 'IN', 'NOT IN'))} (SELECT {b} FROM {source} AS {alias}{where})"
        if pairs and form < 0.75:
            a, b = self.pick(pairs)
            more = f" AND {self.leaf(inner)}" if self.chance(0.4) else ""
            return f"{self.pick(('', 'NOT '))}EXISTS (SELECT 1 FROM {source} AS {alias} WHERE {b} = {a}{more})"
        if pairs and form < 0.9:
            a, b = self.pick(pairs)
            outer, c = self.pick(pairs)
            return (
                f"{a} = (SELECT max({b}) FROM {source} AS {alias} WHERE {c} = {outer})"
                if family_orders(a, columns)
                else self.leaf(columns)
            )
        return f"(SELECT count(*) FROM {source} AS {alias}{where}) > {self.pick((0, 3))}"

    def leaf(self, columns: Columns) -> str:
        ref, kind = self.pick(columns)
        if kind == "other":
            return f"{ref} IS NOT NULL"
        form = self.rng.random()
        if form < 0.12:
            return f"{ref} IS {self.pick(('', 'NOT '))}NULL"
        if kind == "boolean":
            return str(
                self.pick(
                    (ref, f"NOT {ref}", f"{ref} = {self.literal(kind)}", f"{ref} IS TRUE", f"{ref} IS NOT TRUE")
                )
            )
        if form < 0.3:
            words = ", ".join(self.literal(kind) for _ in range(self.pick((1, 2, 3))))
            return f"{ref} {self.pick(('IN', 'IN', 'NOT IN'))} ({words})"
        if form < 0.4:
            return f"{ref} {self.pick(('', 'NOT '))}BETWEEN {self.literal(kind)} AND {self.literal(kind)}"
        if kind == "text" and form < 0.6:
            pattern = self.pick(("a%", "%a", "%b%", "ab %", "a\\%%", "A", "%", "_b", "100\\%", "a%c", "O''%"))
            forms = (f"LIKE '{pattern}'", f"NOT LIKE '{pattern}'", "^@ 'a'", "ILIKE 'a%'", "|| 'x' = 'Ax'")
            return f"{ref} {self.pick(forms)}" if self.chance(0.8) else f"contains({ref}, 'b')"
        if form < 0.7:
            same = [other for other, k in columns if k == kind]
            return f"{ref} {self.pick(('=', '<', '>='))} {self.pick(same)}"
        if form < 0.75:
            return f"{ref} IS {self.pick(('', 'NOT '))}DISTINCT FROM {self.literal(kind)}"
        if form < 0.79:
            return f"coalesce({ref}, {self.literal(kind)}) = {self.literal(kind)}"
        op = self.pick(("=", "=", "<>", "<", "<=", ">", ">="))
        return f"{ref} {op} {self.literal(kind)}" if self.chance(0.85) else f"{self.literal(kind)} {op} {ref}"

    def literal(self, kind: str) -> str:
        """A constant that can be compared with a kind of column: literal, typed literal or parameter."""
        value = self.constant(kind)
        if self.chance(0.25):
            sql_type = TYPES[kind]
            if kind == "integer" and self.chance(0.2):
                sql_type, value = self.pick(
                    (("DECIMAL(12,2)", Decimal("2.5")), ("DECIMAL(12,2)", Decimal(2)), ("DOUBLE", 2.5))
                )
            if kind == "date" and self.chance(0.2):
                sql_type, value = "TIMESTAMP", datetime(2024, 2, 28, 12)
            if self.chance(0.1):
                value = None
            self.parameters.append(Parameter(sql_type, value))
            return f"CAST(${len(self.parameters)} AS {sql_type})"
        if kind in ("integer", "decimal", "float"):
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        if kind == "boolean":
            return "TRUE" if value else "FALSE"
        text = str(value).replace("'", "''")
        return f"'{text}'" if kind == "text" or self.chance(0.5) else f"CAST('{text}' AS {TYPES[kind]})"

    def constant(self, kind: str) -> Any:
        if kind == "integer":
            return self.pick((-1, 0, 1, 2, 3, 5, 7, 10, 100, 40_000, Decimal("2.5"), Decimal("2.0")))
        choices: dict[str, tuple[Any, ...]] = {
            "decimal": (*sample.NUMBERS, Decimal("1.005"), 2),
            "float": (0.0, 0.25, 2.5, 4, Decimal("-2.5")),
            "text": sample.TEXTS + sample.KINDS,
            "boolean": (True, False),
            "date": sample.DAYS,
            "timestamp": tuple(i.replace(tzinfo=None) for i in sample.INSTANTS),
            "timestamptz": (*sample.INSTANTS, datetime(2024, 6, 1, tzinfo=UTC)),
            "uuid": (*sample.UUIDS, UUID(int=5)),
        }
        value = self.pick(choices[kind])
        return value


def family_orders(reference: str, columns: Columns) -> bool:
    """Whether max() of the column has the column's own kind."""
    return next(kind for ref, kind in columns if ref == reference) not in ("boolean", "uuid")

"""Random SELECTs over five kinds of sources at once, in the shapes that the rules look for: stars over several
connections, often joined by two columns, moments among them, semi joins, correlated subqueries, one branch per site,
unused outer joins, first rows, CTEs and tables read twice.

Each has one answer as a multiset: a LIMIT stands behind an order over all columns.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.query import Parameter
from tests.engine.federated_parts import NUMBERS, QueryParts


class FederatedQueries(QueryParts):
    """Writes queries, in one of the shapes."""

    def query(self) -> tuple[str, tuple[Parameter, ...]]:
        """A statement and its parameters."""
        self.parameters = []
        # Mostly one or two connections, SQL ones more often: else nothing can be joined at its source.
        databases = [name for name in self.tables if name in ("pg", "my", "lite")]
        everywhere = tuple(self.tables)
        self.used = self.pick((
            (self.pick(databases),), (self.pick(databases), self.pick(everywhere)),
            (self.pick(databases), self.pick(databases)), everywhere,
        ))  # fmt: skip
        shapes: tuple[Callable[[], tuple[str, int]], ...] = (
            self.star, self.star, self.star, self.star, self.sites, self.sites, self.twice, self.twice, self.unused,
            self.scalar, self.many,
        )  # fmt: skip
        sql, width = self.pick(shapes)()
        if self.chance(0.35):
            order = ", ".join(
                f"{position + 1} {self.pick(('', 'DESC'))} NULLS {self.pick(('FIRST', 'LAST'))}"
                for position in self.rng.sample(range(width), width)
            )
            if self.chance(0.5) or " UNION " in sql:
                if " AS o0" in sql and self.chance(0.4):
                    order = f"CASE WHEN w.o0 IS NULL THEN 1 ELSE 0 END {self.pick(('', 'DESC'))}, {order}"
                sql = f"SELECT * FROM ({sql}) AS w"
            sql += f" ORDER BY {order} LIMIT {self.pick((0, 1, 3, 10, 40))}"
            sql += f" OFFSET {self.pick((1, 4))}" if self.chance(0.2) else ""
        return sql, tuple(self.parameters)

    def star(self) -> tuple[str, int]:
        """Joins over several connections with conditions and semi joins, plain or grouped."""
        text, sources = self.joined()
        return self.finish(text, self.all_columns(sources), sources)

    def sites(self) -> tuple[str, int]:
        """One branch per connection with a constant that names it; filtered by the constant, grouped or not."""
        table = self.pick(("facts", "dims", "parts"))
        names = self.rng.sample(sorted(self.tables), self.rng.randint(2, 4))
        sources = [self.source(table, name, depth=0) for name in names]
        shared = [
            (name, kind)
            for name, (_, kind) in sources[0].columns.items()
            if all(s.columns.get(name, ("", ""))[1] == kind for s in sources)
        ]
        arms = []
        for name, source in zip(names, sources, strict=True):
            shown = ", ".join(source.columns[column][0] for column, _ in shared)
            where = f" WHERE {self.condition(list(source.columns.values()))}" if self.chance(0.3) else ""
            arms.append(f"SELECT '{name}' AS site, {shown} FROM {source.text}{where}")
        word = " UNION ALL " if self.chance(0.9) else " UNION "
        alias = self.fresh()
        columns = [(f"{alias}.site", "text"), *((f"{alias}.{column}", kind) for column, kind in shared)]
        text = f"({word.join(arms)}) AS {alias}"
        site, wanted = f"{alias}.site", self.pick([*names, "nowhere", names[0].upper()])
        if self.chance(0.3):
            self.parameters.append(Parameter("VARCHAR", None if self.chance(0.1) else wanted))
            literal = f"CAST(${len(self.parameters)} AS VARCHAR)"
        else:
            literal = f"'{wanted}'"
        terms = (
            f"{site} = {literal}",
            f"{site} = {literal}",
            f"{site} <> {literal}",
            f"NOT {site} = {literal}",
            f"{site} IN ({literal}, '{names[-1]}')",
            f"{site} > {literal} OR {columns[1][0]} IS NULL",
        )
        text += f" WHERE {self.pick(terms)}" if self.chance(0.85) else ""
        if self.chance(0.5):
            return self.grouped(text, columns)
        chosen = self.rng.sample(columns, min(len(columns), 3))
        shown = ", ".join(f"{reference} AS o{index}" for index, (reference, _) in enumerate(chosen))
        return f"SELECT {shown} FROM {text}", len(chosen)

    def twice(self) -> tuple[str, int]:
        """A CTE or a view that is read twice, or a recursion, which reads in each of its rounds."""
        form = self.rng.random()
        if form < 0.2:
            return self.recursion()
        if form < 0.6:
            return self.view_twice()
        name = self.fresh()
        inner, width = self.star()
        names = ", ".join(f"k{index}" for index in range(width))
        one, other = self.fresh(), self.fresh()
        word = self.pick(("JOIN", "LEFT JOIN", "FULL JOIN"))
        sql = (
            f"WITH {name}({names}) AS ({inner}) SELECT {one}.k0 AS o0, count(*) AS a0 FROM {name} AS {one} "
            f"{word} {name} AS {other} ON {one}.k0 = {other}.k{self.pick((0, 0, width - 1))} GROUP BY {one}.k0"
        )
        if self.chance(0.5):
            sql = (
                f"WITH {name}({names}) AS ({inner}) SELECT k0 AS o0, (SELECT count(*) FROM {name}) AS a0 FROM {name}"
            )
        return sql, 2

    def many(self) -> tuple[str, int]:
        """Each row of a table with how much another has of it: LEFT JOIN, grouped by a key."""
        connection = self.pick(self.used)
        one = self.source(self.pick(("dims", "facts")), connection)
        other = self.source(self.pick(("facts", "facts", "parts")), connection)
        terms = self.equalities(one, other)
        if self.chance(0.5):
            terms.append(self.condition(list(self.pick((other, other, other, one)).columns.values())))
        text = f"{one.text} LEFT JOIN {other.text} ON {' AND '.join(terms)}"
        sources = [one, other]
        if self.chance(0.25):
            sources.append(self.source("dims", connection))
            text += f" LEFT JOIN {sources[2].text} ON {' AND '.join(self.equalities(one, sources[2]))}"
        if self.chance(0.25):
            text += f" WHERE {self.condition(list(self.pick((one, one, one, other)).columns.values()))}"
        keys = [one.columns["id"][0]] + ([self.pick(list(one.columns.values()))[0]] if self.chance(0.3) else [])
        columns = list(other.columns.values()) if self.chance(0.85) else self.all_columns(sources)
        shown = [f"{key} AS o{index}" for index, key in enumerate(keys)]
        shown += [f"{self.aggregate(columns)} AS a{index}" for index in range(self.rng.randint(1, 3))]
        sql = f"SELECT {', '.join(shown)} FROM {text} GROUP BY {', '.join(dict.fromkeys(keys))}"
        if self.chance(0.15):
            sql += f" HAVING {self.aggregate(columns)} IS NOT NULL AND count(*) > 1"
        if self.chance(0.3):
            alias = self.fresh()
            return f"SELECT {alias}.a0 AS o0, count(*) AS n FROM ({sql}) AS {alias} GROUP BY {alias}.a0", 2
        return sql, len(shown)

    def view_twice(self) -> tuple[str, int]:
        """The same SELECT in two places of a query: joined, one below the other, or as arms of a set operation."""
        inner, width = self.star()
        one, other = self.fresh(), self.fresh()
        names = ", ".join(f"k{index}" for index in range(width))
        first, second = f"({inner}) AS {one}({names})", f"({inner}) AS {other}({names})"
        shown, last = ", ".join(f"{one}.k{index} AS o{index}" for index in range(width)), width - 1
        form = self.rng.random()
        if form < 0.35:
            word = self.pick(("JOIN", "LEFT JOIN", "FULL JOIN"))
            on = f"{one}.k0 = {other}.k0" + (f" AND {one}.k{last} = {other}.k{last}" if self.chance(0.5) else "")
            shown = f"{one}.k0 AS o0, count(*) AS a0, max({other}.k{last}) AS a1"
            return f"SELECT {shown} FROM {first} {word} {second} ON {on} GROUP BY {one}.k0", 3
        if form < 0.6:
            word = self.pick(("IN", "NOT IN"))
            return f"SELECT {shown} FROM {first} WHERE {one}.k{last} {word} (SELECT k{last} FROM {second})", width
        if form < 0.8:
            part = self.pick(("", f" WHERE {other}.k0 = {one}.k0"))
            value = f"(SELECT {self.pick(('max', 'count'))}({other}.k{last}) FROM {second}{part})"
            return f"SELECT {shown}, {value} AS a0 FROM {first}", width + 1
        arms = (f"SELECT * FROM {first}", f"SELECT * FROM {second} WHERE {other}.k0 IS NOT NULL")
        return self.pick((" UNION ALL ", " UNION ", " EXCEPT ", " INTERSECT ")).join(arms), width

    def recursion(self) -> tuple[str, int]:
        """Rows that lead to rows, three rounds deep."""
        name, first, step = self.fresh(), self.source("facts"), self.source("facts")
        link = self.pick(("dim", "small", "n"))
        start = self.condition(list(first.columns.values()))
        more = f" AND {self.condition(list(step.columns.values()))}" if self.chance(0.4) else ""
        sql = (
            f"WITH RECURSIVE {name}(a, d) AS (SELECT {first.columns['id'][0]}, 0 FROM {first.text} WHERE {start} "
            f"{self.pick(('UNION ALL', 'UNION'))} SELECT {step.columns['id'][0]}, d + 1 FROM {name} JOIN {step.text} "
            f"ON {step.columns[link][0]} = {name}.a WHERE d < 2{more}) SELECT d AS o0, count(*) AS a0, max(a) AS a1 "
            f"FROM {name} GROUP BY d"
        )
        return sql, 3

    def unused(self) -> tuple[str, int]:
        """Outer joins of which nothing, or only a little, is used."""
        first = self.source("facts")
        text = first.text
        sources = [first]
        for _ in range(self.rng.randint(1, 3)):
            added = self.source(self.pick(("dims", "dims", "parts")))
            text += f" LEFT JOIN {added.text} ON {' AND '.join(self.equalities(first, added))}"
            sources.append(added)
        columns = list(first.columns.values())
        if self.chance(0.3):
            columns += list(self.pick(sources[1:]).columns.values())[:1]
        if self.chance(0.4):
            view = self.fresh()
            every = self.all_columns(sources)
            shown = ", ".join(f"{reference} AS v{index}" for index, (reference, _) in enumerate(every))
            used = [(f"{view}.v{every.index(c)}", c[1]) for c in columns]
            return self.finish(f"(SELECT {shown} FROM {text}) AS {view}", used, [])
        return self.finish(text, columns, [])

    def scalar(self) -> tuple[str, int]:
        """A correlated scalar subquery as an output or in a condition."""
        outer, inner = self.source(), self.source(depth=0)
        links = " AND ".join(self.equalities(outer, inner))
        inner_columns = list(inner.columns.values())
        more = f" AND {self.condition(inner_columns)}" if self.chance(0.4) else ""
        value = f"(SELECT {self.aggregate(inner_columns)} FROM {inner.text} WHERE {links}{more})"
        columns = list(outer.columns.values())
        shown = ", ".join(f"{reference} AS o{index}" for index, (reference, _) in enumerate(columns[:3]))
        where = f" WHERE {self.term(columns, [outer])}" if self.chance(0.5) else ""
        if self.chance(0.5):
            return f"SELECT {shown}, {value} AS a0 FROM {outer.text}{where}", min(3, len(columns)) + 1
        number = next((r for r, k in columns if k in NUMBERS), columns[0][0])
        counted = f"(SELECT count(*) FROM {inner.text} WHERE {links}{more})"
        word = " AND " if where else " WHERE "
        sql = f"SELECT {shown} FROM {outer.text}{where}{word}{number} {self.pick(('=', '<', '>='))} {counted}"
        return sql, min(3, len(columns))

    # Conditions ------------------------------------------------------------------------------------------------

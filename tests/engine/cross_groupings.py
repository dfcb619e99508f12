"""Random SELECTs that group over tables of `live` in several connections at once."""

from __future__ import annotations

import random
from dataclasses import dataclass

# facts and parts are the large tables (as pretended); dims is the small one.
NUMBERS = ("f.n", "f.small", "f.money", "f.dim", "f.small * f.money", "f.n + f.small", "coalesce(f.n, 0)", "-f.small")
ANY = ("f.id", "f.code", "f.day", "f.n", "f.money", "f.flag", "f.moment", "f.u")
CONDITIONS = (
    "f.small > 0", "f.day >= DATE '1900-01-01'", "f.n IS NULL", "f.flag", "f.code = 'a'", "f.money < d.kind",
    "(f.small = 1 OR d.kind = 1)", "d.kind = 1", "d.label <> 'A'", "d.rate IS NULL", "f.dim IN (1, 2, 99)",
    "f.small <> d.id", "lower(f.code) = 'a'",
    "f.small < (SELECT max(kind) FROM lite.dims AS x WHERE x.id = f.dim)",
    "f.dim IN (SELECT x.id FROM my.dims AS x WHERE x.kind = 1)",
    "EXISTS (SELECT 1 FROM pg.dims AS x WHERE x.id = f.dim AND x.code = d.code)",
)  # fmt: skip
KEYS = ("d.kind", "d.label", "f.dim", "f.flag", "d.id", "f.code", "d.rate", "year(f.day)", "f.small + d.kind")


@dataclass(slots=True)
class CrossGroupings:
    """Writes one query."""

    rng: random.Random

    def query(self) -> str:
        source = self._from()
        terms = [self.rng.choice(CONDITIONS) for _ in range(self.rng.choice((0, 0, 1, 2)))]
        where = f" WHERE {' AND '.join(terms)}" if terms else ""
        keys = self.rng.sample(KEYS, self.rng.choice((0, 1, 1, 2)))
        shown = [f"{key} AS k{index}" for index, key in enumerate(keys)]
        if keys and self.rng.random() < 0.1:
            return f"SELECT DISTINCT {', '.join(shown)}{source}{where}"
        shown += [f"{self.aggregate()} AS a{index}" for index in range(self.rng.randint(1, 3))]
        group = f" GROUP BY {', '.join(keys)}" if keys else ""
        if keys and self.rng.random() < 0.15:
            group = f" GROUP BY ROLLUP ({', '.join(keys)})"
        having = f" HAVING {self.aggregate()} {self.rng.choice(('> 1', 'IS NOT NULL', '<= 3'))}"
        sql = f"SELECT {', '.join(shown)}{source}{where}{group}{having if self.rng.random() < 0.2 else ''}"
        if self.rng.random() < 0.2:
            sql += f" ORDER BY {', '.join(str(index + 1) for index in range(len(shown)))} LIMIT 4"
        return sql

    def over_union(self) -> str:
        """A grouping over the same table of several sites."""
        sites = self.rng.sample(("pg", "my", "pg", "my", "lite"), self.rng.randint(2, 3))
        columns = "t.id, t.dim, t.n, t.small, t.money, t.day, t.flag, t.code, t.exact, t.u, t.moment"
        some = self.rng.choice(("", "", " WHERE t.small > 0", " WHERE t.code = 'none'"))
        arms = [
            f"SELECT '{site}{number % 2}' AS site, {columns} FROM {site}.facts AS t{some if number % 2 else ''}"
            for number, site in enumerate(sites)
        ]
        keys = self.rng.sample(("f.site", "f.dim", "f.small", "f.flag", "f.code"), self.rng.choice((0, 1, 1, 2)))
        shown = [f"{key} AS k{index}" for index, key in enumerate(keys)]
        for index in range(self.rng.randint(1, 3)):
            number = self.rng.choice(("f.n", "f.small", "f.money", "f.dim", "f.small * 2"))
            shown.append(
                self.rng.choice((
                    "count(*)", f"sum({number})", f"avg({number})", "min(f.n)", "min(f.day)", "min(f.code)",
                    f"max({number})", "count(f.flag)", "count(DISTINCT f.dim)", "min(f.site)",
                    f"sum(CASE WHEN f.small > 1 THEN {number} ELSE 0 END)", "max(f.exact)",
                )) + f" AS a{index}"
            )  # fmt: skip
        terms = self.rng.sample(
            ("f.site = 'pg0'", "f.site <> 'my1'", "f.small > 0", "f.dim IN (1, 2)", "f.n IS NULL", "f.small = 77",
             "(f.site = 'my1' OR f.small = 1)", "lower(f.code) = 'a'"), self.rng.choice((0, 1, 1, 2)),
        )  # fmt: skip
        where = f" WHERE {' AND '.join(terms)}" if terms else ""
        group = f" GROUP BY {', '.join(keys)}" if keys else ""
        having = " HAVING count(*) > 3" if self.rng.random() < 0.2 else ""
        return f"SELECT {', '.join(shown)} FROM ({' UNION ALL '.join(arms)}) AS f{where}{group}{having}"

    def aggregate(self) -> str:
        form, number, value = self.rng.random(), self.rng.choice(NUMBERS), self.rng.choice(ANY)
        if form < 0.15:
            return "count(*)"
        if form < 0.25:
            return f"count({self.rng.choice((value, 'd.kind', 'd.rate'))})"
        if form < 0.35:
            return f"count(DISTINCT {self.rng.choice((value, 'd.kind'))})"
        if form < 0.5:
            return f"{self.rng.choice(('min', 'max'))}({self.rng.choice((value, 'd.label', 'd.kind'))})"
        if form < 0.65:
            condition = self.rng.choice(("d.kind = 1", "d.label LIKE 'a%'", "f.small > 0", "d.id < f.dim"))
            rest = self.rng.choice(("ELSE 0 ", ""))
            return f"sum(CASE WHEN {condition} THEN {self.rng.choice((number, '1'))} {rest}END)"
        return f"{self.rng.choice(('sum', 'avg'))}({number})"

    def _from(self) -> str:
        big, small = self.rng.choice(("pg", "pg", "my", "lite")), self.rng.choice(("pg", "my", "lite"))
        facts = f"{big}.facts AS f"
        if self.rng.random() < 0.3:
            condition = self.rng.choice(("", " WHERE t.small > 0", " WHERE t.code <> 'b'"))
            facts = f"(SELECT t.* FROM {big}.facts AS t{condition}) AS f"
        dims = f"{small}.dims AS d"
        on = self.rng.choice(("f.dim = d.id", "f.dim = d.id", "f.dim = d.kind", "f.dim = d.id AND f.small > 0",
                              "f.dim = d.id AND d.kind = 1", "f.code = d.code"))  # fmt: skip
        form = self.rng.random()
        if form < 0.3:
            return f" FROM {facts} JOIN {dims} ON {on}"
        if form < 0.4:
            return f" FROM {dims}, {facts}" + (f" JOIN {big}.dims AS e ON e.id = f.dim AND e.id = d.id")
        if form < 0.5:
            return f" FROM {facts} JOIN {big}.dims AS e ON e.id = f.dim JOIN {dims} ON d.kind = e.kind"
        if form < 0.6:
            return f" FROM {dims} JOIN {big}.parts AS p ON p.no = d.kind JOIN {facts} ON p.fact = f.id AND {on}"
        if form < 0.75:
            return f" FROM {facts} LEFT JOIN {dims} ON {on}"
        if form < 0.9:
            return f" FROM {dims} LEFT JOIN {facts} ON {on}"
        return f" FROM {dims} {self.rng.choice(('RIGHT', 'FULL'))} JOIN {facts} ON {on}"

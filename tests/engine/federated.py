"""One random question over five kinds of sources, asked in all ways; `test_federated` and `federated_long` run it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import duckdb
import pyarrow as pa

from connectors.sdk import TableName
from engine.engine import Prepared, prepared_plan, sql_literal
from engine.errors import QueryValueError
from engine.optimizer import RULES, Rule
from engine.query import Parameter
from tests.engine.federated_queries import FederatedQueries
from tests.engine.fragment_queries import TYPES, VALUES
from tests.engine.live import Live, difference
from tests.engine.live_five import TABLES

EACH_RULE_OFF = 10  # every tenth query also with each rule off in turn
LONG = 2.0  # seconds; a plan over so few rows should not take that long on any machine
LARGE = {"facts": 5_000_000, "parts": 2_000_000, "dims": 7}
OTHERS = {TYPES[kind]: (*values, None) for kind, values in VALUES.items()}
STRANGE = {"facts": 20_000, "parts": 3, "dims": 900_000}


@dataclass(slots=True)
class Tally:
    """What a run did: `made` fragments, `keys` given, `differences` found; `kept`: answers of statements that DuckDB
    had planned before, or for these values.

    `refused`: by plain DuckDB, or by ours with and without rules. `runs`: compared with plain DuckDB; `same`: not
    run, since another rule set had given the very same plan. `doubtful`: differences that were none once plain DuckDB
    answered without its optimizer. `slow`: runs that took longer than `LONG`.
    """

    queries: int = 0
    refused: int = 0
    made: int = 0
    keys: int = 0
    runs: int = 0
    same: int = 0
    kept: int = 0
    differences: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take what another part of the run did."""
        self.queries += other.queries
        self.refused += other.refused
        self.made += other.made
        self.keys += other.keys
        self.runs += other.runs
        self.same += other.same
        self.kept += other.kept
        self.differences += other.differences
        self.doubtful += other.doubtful
        self.slow += other.slow


class Federated:
    """The five sources under three catalogs that differ in the sizes that they tell."""

    def __init__(self, lives: Sequence[Live]) -> None:
        self.lives = lives
        self.tables = {
            name: {
                part: connector.describe(TableName(("public", part) if name == "pg" else (part,))) for part in TABLES
            }
            for name, connector in lives[0].connectors.items()
        }

    def check(self, number: int, tally: Tally) -> str | None:
        """Run one query in all ways; what differs."""
        live = self.lives[number % len(self.lives)]
        found = live.kept.found
        try:
            return self._check(number, live, tally)
        finally:
            tally.kept += live.kept.found - found

    def _check(self, number: int, live: Live, tally: Tally) -> str | None:
        sql, parameters = FederatedQueries(random.Random(number), self.tables).query()
        tally.queries += 1
        try:
            expected = self.lives[0].expected(plain_text(sql, parameters))
        except duckdb.Error:
            tally.refused += 1
            return None
        ways: list[tuple[Rule, ...]] = [RULES, ()]
        if number % EACH_RULE_OFF == 0:
            ways += [tuple(rule for rule in RULES if rule is not off) for off in RULES]
        plans, seen, erring = live.plans(sql, parameters), list[tuple[object, ...]](), list[str]()
        with_all = prepared_plan(plans(RULES))
        if with_all.small:
            problem = self._asked_again(live, with_all, sql, parameters, tally)
            if problem is not None:
                return f"query {number}, asked again: {problem}"
        for rules in ways:
            try:
                prepared = with_all if rules == RULES else prepared_plan(plans(rules))
                plan = prepared.pieces, prepared.plan.scans, prepared.plan.plain, prepared.plan.few
                if plan in seen:  # a rule that has no part in the query
                    tally.same += 1
                    continue
                seen.append(plan)
                began = time.monotonic()
                found = live.run_prepared(prepared, parameters)
                if (seconds := time.monotonic() - began) > LONG:
                    tally.slow.append(f"query {number}, {len(rules)} rules: {seconds:.1f} s\n{sql}\n{parameters}")
                problem = difference(found.table, expected)
                scans = found.plan.scans
                if problem is not None and difference(found.table, self._unoptimized(sql, parameters)) is None:
                    tally.doubtful.append(f"query {number}: {problem}\n{sql}\n{parameters}")
                    problem = None
            except QueryValueError as error:
                erring.append(f"query {number}: {error}\n{sql}\n{parameters}\n{rules}")
                continue
            except Exception as error:
                problem, scans = f"{type(error).__name__}: {error}", ()
            tally.runs += 1
            if rules == RULES:
                tally.made += any(scan.fragment is not None for scan in scans)
                tally.keys += any(scan.keys_from for scan in scans)
            if problem is not None:
                off = [rule.__name__ for rule in RULES if rule not in rules]
                shown = "\n".join(map(repr, scans))
                return f"query {number}, without {off}: {problem}\n{sql}\n{parameters}\n{shown}"
        if len(erring) == len(seen):  # DuckDB came to a value that plain DuckDB had filtered out before
            tally.refused += 1
            return None
        return erring[0] if erring else None

    def _asked_again(
        self, live: Live, prepared: Prepared, sql: str, parameters: tuple[Parameter, ...], tally: Tally
    ) -> str | None:
        """Run a plan with other values before it is run with its own: what is kept of them is not seen there."""
        rng = random.Random(sql)
        other = tuple(replace(p, value=rng.choice(OTHERS[p.sql_type])) for p in parameters)
        try:
            problem = difference(
                live.run_prepared(prepared, other).table, self.lives[0].expected(plain_text(sql, other))
            )
            if problem is None:
                return None
            if difference(live.run_prepared(prepared, other).table, self._unoptimized(sql, other)) is not None:
                return f"{problem}\n{sql}\n{other}"
        except duckdb.Error:  # plain DuckDB refuses these values
            return None
        except QueryValueError as error:
            with suppress(QueryValueError):  # without rules too: a value that plain DuckDB has filtered out before
                live.run(sql, other, ())
                return f"{error}\n{sql}\n{other}"
            return None
        except Exception as error:
            return f"{type(error).__name__}: {error}\n{sql}\n{other}"
        tally.doubtful.append(f"asked again: {problem}\n{sql}\n{other}")
        return None

    def _unoptimized(self, sql: str, parameters: tuple[Parameter, ...]) -> pa.Table:
        """What plain DuckDB answers without its optimizer, which has bugs of its own: `common_subplan` of 2.0.0."""
        live = self.lives[0]
        live.plain.execute("PRAGMA disable_optimizer")
        try:
            return live.expected(plain_text(sql, parameters))
        finally:
            live.plain.execute("PRAGMA enable_optimizer")


def plain_text(sql: str, parameters: tuple[Parameter, ...]) -> str:
    """The statement with its parameters' values as literals."""
    for index in reversed(range(len(parameters))):
        sql = sql.replace(f"${index + 1} ", sql_literal(parameters[index].value) + " ")
    return sql

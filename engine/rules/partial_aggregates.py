"""An aggregate in two steps: what is computed per partial group, and what makes the whole of it.

SUM of the sums, SUM of the counts, MIN of the minima; AVG is the sum by the count. The types are those of the
aggregate in one step: DuckDB's SUM of DECIMAL(38,s) and of HUGEINT stays what it is, and counts are BIGINT again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlglot import exp

from engine.dialects.render import InexactError
from engine.trees import copied, has_any, nodes_of


def quoted(name: str) -> exp.Identifier:
    """A name that we give."""
    return exp.to_identifier(name, quoted=True)


@dataclass(slots=True)
class Partials:
    """`inner`: name → aggregate over the sources `names`, which become one derived table `alias`.

    `nullable`: an outer join may put a row of NULLs in its place.
    """

    alias: str
    names: Collection[str]
    nullable: bool = False
    inner: dict[str, exp.Expr] = field(default_factory=dict)

    def replace(self, node: exp.AggFunc) -> None:
        """Replace an aggregate in its tree by one over the partial ones. InexactError when there is none."""
        made = self._made(node)
        if made is not None:
            node.replace(made)

    def _made(self, node: exp.AggFunc) -> exp.Expr | None:
        if isinstance(node.parent, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls | exp.Window):
            raise InexactError("an aggregate with more words")
        if has_any(node, exp.Query) or any(v for k, v in node.args.items() if k not in ("this", "big_int") and v):
            raise InexactError("an aggregate with several arguments")
        operand = node.this
        if isinstance(operand, exp.Distinct):
            return None  # how often a value comes doesn't matter; the columns are keys
        owners = {column.table for column in nodes_of(node, exp.Column)}
        own = bool(owners) and owners <= set(self.names)
        if isinstance(node, exp.Min | exp.Max):
            return type(node)(this=self._part(type(node)(this=copied(operand)))) if own else None
        if isinstance(node, exp.Count):
            if operand is None or isinstance(operand, exp.Star | exp.Literal):
                return self._count(self._rows())
            if own:
                return self._count(self._part(exp.Count(this=copied(self._strict(operand)))))
            here = exp.Case(ifs=[exp.If(this=_is_not_null(operand), true=self._rows())])
            return self._count(here)
        if isinstance(node, exp.Sum):
            return exp.Sum(
                this=self._part(exp.Sum(this=copied(self._strict(operand)))) if own else self._case(operand)
            )
        if isinstance(node, exp.Avg) and own:
            total = exp.Sum(this=self._part(exp.Sum(this=copied(self._strict(operand)))))
            number = exp.Sum(this=self._part(exp.Count(this=copied(operand))))
            return exp.Paren(this=exp.Div(this=exp.cast(total, "DOUBLE", dialect="duckdb"), expression=number))
        raise InexactError(f"{node.sql_name().lower()} of rows that may come several times")

    def _part(self, node: exp.Expr) -> exp.Column:
        name = next((name for name, other in self.inner.items() if other == node), None)
        if name is None:
            name = f"a{len(self.inner)}"
            self.inner[name] = node
        return exp.column(quoted(name), table=quoted(self.alias), copy=False)

    def _rows(self) -> exp.Expr:
        """How many rows a partial group has; one, where an outer join puts NULLs in its place."""
        number = self._part(exp.Count(this=exp.Star(), big_int=True))
        return exp.Coalesce(this=number, expressions=[exp.Literal.number(1)]) if self.nullable else number

    def _count(self, of: exp.Expr) -> exp.Expr:
        """A BIGINT, and 0 of nothing."""
        total = exp.cast(exp.Sum(this=of), "BIGINT", dialect="duckdb")
        return exp.Coalesce(this=total, expressions=[exp.Literal.number(0)])

    def _strict(self, operand: exp.Expr) -> exp.Expr:
        """In the place of a row of NULLs an operand has to be NULL."""
        if self.nullable and not is_strict(operand):
            raise InexactError("an expression that NULLs of an outer join don't make NULL")
        return operand

    def _case(self, node: exp.Expr) -> exp.Expr:
        """CASE whose conditions speak of other sources: a partial sum in each branch, or nothing."""
        inner = node.unnest()
        if not isinstance(inner, exp.Case) or inner.this is not None:
            raise InexactError("a sum over rows of several sources")
        default = inner.args.get("default")
        results = [
            *[branch.args["true"] for branch in inner.args["ifs"]],
            *([default] if default is not None else []),
        ]
        if len([r for r in results if not _is_nothing(r)]) != 1:
            raise InexactError("a sum over rows of several sources")
        copy = copied(inner)
        default = copy.args.get("default")
        for branch in copy.args["ifs"]:
            branch.set("true", self._branch(branch.args["true"]))
        if default is not None:
            copy.set("default", self._branch(default))
        return copy

    def _branch(self, result: exp.Expr) -> exp.Expr:
        if _is_nothing(result):
            return result
        if isinstance(result, exp.Literal) and result.is_int and result.name == "1":
            return self._rows()
        owners = {column.table for column in nodes_of(result, exp.Column)}
        if not owners or not owners <= set(self.names):
            raise InexactError("a sum over rows of several sources")
        return self._part(exp.Sum(this=copied(self._strict(result))))


def _is_nothing(node: exp.Expr) -> bool:
    """NULL, or the integer 0: both are the same however often they come."""
    return isinstance(node, exp.Null) or (isinstance(node, exp.Literal) and node.is_int and int(node.name) == 0)


def is_strict(node: exp.Expr) -> bool:
    """Whether an expression is NULL when all its columns are."""
    if isinstance(node, exp.Column):
        return True
    if isinstance(node, exp.Paren | exp.Neg):
        return is_strict(node.this)
    if isinstance(node, exp.Add | exp.Sub | exp.Mul):
        return is_strict(node.this) or is_strict(node.expression)
    return False


def _is_not_null(node: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=copied(node), expression=exp.Null()))

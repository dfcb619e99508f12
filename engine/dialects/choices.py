"""CASE, COALESCE and NULLIF: one of several values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlglot import exp

from engine.dialects.entries import MOMENTS, NUMBERS
from engine.dialects.operations import NULL, UNTYPED, Context, InexactError, operation, typed_text, whole_type
from engine.dialects.table import TEXTS, Term
from engine.trees import copied

Render = Callable[[exp.Expr, Context], Term]
MOMENT_TYPES = {"date": "DATE", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE"}
_NOTHING = Term("NULL", (), NULL, is_constant=True)


def case(node: exp.Case, context: Context, render: Render, condition: Render) -> Term:
    """CASE with conditions, or with an operand that is compared by =."""
    branches = []
    for branch in node.args["ifs"]:
        when = branch.this
        if node.this is not None:
            when = exp.EQ(this=copied(node.this), expression=copied(when))
        test = condition(when, context)
        if not test.exact:
            raise InexactError("CASE over a condition that is true of too many rows")
        branches.append((test, render(branch.args["true"], context)))
    default = node.args.get("default")
    last = render(default, context) if default is not None else _NOTHING
    *results, last = _results([*[result for _, result in branches], last], context)
    words = " ".join(f"WHEN {when.sql} THEN {then.sql}" for (when, _), then in zip(branches, results, strict=True))
    pairs = zip([when for when, _ in branches], results, strict=True)
    values = tuple(v for when, then in pairs for v in (*when.values, *then.values))
    return _one_of(f"(CASE {words} ELSE {last.sql} END)", (*values, *last.values), [*results, last], context)


def coalesce(items: Sequence[Term], context: Context) -> Term:
    """The first that is not NULL."""
    items = _results(items, context)
    sql = f"COALESCE({', '.join(item.sql for item in items)})"
    return _one_of(sql, tuple(v for item in items for v in item.values), items, context)


def nullif(one: Term, other: Term, context: Context) -> Term:
    """NULL where both are equal, else the first."""
    equal = operation("eq", [one, other], context)
    (one,) = _results([one], context)
    sql = f"(CASE WHEN {equal.sql} THEN NULL ELSE {one.sql} END)"
    return _one_of(sql, (*equal.values, *one.values), [one], context)


def _results(terms: Sequence[Term], context: Context) -> list[Term]:
    """The results; string literals among texts are texts."""
    families = {term.family for term in terms}
    if UNTYPED in families and families <= {UNTYPED, NULL, *TEXTS}:
        return [typed_text(term, "text", context) if term.family == UNTYPED else term for term in terms]
    return list(terms)


def _one_of(sql: str, values: tuple[object, ...], terms: Sequence[Term], context: Context) -> Term:
    """A result that is one of the terms."""
    known = [term for term in terms if term.family != NULL]
    families = {term.family for term in known}
    types = {term.sql_type for term in known}
    made = Term(sql, values, "", sql_type=types.pop() if len(types) == 1 else "")  # type: ignore[arg-type]
    if families and families <= set(NUMBERS):
        if families == {"integer"}:
            return replace(made, family="integer", sql_type=whole_type(known))
        whole = max(term.digits - term.scale if term.family == "decimal" else 19 for term in known)
        scale = max(term.scale for term in known)
        return replace(made, family="decimal", digits=whole + scale, scale=scale)
    if len(families) == 1 and families <= set(MOMENTS):
        kind = families.pop()
        return replace(made, family=kind, sql_type=MOMENT_TYPES[kind])
    if families == {"text"}:
        varying = sum(1 for term in known if not term.is_constant)
        if varying != 1 and context.dialect.one_text:
            raise InexactError("a choice of texts that may have no common collation")
        sql = context.dialect.collated(sql, "text")
        ordered = all(term.ordered for term in known)
        return replace(made, sql=sql, family="text", ordered=ordered, sql_type="VARCHAR")
    raise InexactError("CASE or COALESCE of other than numbers, texts or dates")

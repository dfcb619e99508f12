"""Changes of a tree that rules make when a fragment takes the place of what it did."""

from __future__ import annotations

from sqlglot import exp

from engine.trees import copied, nodes_of


def scan_table(scan_id: str) -> exp.Table:
    """A reference to a scan, under its own name."""
    name = exp.to_identifier(scan_id, quoted=True)
    return exp.Table(this=name, alias=exp.TableAlias(this=copied(name)))


def from_scan(select: exp.Select, scan_id: str) -> None:
    """The SELECT reads one scan, and nothing else."""
    select.set("from_", exp.From(this=scan_table(scan_id)))
    select.set("joins", None)


def drop_unread(select: exp.Query) -> None:
    """Drop the CTEs that nothing reads any more: their scans are gone."""
    while True:
        read = {table.name for table in nodes_of(select, exp.Table) if not table.args.get("db")}
        unread = [cte for cte in nodes_of(select, exp.CTE) if cte.alias not in read]
        if not unread:
            return
        for cte in unread:
            with_ = cte.parent
            assert isinstance(with_, exp.With)
            with_.set("expressions", [other for other in with_.expressions if other is not cte])
            if not with_.expressions and with_.parent is not None:
                with_.parent.set("with_", None)

"""The least that a plan fetches for five of the queries, written by hand as SELECTs and counted.

Such a plan asks the small side first, sends its keys (also pairs of keys) up to the large side, and lets each source
join, filter and group whatever is its own. It sends no tables up. The SELECTs stand here over the rows of all
sources, so that "whose key is among those that came" is a subquery.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from benchmarks.tpch.ask import Reference

ASIA = "SELECT n_nationkey FROM nation JOIN region ON n_regionkey = r_regionkey WHERE r_name = 'ASIA'"
GREEN = "SELECT p_partkey FROM part WHERE p_name LIKE '%green%'"
BOXES = "SELECT p_partkey FROM part WHERE p_brand = 'Brand#23' AND p_container = 'MED BOX'"
SAUDI = "SELECT n_nationkey FROM nation WHERE n_name = 'SAUDI ARABIA'"
SUM = "sum(l_extendedprice * (1 - l_discount))"

# Per query: the source, and what is fetched from it.
FETCHED: dict[int, tuple[tuple[str, str], ...]] = {
    5: (
        ("files", f"SELECT n_nationkey, n_name FROM nation WHERE n_nationkey IN ({ASIA})"),
        ("parts", f"SELECT s_suppkey, s_nationkey FROM supplier WHERE s_nationkey IN ({ASIA})"),
        (
            "erp",
            f"SELECT l_suppkey, c_nationkey, {SUM} FROM customer JOIN orders ON c_custkey = o_custkey "
            "JOIN lineitem ON l_orderkey = o_orderkey WHERE o_orderdate >= DATE '1994-01-01' "
            "AND o_orderdate < DATE '1995-01-01' AND (l_suppkey, c_nationkey) IN "
            f"(SELECT (s_suppkey, s_nationkey) FROM supplier WHERE s_nationkey IN ({ASIA})) GROUP BY ALL",
        ),
    ),
    9: (
        ("files", "SELECT n_nationkey, n_name FROM nation"),
        (
            "parts",
            "SELECT ps_partkey, ps_suppkey, ps_supplycost, s_nationkey FROM partsupp "
            f"JOIN supplier ON s_suppkey = ps_suppkey WHERE ps_partkey IN ({GREEN})",
        ),
        (
            "erp",
            f"SELECT l_partkey, l_suppkey, extract(year FROM o_orderdate), {SUM}, sum(l_quantity) FROM lineitem "
            f"JOIN orders ON o_orderkey = l_orderkey WHERE l_partkey IN ({GREEN}) GROUP BY ALL",
        ),
    ),
    17: (
        ("parts", BOXES),
        (
            "erp",
            f"SELECT sum(l_extendedprice) FROM lineitem o WHERE l_partkey IN ({BOXES}) AND l_quantity < "
            "(SELECT 0.2 * avg(l_quantity) FROM lineitem i WHERE i.l_partkey = o.l_partkey)",
        ),
    ),
    18: (
        (
            "erp",
            "SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) FROM customer "
            "JOIN orders ON c_custkey = o_custkey JOIN lineitem ON o_orderkey = l_orderkey WHERE o_orderkey IN "
            "(SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 300) GROUP BY ALL "
            "ORDER BY o_totalprice DESC, o_orderdate LIMIT 100",
        ),
    ),
    21: (
        ("files", SAUDI),
        ("parts", f"SELECT s_suppkey, s_name FROM supplier WHERE s_nationkey IN ({SAUDI})"),
        (
            "erp",
            "SELECT l1.l_suppkey, count(*) FROM lineitem l1 JOIN orders ON o_orderkey = l1.l_orderkey "
            "WHERE o_orderstatus = 'F' AND l1.l_receiptdate > l1.l_commitdate AND l1.l_suppkey IN "
            f"(SELECT s_suppkey FROM supplier WHERE s_nationkey IN ({SAUDI})) AND EXISTS (SELECT 1 FROM lineitem l2 "
            "WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey) AND NOT EXISTS (SELECT 1 FROM "
            "lineitem l3 WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey "
            "AND l3.l_receiptdate > l3.l_commitdate) GROUP BY ALL",
        ),
    ),
}


def least(reference: Reference, number: int) -> tuple[int, int]:
    """Rows and bytes (as Arrow, as the engine counts its own) of a query's SELECTs."""
    rows = size = 0
    with closing(reference.session.cursor()) as cursor:
        for _, sql in FETCHED[number]:
            relation: Any = cursor.sql(sql)
            table = relation.to_arrow_reader(100_000).read_all()
            rows, size = rows + table.num_rows, size + table.nbytes
    return rows, size

"""No value of a query reaches what is kept and shown of a plan: shapes of scans, reasons, fragments' statements."""

import re

import pytest

from engine.explain import explain_plan, explanation_text, left_here, without_values
from engine.scans import shape
from tests.engine.fragment_plans import plan

VALUES = re.compile(r"canary|7\d{4}|1987")
QUERIES = [
    "SELECT status, count(*) AS n FROM erp.orders WHERE note = 'canary' AND total > 71234.5 GROUP BY status",
    "SELECT status, sum(total) AS s FROM erp.orders WHERE status IN ('canary', 'canary2') GROUP BY status"
    " HAVING sum(total) > 71234.5",
    "SELECT sum(CASE WHEN status = 'canary' THEN total + 71234 ELSE 71235.5 END) AS s FROM erp.orders"
    " GROUP BY customer",
    "SELECT sum(coalesce(total, 71234)) AS s, max(status) AS m FROM erp.orders WHERE id BETWEEN 71234 AND 78888",
    "SELECT o.id, c.name FROM erp.orders o JOIN erp.customers c ON c.id = o.customer AND c.name <> 'canary'"
    " WHERE o.id < 71234",
    "SELECT o.id, c.name FROM mes.orders o LEFT JOIN mes.customers c ON c.id = o.customer AND c.region = 71234"
    " WHERE o.status = 'canary'",
    "SELECT id FROM erp.orders o WHERE EXISTS (SELECT 1 FROM erp.lines l WHERE l.order_id = o.id AND l.qty > 71234)",
    "SELECT id FROM mes.orders WHERE customer IN (SELECT id FROM mes.customers WHERE name = 'canary')",
    "SELECT id FROM mes.orders WHERE customer NOT IN (SELECT id FROM mes.customers WHERE name LIKE 'canary%')",
    "SELECT id, total FROM erp.orders WHERE status = 'canary' ORDER BY total DESC, id LIMIT 71234 OFFSET 75555",
    "SELECT id FROM erp.orders ORDER BY coalesce(note, 'canary'), total + 71234 LIMIT 5",
    "SELECT DISTINCT status FROM erp.orders WHERE day >= DATE '1987-06-05' AND day < DATE '1987-06-06'",
    "SELECT id FROM erp.orders WHERE lower(note) = 'canary' OR note LIKE '%canary' ESCAPE '!' OR weight > 71234.25",
    "SELECT id FROM rest.orders WHERE status = 'canary' AND substr(note, 71234, 71235) = 'canary'",
    "SELECT c.region, sum(o.total) AS s FROM erp.orders o JOIN mes.customers c ON c.id = o.customer"
    " WHERE o.status <> 'canary' AND c.name > 'canary' GROUP BY c.region HAVING count(*) > 71234",
    "SELECT o.id FROM erp.orders o JOIN rest.customers c ON c.id = o.customer"
    " WHERE c.name = 'canary' AND o.id > 71234",
    "SELECT id, 'canary' AS tag FROM erp.orders UNION ALL SELECT id + 71234, note FROM mes.orders"
    " WHERE status = 'canary'",
    "WITH w AS (SELECT customer, count(*) AS n FROM erp.orders WHERE status = 'canary' GROUP BY customer)"
    " SELECT a.n FROM w a JOIN w b ON a.customer = b.customer WHERE b.n > 71234",
    "SELECT count(DISTINCT status) FILTER (WHERE total > 71234) AS n FROM erp.orders",
    "SELECT CAST(status AS INTEGER) + 71234 AS a FROM erp.orders WHERE CAST(id AS VARCHAR) = 'canary'",
    "SELECT id FROM erp.orders"
    " WHERE (id = 71234 AND status = 'canary') OR (id = 71235 AND total IN (71236, 71237.5))",
    "SELECT row_number() OVER (PARTITION BY status ORDER BY id) AS n FROM erp.orders"
    " WHERE note <> 'canary' LIMIT 71234",
    "SELECT id FROM erp.orders"
    " WHERE day + INTERVAL 71234 DAY > DATE '1987-01-01' AND date_trunc('canary', day) = day",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_no_value_is_in_what_is_kept_of_a_plan(sql: str) -> None:
    found = plan(sql)
    kept = [shape(scan) for scan in found.scans] + [text for scan in found.scans for text in left_here(found, scan)]
    kept += [scan.fragment.sql for scan in found.scans if scan.fragment is not None]
    assert not [text for text in kept if VALUES.search(text)]
    shown = explanation_text(without_values(explain_plan(found)))
    assert not VALUES.search(shown), shown


def test_the_queries_do_make_fragments() -> None:
    assert sum(any(scan.fragment is not None for scan in plan(sql).scans) for sql in QUERIES) >= 8

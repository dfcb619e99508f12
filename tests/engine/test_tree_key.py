"""Two queries share a plan only when their trees are the same."""

import itertools

from engine.parse import parse_query
from engine.tree_key import tree_key

DIFFERENT = [
    "SELECT a FROM t",
    "SELECT A FROM t",
    "SELECT a, b FROM t",
    "SELECT b, a FROM t",
    "SELECT a FROM t WHERE b = 1",
    "SELECT a FROM t WHERE b = '1'",
    "SELECT a FROM t WHERE b = 2",
    "SELECT a FROM t WHERE b = $1",
    "SELECT a FROM t WHERE b = $2",
    "SELECT a FROM t WHERE NOT b = 1",
    "SELECT a FROM t ORDER BY a",
    "SELECT a FROM t ORDER BY a DESC",
    "SELECT a FROM t ORDER BY a NULLS FIRST",
    "SELECT a FROM t LIMIT 1",
    "SELECT DISTINCT a FROM t",
    "SELECT a FROM t UNION SELECT a FROM t",
    "SELECT a FROM t UNION ALL SELECT a FROM t",
    "SELECT CAST(a AS DECIMAL(10, 2)) FROM t",
    "SELECT CAST(a AS DECIMAL(10, 3)) FROM t",
    'SELECT "a" FROM t',
]


def test_different_statements_have_different_keys() -> None:
    for one, other in itertools.combinations(DIFFERENT, 2):
        assert tree_key(parse_query(one)) != tree_key(parse_query(other)), (one, other)


def test_the_same_statement_has_the_same_key() -> None:
    for sql in DIFFERENT:
        assert hash(tree_key(parse_query(sql))) == hash(tree_key(parse_query(sql).copy()))

"""What introspection tells of a text's collation and character set, and that conditions on it are DuckDB's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from connectors.mysql import Mysql, MysqlConfig
from connectors.postgres import Postgres, PostgresConfig
from connectors.sdk import Comparison, Op, ScanRequest, Support, Table, TableName
from connectors.sdk.sql import SqlConnector
from connectors.sdk.tls import Tls
from connectors.sdk.types import arrow_type
from engine.dialects import DIALECTS
from engine.dialects.render import Context, superset_condition
from engine.dialects.table import LEGACY, LONG, ROUGH, Term
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

TEXTS = ("", "a", "A", "a ", "ab", "é", "É", "e\u0301", "ß", "ss", "100%", "a_b", "\\", "a!b", "zz", None)
MARIADB = {  # column → (its type, its family)
    "nopad": ("varchar(20) COLLATE utf8mb4_nopad_bin", "text"),
    "fixed": ("char(20) COLLATE utf8mb4_nopad_bin", "text"),
    "longer": ("varchar(300) COLLATE utf8mb4_nopad_bin", LONG),
    "memo": ("text COLLATE utf8mb4_nopad_bin", LONG),
    "pad": ("varchar(20) COLLATE utf8mb4_bin", ROUGH),
    "ci": ("varchar(20) COLLATE utf8mb4_general_ci", ROUGH),
    "german": ("varchar(20) COLLATE utf8mb4_german2_ci", ROUGH),
    "u3": ("varchar(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_nopad_bin", LEGACY),
    "u3ci": ("varchar(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci", LEGACY),
    "latin": ("varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci", LEGACY),
    "latinbin": ("varchar(20) CHARACTER SET latin1 COLLATE latin1_nopad_bin", LEGACY),
    "cp": ("varchar(20) CHARACTER SET cp1250 COLLATE cp1250_general_ci", LEGACY),
}
CONSTANTS = ("a", "A", "a ", "", "é", "É", "東", "😀", "ss", "zz", "\\", "100%")
CONDITIONS = (
    *(f"{{0}} {sign} '{text}'" for sign in ("=", "<>") for text in CONSTANTS),
    *(f"{{0}} LIKE '{text}'" for text in ("a%", "_", "%b", "é%", "%東%", "😀", "%\\%", "a!_", "A%", "__")),
    *(f"{form}({{0}}, '{text}')" for form in ("starts_with", "ends_with", "contains") for text in CONSTANTS),
    "{0} IN ('a', '東', 'É', 'ß')", "NOT {0} IN ('a', '😀')", "substring({0}, 1, 1) = 'é'", "left({0}, 2) = 'a '",
    "right({0}, 1) = ' '", "length({0}) = 2", "{0} IS DISTINCT FROM 'a'", "NOT {0} LIKE 'a%'",
)  # fmt: skip


def through(connector: SqlConnector, dialect: str, table: Table, text: str) -> tuple[list[int], bool] | None:
    """The ids that a condition lets through at the source, and whether it claims to be exact."""

    def column(node: exp.Column) -> Term:
        described = table.column(node.name)
        assert described is not None
        return DIALECTS[dialect].column("t", table, described)

    term = superset_condition(sqlglot.parse_one(text, dialect="duckdb"), Context(DIALECTS[dialect], column, ()))
    if term is None:
        return None
    name = ".".join(DIALECTS[dialect].quote(part) for part in table.name.parts)
    sql = f"SELECT t.id AS id FROM {name} AS t WHERE {term.sql}"
    batches = connector.query(sql, term.values, (("id", "INTEGER"),))
    return sorted(i for batch in batches for i in batch.column(0).to_pylist()), term.exact


def rows(connector: SqlConnector, table: Table) -> duckdb.DuckDBPyConnection:
    columns = tuple((column.name, column.sql_type) for column in table.columns)
    schema = pa.schema([(name, arrow_type(kind)) for name, kind in columns])
    found = duckdb.connect()
    read = pa.Table.from_batches(connector.scan(ScanRequest(table.name, columns)), schema)
    found.register("given", read)
    found.execute("CREATE TABLE t AS SELECT * FROM given")
    return found


def check(connector: SqlConnector, dialect: str, table: Table, columns: Mapping[str, bool]) -> None:
    """Each condition over each column; the columns that are told to be exact have to be."""
    plain = rows(connector, table)
    for name, exact in columns.items():
        for form in CONDITIONS:
            text = form.replace("{0}", name)
            right = sorted(row[0] for row in plain.execute(f"SELECT id FROM t WHERE {text}").fetchall())
            found = through(connector, dialect, table, text)
            if found is None:
                assert not exact, text
            elif found[1]:
                assert found[0] == right, text
            else:
                assert not exact and set(found[0]) >= set(right), text


@pytest.fixture(scope="module")
def mariadb_table(mariadb_database: MariaDBServer) -> Iterator[tuple[Mysql, Table]]:
    there = {"host": mariadb_database.host, "user": mariadb_database.user, "password": mariadb_database.password}
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in MARIADB.items())
    with mariadb_database.connect() as opened, opened.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute(f"CREATE TABLE texts (id int, {columns}) CHARACTER SET utf8mb4")
        marks = ", ".join(["%s"] * (len(MARIADB) + 1))
        for number, text in enumerate(TEXTS):
            held = [
                text if text is None or "\u0301" not in text or kind[1] != LEGACY else "e"
                for kind in MARIADB.values()
            ]
            cursor.execute(f"INSERT INTO texts VALUES ({marks})", (number, *held))
    connector = Mysql(
        MysqlConfig(**there, port=mariadb_database.port, database=mariadb_database.database, tls=Tls.DISABLE)
    )
    yield connector, connector.describe(TableName(("texts",)))
    connector.close()


def test_mariadbs_collations_are_told(mariadb_table: tuple[Mysql, Table]) -> None:
    _, table = mariadb_table
    families = {c.name: DIALECTS["mysql"].column("t", table, c).family for c in table.columns if c.name != "id"}
    assert families == {name: kind for name, (_, kind) in MARIADB.items()}
    bytewise = {column.name for column in table.columns if column.binary_text}
    assert bytewise == {"nopad", "fixed", "longer", "memo", "u3", "latinbin"}
    assert {c.name for c in table.columns if c.orders} == {"id", "nopad", "fixed", "u3"}


def test_mariadbs_texts_are_compared_as_duckdb_does(mariadb_table: tuple[Mysql, Table]) -> None:
    connector, table = mariadb_table
    check(connector, "mysql", table, dict.fromkeys(MARIADB, True))


def test_a_constant_outside_of_a_columns_character_set_is_no_error(mariadb_table: tuple[Mysql, Table]) -> None:
    connector, table = mariadb_table
    plain = rows(connector, table)
    for column in table.columns[1:]:
        for op, support in column.operators.items():
            if op in (Op.IS_NULL, Op.IS_NOT_NULL):
                continue
            for text in ("東", "😀", "É", "a"):
                sign = {Op.EQ: "=", Op.NE: "<>", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">=", Op.IN: "="}.get(op)
                test = f"{column.name} {sign} '{text}'" if sign else f"{op}({column.name}, '{text}')"
                right = {row[0] for row in plain.execute(f"SELECT id FROM t WHERE {test}").fetchall()}
                request = ScanRequest(table.name, (("id", "INTEGER"),), (Comparison(column.name, op, (text,)),))
                found = {i for batch in connector.scan(request) for i in batch.column(0).to_pylist()}
                assert found == right if support is Support.EXACT else found >= right, (column.name, op, text)


STARTS = ("a", "A", "a\U0001f600", "ﬁ", "ä", "\\", "a!", "\U0010ffff")
FOLLOWED = (
    "", "z", "\0", "\x01z", "\t", "\x1f", " ", "%", "\u0308", "\u200d", "\ud7ffz", "\ue000", "\ufffdz", "\uffff",
    "\U00010000z", "\U0001f600z", "\U0010ffff",
)  # fmt: skip
LIKED = ("utf8mb4_nopad_bin", "utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_uca1400_ai_ci",
         "utf8mb4_uca1400_nopad_as_ci", "utf8mb3_bin", "utf8mb3_general_ci", "latin1_bin", "latin1_swedish_ci",
         "utf8mb4_danish_ci", "utf8mb4_unicode_520_ci")  # fmt: skip


def test_what_starts_with_a_text_is_found_with_an_index_too(mariadb_database: MariaDBServer) -> None:
    there = {"host": mariadb_database.host, "user": mariadb_database.user, "password": mariadb_database.password}
    texts = [start + behind for start in STARTS for behind in FOLLOWED] + [f"zz{number}" for number in range(400)]
    columns = ", ".join(f"c{n} varchar(20) COLLATE {name}, KEY (c{n})" for n, name in enumerate(LIKED))
    with mariadb_database.connect() as opened, opened.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute(f"CREATE TABLE liked (id int PRIMARY KEY, {columns}) CHARACTER SET utf8mb4")
        marks = ", ".join(["%s"] * (len(LIKED) + 1))
        cursor.executemany(
            f"INSERT IGNORE INTO liked VALUES ({marks})", [(n, *[text] * len(LIKED)) for n, text in enumerate(texts)]
        )
        opened.commit()
    connector = Mysql(
        MysqlConfig(**there, port=mariadb_database.port, database=mariadb_database.database, tls=Tls.DISABLE)
    )
    try:
        table = connector.describe(TableName(("liked",)))
        plain = rows(connector, table)
        for column in table.columns[1:]:
            for text in STARTS:
                test = f"starts_with({column.name}, '{text}')"
                right = {row[0] for row in plain.execute(f"SELECT id FROM t WHERE {test}").fetchall()}
                request = ScanRequest(
                    table.name, (("id", "INTEGER"),), (Comparison(column.name, Op.STARTS_WITH, (text,)),)
                )
                found = {i for batch in connector.scan(request) for i in batch.column(0).to_pylist()}
                exact = column.operators[Op.STARTS_WITH] is Support.EXACT
                assert found == right if exact else found >= right, (column.collation, test)
                for condition in (test, f"{column.name} LIKE '{text}%'", f"{column.name} LIKE '{text}_%z'"):
                    right = {row[0] for row in plain.execute(f"SELECT id FROM t WHERE {condition}").fetchall()}
                    asked = through(connector, "mysql", table, condition)
                    assert asked is not None and set(asked[0]) == right, (column.collation, condition)
    finally:
        connector.close()


def test_postgresqls_texts_are_compared_as_duckdb_does(postgres_database: PostgresServer) -> None:
    with postgres_database.connect() as opened:
        opened.execute(
            'CREATE TABLE texts (id int, plain text, "C" varchar(20) COLLATE "C", word text COLLATE "pg_c_utf8", '
            "fixed character(20))"
        )
        for number, text in enumerate(TEXTS):
            opened.execute("INSERT INTO texts VALUES (%s, %s, %s, %s, %s)", (number, *[text] * 4))
    at = {"port": postgres_database.port, "host": postgres_database.host, "user": postgres_database.user}
    config = PostgresConfig(
        **at, password=postgres_database.password, database=postgres_database.database, tls=Tls.DISABLE
    )
    connector = Postgres(config)
    try:
        table = connector.describe(TableName(("public", "texts")))
        check(connector, "postgres", table, {"plain": True, '"C"': True, "word": True, "fixed": False})
        assert {c.name for c in table.columns if c.binary_text} == {"plain", "C", "word"}
    finally:
        connector.close()

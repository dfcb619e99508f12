"""Fills databases with TPC-H's rows: the standard's types and keys, the usual indexes, texts compared by bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer

COLUMNS = {
    "customer": "c_custkey bigint, c_name varchar(25), c_address varchar(40), c_nationkey bigint, "
    "c_phone varchar(15), c_acctbal decimal(15,2), c_mktsegment varchar(10), c_comment varchar(117)",
    "orders": "o_orderkey bigint, o_custkey bigint, o_orderstatus varchar(1), o_totalprice decimal(15,2), "
    "o_orderdate date, o_orderpriority varchar(15), o_clerk varchar(15), o_shippriority int, o_comment varchar(79)",
    "lineitem": "l_orderkey bigint, l_partkey bigint, l_suppkey bigint, l_linenumber int, l_quantity decimal(15,2), "
    "l_extendedprice decimal(15,2), l_discount decimal(15,2), l_tax decimal(15,2), l_returnflag varchar(1), "
    "l_linestatus varchar(1), l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct varchar(25), "
    "l_shipmode varchar(10), l_comment varchar(44)",
    "part": "p_partkey bigint, p_name varchar(55), p_mfgr varchar(25), p_brand varchar(10), p_type varchar(25), "
    "p_size int, p_container varchar(10), p_retailprice decimal(15,2), p_comment varchar(23)",
    "supplier": "s_suppkey bigint, s_name varchar(25), s_address varchar(40), s_nationkey bigint, "
    "s_phone varchar(15), s_acctbal decimal(15,2), s_comment varchar(101)",
    "partsupp": "ps_partkey bigint, ps_suppkey bigint, ps_availqty int, ps_supplycost decimal(15,2), "
    "ps_comment varchar(199)",
    "nation": "n_nationkey bigint, n_name varchar(25), n_regionkey bigint, n_comment varchar(152)",
    "region": "r_regionkey bigint, r_name varchar(25), r_comment varchar(152)",
}
KEYS = {
    "customer": "c_custkey",
    "orders": "o_orderkey",
    "lineitem": "l_orderkey, l_linenumber",
    "part": "p_partkey",
    "supplier": "s_suppkey",
    "partsupp": "ps_partkey, ps_suppkey",
    "nation": "n_nationkey",
    "region": "r_regionkey",
}
BYTES = ' COLLATE "C"'
INDEXES = {
    "customer": ("c_nationkey",),
    "orders": ("o_custkey",),
    "lineitem": ("l_partkey, l_suppkey", "l_suppkey"),
    "supplier": ("s_nationkey",),
    "partsupp": ("ps_suppkey",),
}


def load_postgres(server: PostgresServer, files: Path, tables: Sequence[str]) -> None:
    """Create these tables in the server's database and fill them from `<table>.csv`."""
    with server.connect() as connection:
        for name in tables:
            with connection.transaction():
                connection.execute(f"CREATE TABLE {name} ({_columns(name, BYTES)})")
                order = f"COPY {name} FROM STDIN (FORMAT csv, HEADER)"
                with connection.cursor().copy(order) as copy, (files / f"{name}.csv").open("rb") as rows:
                    while piece := rows.read(1_048_576):
                        copy.write(piece)
                connection.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({KEYS[name]})")
                for columns in INDEXES.get(name, ()):
                    connection.execute(f"CREATE INDEX ON {name} ({columns})")
            connection.execute(f"VACUUM ANALYZE {name}")


def load_mariadb(server: MariaDBServer, files: Path, tables: Sequence[str]) -> None:
    """Create these tables in the server's database and fill them from `<table>.csv`."""
    with server.connect() as connection, connection.cursor() as cursor:
        for name in tables:
            indexes = "".join(f", INDEX ({columns})" for columns in INDEXES.get(name, ()))
            cursor.execute(
                f"CREATE TABLE {name} ({_columns(name, '')}, PRIMARY KEY ({KEYS[name]}){indexes})"
                " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
            )
            path = str(files / f"{name}.csv").replace("\\", "\\\\").replace("'", "\\'")
            cursor.execute(
                f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {name} CHARACTER SET utf8mb4 FIELDS TERMINATED BY ','"
                " OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' IGNORE 1 LINES"
            )
            cursor.execute(f"ANALYZE TABLE {name} PERSISTENT FOR ALL")


def _columns(table: str, text: str) -> str:
    """The table's columns, none of which may be NULL. `text`: what a text's type is followed by."""
    parts = []
    for column in COLUMNS[table].split(", "):
        name, kind = column.split(" ", 1)
        parts.append(f"{name} {kind}{text if kind.startswith('varchar') else ''} NOT NULL")
    return ", ".join(parts)

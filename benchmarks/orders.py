"""The data of the OData figures, in PostgreSQL: a table of twelve mixed columns, and a view that makes rows."""

from __future__ import annotations

from psycopg import sql

from tests.servers.postgres import PostgresServer

COLUMNS = "id, customer, product, status, quantity, price, weight, late, due, created, lot, note"
SELECT = f"SELECT {COLUMNS} FROM orders"

ORDERS = """
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer text NOT NULL, product text NOT NULL, status text NOT NULL,
    quantity integer NOT NULL, price numeric(12,2) NOT NULL, weight double precision, late boolean NOT NULL,
    due date NOT NULL, created timestamptz NOT NULL, lot uuid NOT NULL, note text
)"""
FILL = """
INSERT INTO orders
SELECT g, 'Customer ' || g %% 5003, 'P-' || lpad((g * 7919 %% 20011)::text, 6, '0'),
       (ARRAY['open', 'released', 'shipped', 'invoiced'])[1 + g %% 4],
       1 + g %% 500, ((g * 104729) %% 10000000)::numeric / 100,
       CASE WHEN g %% 11 = 0 THEN NULL ELSE (g * 31 %% 100003)::double precision / 64 END, g %% 3 = 0,
       date '2013-01-01' + (g %% 4000)::integer,
       timestamptz '2013-01-01 00:00:00Z' + make_interval(secs => (g * 37)::double precision),
       md5(g::text)::uuid, CASE WHEN g %% 5 = 0 THEN 'checked – ' || md5((g * 3)::text) END
FROM generate_series(1::bigint, %(rows)s) g"""
# The series stands in the SELECT list: in FROM PostgreSQL would write all of it to disk before the first row.
READINGS = """
CREATE VIEW readings AS
SELECT g AS id, 'machine-' || g % 40 AS machine, 20 + (g % 1000)::double precision / 16 AS celsius,
       g % 7 = 0 AS alarm, timestamptz '2020-01-01 00:00:00Z' + g * interval '1 second' AS seen
FROM (SELECT generate_series(1::bigint, {rows}) AS g) series"""

OFFERS: tuple[tuple[str, str, tuple[str, ...] | None], ...] = (
    ("orders", "SELECT * FROM erp.public.orders", None),
    ("readings", "SELECT * FROM erp.public.readings", ()),
)


def make(database: PostgresServer, rows: int, streamed_rows: int) -> None:
    """Make `orders` with its statistics, and `readings`, which gives `streamed_rows` rows out of nothing."""
    with database.connect() as connection:
        connection.execute(ORDERS)
        connection.execute(FILL, {"rows": rows})
        connection.execute("VACUUM (ANALYZE, FREEZE) orders")
        connection.execute(sql.SQL(READINGS).format(rows=sql.Literal(streamed_rows)))

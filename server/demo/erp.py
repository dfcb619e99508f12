"""The ERP of the demo plant: one SQLite file, written the way such systems write.

Timestamps are the plant's wall clock without a zone, decimals and dates live under declared types that
SQLite itself doesn't enforce, and there are real NULLs and names from all over Europe.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from server.demo.customers import CUSTOMERS
from server.demo.genealogy import trace_lots
from server.demo.orders import take_orders
from server.demo.plant import MACHINES, NOW, epoch, local
from server.demo.production import produce
from server.demo.products import BILL_OF_MATERIAL, PRODUCTS

SCHEMA = """
CREATE TABLE plant_clock (plant_now TIMESTAMP NOT NULL PRIMARY KEY, plant_today DATE NOT NULL);
CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL, city VARCHAR(60) NOT NULL,
    country CHAR(2) NOT NULL, segment VARCHAR(20) NOT NULL, rating CHAR(1), credit_limit DECIMAL(12,2),
    discount_percent DECIMAL(5,2) NOT NULL, email VARCHAR(120), key_account BOOLEAN NOT NULL,
    customer_since DATE);
CREATE TABLE machines (
    machine VARCHAR(12) PRIMARY KEY, line CHAR(2) NOT NULL, name VARCHAR(60) NOT NULL,
    commissioned DATE NOT NULL, hourly_rate DECIMAL(8,2) NOT NULL);
CREATE TABLE products (
    product_code VARCHAR(12) PRIMARY KEY, name VARCHAR(80) NOT NULL, kind VARCHAR(10) NOT NULL,
    family CHAR(2) NOT NULL, unit VARCHAR(3) NOT NULL, list_price DECIMAL(12,2), ideal_cycle_s INTEGER,
    weight_kg DECIMAL(9,3), supplier VARCHAR(60));
CREATE TABLE bills_of_material (
    product_code VARCHAR(12) NOT NULL REFERENCES products (product_code),
    component_code VARCHAR(12) NOT NULL REFERENCES products (product_code),
    quantity DECIMAL(9,3) NOT NULL, PRIMARY KEY (product_code, component_code));
CREATE TABLE lots (
    lot_id INTEGER PRIMARY KEY, lot_no VARCHAR(16) NOT NULL UNIQUE,
    product_code VARCHAR(12) NOT NULL REFERENCES products (product_code), status VARCHAR(14) NOT NULL,
    quantity DECIMAL(12,3) NOT NULL, produced_at TIMESTAMP, work_order_no VARCHAR(10), supplier VARCHAR(60),
    supplier_lot VARCHAR(20), note VARCHAR(120));
CREATE TABLE lot_components (
    lot_id INTEGER NOT NULL REFERENCES lots (lot_id), component_lot_id INTEGER NOT NULL REFERENCES lots (lot_id),
    quantity DECIMAL(12,3) NOT NULL, PRIMARY KEY (lot_id, component_lot_id));
CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY, order_no VARCHAR(12) NOT NULL UNIQUE,
    customer_id INTEGER NOT NULL REFERENCES customers (customer_id), ordered_at TIMESTAMP NOT NULL,
    requested_date DATE, status VARCHAR(10) NOT NULL, currency CHAR(3) NOT NULL, net_amount DECIMAL(12,2) NOT NULL,
    customer_reference VARCHAR(24));
CREATE TABLE order_lines (
    order_line_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (order_id),
    position INTEGER NOT NULL, product_code VARCHAR(12) NOT NULL REFERENCES products (product_code),
    quantity INTEGER NOT NULL, unit_price DECIMAL(12,2) NOT NULL, discount_percent DECIMAL(5,2),
    promised_date DATE NOT NULL, shipped_at TIMESTAMP, shipped_quantity INTEGER,
    lot_id INTEGER REFERENCES lots (lot_id), UNIQUE (order_id, position));
"""
INDEXES = """
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_ordered_at ON orders (ordered_at);
CREATE INDEX orders_status ON orders (status);
CREATE INDEX order_lines_lot ON order_lines (lot_id);
CREATE INDEX lots_work_order ON lots (work_order_no);
CREATE INDEX lot_components_component ON lot_components (component_lot_id);
"""

Value = int | str | None
Row = Sequence[Value]


def _text(value: datetime | date | Decimal | None) -> str | None:
    if value is None:
        return None
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


def tables() -> dict[str, Iterable[Row]]:
    """The rows of every table, in an order that foreign keys allow; decimals, dates and times as text."""
    made = produce()
    lots, uses = trace_lots(made.work_orders)
    orders = take_orders(made.work_orders)
    rows: dict[str, Iterable[Row]] = {
        "plant_clock": [(_text(local(epoch(NOW))), _text(NOW.date()))],
        "customers": [
            (c.number, c.name, c.city, c.country, c.segment, c.rating, c.credit_limit, f"{c.discount}.00", c.email,
             int(c.weight >= 30), None if c.rating is None else f"{1988 + c.number % 34}-{1 + c.number % 12:02}-01")
            for c in CUSTOMERS
        ],
        "machines": [(m.code, m.line, m.name, _text(m.commissioned), m.hourly_rate) for m in MACHINES],
        "products": [
            (p.code, p.name, p.kind, p.family, p.unit, p.list_price, p.ideal_cycle_s, p.weight_kg, p.supplier)
            for p in PRODUCTS
        ],
        "bills_of_material": [(item.product, item.component, item.quantity) for item in BILL_OF_MATERIAL],
        "lots": [
            (lot.lot_id, lot.lot_no, lot.product, lot.status, _text(lot.quantity), _text(lot.produced_at),
             f"WO-{lot.work_order}" if lot.work_order else None, lot.supplier, lot.supplier_lot, lot.note)
            for lot in lots
        ],
        "lot_components": [(use.lot, use.component, _text(use.quantity)) for use in uses],
        "orders": [
            (o.number, f"SO-{o.number}", o.customer.number, _text(o.ordered_at), _text(o.requested), o.status, "EUR",
             _text(o.net_amount), o.reference)
            for o in orders
        ],
    }  # fmt: skip
    lines: list[Row] = []
    for o in orders:
        for line in o.lines:
            lines.append(
                (len(lines) + 1, o.number, line.position, line.product, line.quantity, _text(line.unit_price),
                 f"{line.discount}.00" if line.discount else None, _text(line.promised), _text(line.shipped_at),
                 line.quantity if line.shipped_at else None, line.lot)
            )  # fmt: skip
    rows["order_lines"] = lines
    return rows


def write_erp(path: Path) -> None:
    """Write the whole ERP to a new SQLite file at `path`."""
    with closing(sqlite3.connect(path)) as database:
        # The file appears under its name only when it is complete, so a journal would protect nothing.
        database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + SCHEMA)
        for table, rows in tables().items():
            rows = list(rows)
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  (our own names)
        database.executescript(INDEXES + "ANALYZE;")
        database.commit()

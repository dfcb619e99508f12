import sqlite3
from contextlib import closing
from pathlib import Path

from server.demo.build import DemoPlant
from server.demo.erp import write_erp


def test_foreign_keys_hold(plant: DemoPlant) -> None:
    with closing(sqlite3.connect(plant.erp)) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_times_are_naive_text_and_amounts_have_cents(plant: DemoPlant) -> None:
    with closing(sqlite3.connect(plant.erp)) as database:
        assert database.execute("SELECT * FROM plant_clock").fetchall() == [("2026-03-31 14:00:00", "2026-03-31")]
        odd = database.execute(
            "SELECT count(*) FROM orders WHERE ordered_at NOT GLOB '20[0-9][0-9]-[01][0-9]-[0-3][0-9] ??:??:??'"
        )
        assert odd.fetchone() == (0,)
        assert database.execute("SELECT typeof(promised_date) FROM order_lines GROUP BY 1").fetchall() == [("text",)]


def test_writing_it_twice_gives_the_same_rows(plant: DemoPlant, tmp_path: Path) -> None:
    again = tmp_path / "erp.sqlite"
    write_erp(again)
    assert again.read_bytes() == plant.erp.read_bytes()

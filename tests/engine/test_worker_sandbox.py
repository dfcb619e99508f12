"""The second layer: SQL that got past the checks reads no file, no network and no other worker's spill."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from engine.duckdb_session import open_session
from engine.errors import EngineError
from engine.pool import PoolSettings
from tests.engine.workers import Collected, Talk, answer, engine, job, until

PLACES = [
    "{other}/rows.csv",
    "{mine}/../other/rows.csv",
    "/proc/self/environ",
    "/etc/passwd",
    "file://{other}/rows.csv",
]
READERS = [
    "read_csv", "read_csv_auto", "sniff_csv", "read_parquet", "parquet_scan", "parquet_metadata", "parquet_schema",
    "parquet_kv_metadata", "parquet_file_metadata", "read_json", "read_json_auto", "read_ndjson", "read_json_objects",
    "read_text", "read_blob", "glob", "read_duckdb", "st_read", "arrow_scan_dumb",
]  # fmt: skip
STATEMENTS = [
    "SELECT * FROM '{other}/rows.csv'",
    'SELECT * FROM "{other}/rows.csv"',
    "FROM '{other}/*.csv'",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('{other}/rows.csv')",
    "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
    "SELECT (SELECT content FROM read_text('/etc/passwd')) AS a",
    "COPY (SELECT 1) TO '{other}/out.csv'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "CREATE TABLE t AS SELECT * FROM '{other}/rows.csv'",
    "ATTACH '{other}/x.db'",
    "ATTACH '{other}/x.db' AS x (READ_ONLY)",
    "ATTACH 'http://127.0.0.1:1/x.db'",
    "EXPORT DATABASE '{other}/export'",
    "IMPORT DATABASE '{other}/export'",
    "INSTALL httpfs",
    "INSTALL sqlite FROM community",
    "FORCE INSTALL json FROM 'http://127.0.0.1:1'",
    "LOAD httpfs",
    "LOAD '{other}/x.duckdb_extension'",
    "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT * FROM sqlite_scan('{other}/x.db', 't')",
    "SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 't')",
    "SELECT getenv('HOME')",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM pg_read_file('/etc/passwd')",
    "CALL enable_logging(storage = 'file', storage_config = {{'path': '{other}/log'}})",
    "PRAGMA enable_profiling",
    "SET profiling_output = '{other}/profile'",
    "SET enable_external_access = true",
    "SET GLOBAL enable_external_access = true",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "SET memory_limit = '100GB'",
    "SET threads = 64",
    "SET temp_directory = '{other}'",
    "SET allowed_directories = ['/']",
    "SET allowed_paths = ['/etc/passwd']",
    "SET home_directory = '/'",
    "SET extension_directory = '{other}'",
    "SET secret_directory = '{other}'",
    "SET python_enable_replacements = true",
    "SET python_scan_all_frames = true",
    "SET log_query_path = '{other}/q.log'",
    "SET TimeZone = 'Asia/Tokyo'",
    "SELECT * FROM canary_of_python",
    "SELECT canary_of_python",
    "SELECT * FROM a_function_of_python()",
]
canary_of_python = [("canary",)]


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for name in ("mine", "other"):
            (root / name).mkdir(mode=0o700)
        (root / "other" / "rows.csv").write_text("a\ncanary\n")
        yield {"mine": str(root / "mine"), "other": str(root / "other")}


@pytest.fixture(scope="module")
def session(places: dict[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    made = open_session(256, 2, Path(places["mine"]), 64)
    yield made
    made.close()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("place", PLACES)
def test_no_table_function_reads_a_file(
    session: duckdb.DuckDBPyConnection, places: dict[str, str], reader: str, place: str
) -> None:
    canary_of_python = [("canary",)]
    with pytest.raises(duckdb.Error) as raised:
        session.cursor().execute(f"SELECT * FROM {reader}('{place.format(**places)}')").fetchall()
    assert "canary" not in str(raised.value)
    assert canary_of_python


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_leaves_the_sandbox(
    session: duckdb.DuckDBPyConnection, places: dict[str, str], statement: str
) -> None:
    canary_of_python = [("canary",)]
    before = sorted(Path(places["other"]).iterdir())
    with pytest.raises(duckdb.Error) as raised:
        session.cursor().execute(statement.format(**places)).fetchall()
    assert "a\ncanary" not in str(raised.value)
    assert sorted(Path(places["other"]).iterdir()) == before
    assert canary_of_python


def test_spill_is_private_unreadable_from_another_worker_and_deleted(tmp_path: Path) -> None:
    settings = PoolSettings(workers=2, spare=0, reserved=0, memory_mb=64, spill_mb=2000, threads=1)
    with engine(settings) as made:
        spilling, other = Talk(made.pool, "a"), Talk(made.pool, "b")
        directory = spilling.worker.spill
        assert directory != other.worker.spill
        assert directory.stat().st_mode & 0o777 == 0o700
        assert directory.parent.stat().st_mode & 0o777 == 0o700
        spilling.start(
            job("SELECT md5(range::VARCHAR) || md5((range + 1)::VARCHAR) AS a FROM range(3000000) ORDER BY a")
        )
        until(lambda: list(directory.iterdir()), 20)
        for reader in (f"glob('{directory}/*')", f"glob('{directory.parent}/*/*')", f"read_blob('{directory}/*')"):
            other.start(job(f"SELECT count(*) AS a FROM {reader}"))
            assert other.end()["event"] == "error"
        spilling.cancel()
        assert spilling.end()["code"] == "query_cancelled"
        spilling.release()
        other.release()
        root = made.pool._directory
    assert not directory.exists()
    assert not root.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start workers as another user")
def test_a_worker_of_another_user_can_spill_and_is_that_user() -> None:
    settings = PoolSettings(workers=1, spare=1, reserved=0, memory_mb=64, spill_mb=2000, threads=1, uid=65534)
    with engine(settings) as made:
        until(lambda: made.pool.state()["workers"] or made.pool.failures, 20)
        if not made.pool.state()["workers"]:
            pytest.skip("this checkout can't be read by the user nobody")
        talk = Talk(made.pool)
        status = Path(f"/proc/{talk.worker.process.pid}/status").read_text()
        assert "Uid:\t65534\t65534\t65534\t65534" in status
        assert "Gid:\t65534\t65534\t65534\t65534" in status
        assert talk.worker.spill.stat().st_uid == 65534
        talk.release()
        sink = Collected()
        made.run(job("SELECT md5(range::VARCHAR) AS a FROM range(1500000) ORDER BY a"), "a", sink)
        assert sink.text.count("\n") == 1_500_000
        with pytest.raises(EngineError):
            answer(made, job("SELECT content AS a FROM read_text('/etc/hostname')"))

"""The rows of TPC-H, made by `tpchgen-cli`: the same for everybody at a given scale.

As Parquet for DuckDB (what answers are compared with), as CSV for the databases. At scale 1 `lineitem` has
6,001,215 rows, `orders` 1,500,000, `partsupp` 800,000, `part` 200,000, `customer` 150,000, `supplier` 10,000.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.servers.process import ServerMissingError

IN_POSTGRES = ("customer", "orders", "lineitem")
IN_MARIADB = ("part", "supplier", "partsupp")
IN_FILES = ("nation", "region")
TABLES = (*IN_POSTGRES, *IN_MARIADB, *IN_FILES)


def generator() -> str:
    """The program's path. Raises ServerMissingError."""
    beside = Path(sys.executable).with_name("tpchgen-cli")
    found = str(beside) if beside.exists() else shutil.which("tpchgen-cli")
    if found is None:
        raise ServerMissingError("The rows of TPC-H can't be made here: install the package tpchgen-cli.")
    return found


def write_parquet(directory: Path, scale: float) -> None:
    """All eight tables as `<table>.parquet`."""
    _generate("parquet", directory, scale, TABLES)
    for name in IN_FILES:
        # The generator marks texts as views, which not every reader of Arrow's types knows.
        path = directory / f"{name}.parquet"
        table = pq.read_table(path)
        plain = pa.schema(
            [(f.name, pa.string() if pa.types.is_string_view(f.type) else f.type) for f in table.schema]
        )
        pq.write_table(table.cast(plain), path)


def write_csv(directory: Path, scale: float, tables: tuple[str, ...]) -> None:
    """Some of the tables as `<table>.csv` with a header line."""
    _generate("csv", directory, scale, tables)


def _generate(form: str, directory: Path, scale: float, tables: tuple[str, ...]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    command = [generator(), form, "-s", f"{scale:g}", "-T", ",".join(tables), "-o", str(directory), "-q"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

"""Settings of the server: environment variables `VIEWLOOM_…`, or the options of `viewloom serve`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast, get_type_hints

PREFIX = "VIEWLOOM_"


class SettingError(Exception):
    """A setting can't be read; names the variable, what was found and what is expected."""

    code = "setting"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default; `docs/reference/settings.md` says what each does.

    Sizes in MB (2**20 bytes), rates in bytes per second, times in seconds.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    catalog: str = ""
    data_directory: Path = Path(".viewloom")
    trusted_proxies: tuple[str, ...] = ()
    secret_environment: tuple[str, ...] = ("VIEWLOOM_SECRET_*",)
    secret_directories: tuple[str, ...] = ("/run/secrets",)
    workers: int = 8
    spare_workers: int = 2
    reserved_workers: int = 2
    worker_memory_mb: int = 1024
    worker_spill_mb: int = 8192
    worker_threads: int = 2
    worker_uid: int = -1
    cpu_seconds: int = 600
    queue_length: int = 200
    queue_timeout: float = 30.0
    query_timeout: float = 600.0
    connection_statements: int = 8
    connection_reserved: int = 2
    connection_queue_length: int = 100
    connection_queue_share: int = 25
    breaker_failures: int = 5
    breaker_seconds: float = 30.0
    max_source_time: float = 300.0
    statistics_age: float = 21_600.0
    min_client_rate: int = 256
    client_grace: float = 30.0
    read_ahead_mb: int = 64
    read_ahead_rate: int = 4_194_304
    buffered_answer_mb: int = 16
    max_url_bytes: int = 65_535
    max_body_bytes: int = 1_048_576
    header_timeout: float = 10.0
    log_level: str = "INFO"

    @property
    def catalog_url(self) -> str:
        """The catalog database's URL: SQLite in the data directory when none is set."""
        return self.catalog or f"sqlite:///{self.data_directory.absolute() / 'catalog.db'}"


def read_settings(environment: Mapping[str, str] | None = None, **options: object) -> Settings:
    """Settings from the environment, then from options that are not None. Raises SettingError."""
    found = os.environ if environment is None else environment
    types = get_type_hints(Settings)
    values: dict[str, Any] = {}
    known = {PREFIX + field.name.upper(): field.name for field in fields(Settings)}
    for variable, name in known.items():
        if variable in found:
            values[name] = _read(variable, found[variable], types[name])
    values |= {name: value for name, value in options.items() if value is not None}
    return Settings(**values)


def _read(variable: str, text: str, kind: object) -> object:
    if kind is str:
        return text
    if kind is Path:
        return Path(text)
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return cast("type[int] | type[float]", kind)(text)
    except ValueError:
        raise SettingError(f"{variable}={text!r}: a number is expected") from None

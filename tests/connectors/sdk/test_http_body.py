"""Bodies: packed, too large, bombs."""

from __future__ import annotations

import resource
import time

import pytest

from connectors.sdk.errors import (
    SourceLimitError,
    SourceProtocolError,
)
from tests.connectors.rest_tables import ROWS, read, rest
from tests.servers.http_replies import (
    body,
    gzip_bomb,
    gzipped,
    json_rows,
)
from tests.servers.http_source import HttpSource, Reply


def test_gzip_is_read_and_a_bomb_is_refused_in_little_memory(source: HttpSource) -> None:
    source.route("/parts", gzipped(json_rows(ROWS)))
    assert read(rest(source, {})) == ROWS
    source.route("/parts", gzip_bomb(2_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with pytest.raises(SourceLimitError, match="bomb"):
        read(rest(source, {}))
    assert time.monotonic() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_caps_on_bytes_and_on_one_value(source: HttpSource) -> None:
    source.route("/parts", gzipped(json_rows(ROWS)))
    with pytest.raises(SourceLimitError, match="max_bytes"):
        read(rest(source, {}, max_bytes=500))
    with pytest.raises(SourceLimitError, match="max_decoded_bytes"):
        read(rest(source, {}, max_decoded_bytes=5_000))
    source.route(
        "/parts", lambda request: Reply(200, {}, (b'["' if n == 0 else b"a" * (1 << 20) for n in range(100)))
    )
    with pytest.raises(SourceLimitError, match="single value"):
        read(rest(source, {}))
    source.route("/parts", lambda request: body(b"x", headers={"Content-Encoding": "br"}))
    with pytest.raises(SourceProtocolError, match="gzip or deflate was asked for"):
        read(rest(source, {}))

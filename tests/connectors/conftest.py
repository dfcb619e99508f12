"""An HTTP source for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.rest_tables import MADE
from tests.servers.http_source import HttpSource, start_http_source


@pytest.fixture
def source() -> Iterator[HttpSource]:
    """Started for one test; the connectors over it are closed behind it."""
    with start_http_source() as started:
        yield started
        while MADE:
            MADE.pop().close()

"""Pages: every style, in order and once, asked for ahead and side by side."""

from __future__ import annotations

import pytest

from connectors.sdk.errors import (
    ConnectorError,
    SourceLimitError,
    SourceProtocolError,
)
from tests.connectors.rest_tables import ROWS, STYLES, read, rest
from tests.servers.http_replies import (
    Paging,
    endless_pages,
    pages,
)
from tests.servers.http_source import HttpSource


@pytest.mark.parametrize("style", list(STYLES))
def test_every_style_of_paging_gives_all_rows_once(source: HttpSource, style: Paging) -> None:
    source.route("/parts", pages(ROWS, style, size=100))
    assert read(rest(source, STYLES[style])) == ROWS


def test_a_short_page_ends_the_rows_only_where_that_is_said(source: HttpSource) -> None:
    source.route("/parts", pages(ROWS, Paging.OFFSET, size=60))  # gives fewer rows than asked for
    paging = {"style": "offset", "size": 100}
    assert read(rest(source, {"rows": "items", "paging": paging})) == ROWS
    assert len(read(rest(source, {"rows": "items", "paging": {**paging, "last": "short"}}))) == 60


def test_a_limit_stops_asking_for_pages(source: HttpSource) -> None:
    source.route("/parts", pages(ROWS, Paging.NEXT_LINK, size=10))
    assert read(rest(source, STYLES[Paging.NEXT_LINK]), limit=15) == ROWS[:15]
    assert len(source.requests) == 2


@pytest.mark.parametrize(("repeat", "error"), [(True, SourceProtocolError), (False, SourceLimitError)])
def test_an_endless_next_link_is_an_error(source: HttpSource, repeat: bool, error: type[ConnectorError]) -> None:
    source.route("/parts", endless_pages(ROWS[0], repeat_link=repeat))
    with pytest.raises(error, match="'parts'"):
        read(rest(source, STYLES[Paging.NEXT_LINK], max_pages=20))
    assert len(source.requests) <= 20

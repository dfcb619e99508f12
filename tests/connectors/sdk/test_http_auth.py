"""Tokens: fetched, expired, refused."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.rest import Rest
from connectors.sdk.errors import (
    SourceLoginError,
)
from tests.connectors.rest_tables import ROWS, STYLES, read, rest
from tests.servers.http_replies import (
    Paging,
    Tokens,
    body,
    json_rows,
    pages,
)
from tests.servers.http_source import HttpSource


def oauth(source: HttpSource, **changes: Any) -> Rest:
    values = {"auth": "oauth2", "token_url": "/token", "client_id": "us", "client_secret": "plum-tart-7", **changes}
    return rest(source, STYLES[Paging.NEXT_LINK], **values)


def test_a_token_that_expires_between_pages_is_renewed(source: HttpSource) -> None:
    tokens = Tokens(uses=1)
    source.route("/token", tokens.issue)
    source.route("/parts", tokens.required(pages(ROWS, Paging.NEXT_LINK, size=100)))
    assert read(oauth(source)) == ROWS
    assert tokens.issued == 3
    asked = next(request for request in source.requests if request.path == "/token")
    assert b"client_credentials" in asked.body and b"plum-tart" not in asked.body


def test_a_token_that_is_never_good_or_never_given_is_a_login_error(source: HttpSource) -> None:
    source.route("/token", Tokens(uses=0).issue)
    source.route("/parts", Tokens().required(json_rows(ROWS)))
    with pytest.raises(SourceLoginError):
        read(oauth(source))
    for answer in (b"{}", b"[", b'{"access_token": 5}', b'{"access_token": ""}'):
        source.route("/token", lambda request, answer=answer: body(answer))  # type: ignore[misc]
        with pytest.raises(SourceLoginError, match="gave no token") as caught:
            read(oauth(source))
        assert "plum-tart" not in f"{caught.value} {caught.value.hint}"
    stages = list(oauth(source).test())
    assert [(stage.name, stage.ok) for stage in stages] == [("dns", True), ("tcp", True), ("login", False)]

"""The token in a next link: the last row's order and key values, opaque to clients."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import orjson

from connectors.sdk.scan import Value
from engine.errors import ParameterValueError
from engine.values import from_json, to_json


def write_token(values: Sequence[Value | None]) -> str:
    """base64url without padding of the values' JSON."""
    return base64.urlsafe_b64encode(orjson.dumps([to_json(value) for value in values])).rstrip(b"=").decode()


def read_token(text: str) -> tuple[Value | None, ...]:
    """Inverse of `write_token`. Raises ParameterValueError for anything that it did not write."""
    try:
        data = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if not isinstance(data, list):
            raise ValueError("not a list")
        return tuple(from_json(item) for item in data)
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise ParameterValueError(
            "the page token can't be read", hint="follow the next link exactly as it was given"
        ) from None

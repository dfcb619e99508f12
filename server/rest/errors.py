"""Errors of the REST protocol.

RestRequestError              the request is at fault
├── RestSyntaxError           a parameter can't be read; `details` hold its name and the place in its value
├── RestUnknownNameError      no column, operator or parameter of that name
├── RestCombinationError      parameters that exclude each other, or ask for what the publication can't give
└── NotAcceptableError        no format that the caller accepts can be written

Values that don't fit their column's type are `engine.errors.ParameterValueError`, as in all protocols.
"""

from __future__ import annotations

from collections.abc import Mapping


class RestRequestError(Exception):
    """Root: the request is at fault. The message never repeats a filter's value."""

    code = "rest_request"

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})


class RestSyntaxError(RestRequestError):
    """A parameter can't be read."""

    code = "rest_syntax"


class RestUnknownNameError(RestRequestError):
    """No column, operator or parameter of that name."""

    code = "rest_unknown_name"


class RestCombinationError(RestRequestError):
    """Parameters that exclude each other, or ask for what the publication can't give."""

    code = "rest_combination"


class NotAcceptableError(RestRequestError):
    """No format that the caller accepts can be written."""

    code = "not_acceptable"

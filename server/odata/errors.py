"""What can go wrong while an OData request is read and understood.

ODataSyntaxError              the URL does not follow the grammar                            → 400
ODataNotImplementedError      the grammar allows it, Viewloom does not do it (yet)           → 501
ODataRequestError             the URL is well formed and asks for what can't be              → 400
├── UnknownPropertyError      no property of that name                                       → 400
├── ODataTypeError            a value, operand or argument of the wrong type                 → 400
├── ODataVersionError         the client takes only versions that are not spoken here        → 400
├── UnknownResourceError      the path leads nowhere                                         → 404
└── ODataNotAcceptableError   none of the forms that the client accepts can be written       → 406
"""

from typing import ClassVar


class ODataSyntaxError(Exception):
    """A part of an OData URL that does not follow the grammar.

    `option` names the part ("$filter", "@p", "path"), `position` is the offset into its percent-decoded
    text. The message never repeats the content of a string literal: it may be a row value.
    """

    code: ClassVar[str] = "odata_syntax"

    def __init__(self, message: str, *, option: str = "", position: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.option = option
        self.position = position
        self.hint = hint

    def __str__(self) -> str:
        place = f" ({self.option}, position {self.position})" if self.option else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.message}{place}{hint}"


class ODataNotImplementedError(Exception):
    """Something that OData allows and that Viewloom does not do: answered 501, as the standard asks.

    OData 4.01 Protocol, 13.1.1 rule 3. Same attributes as `ODataSyntaxError`.
    """

    code: ClassVar[str] = "odata_not_implemented"

    def __init__(self, message: str, *, option: str = "", position: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.option = option
        self.position = position
        self.hint = hint


class ODataRequestError(Exception):
    """A well-formed URL that asks for what can't be. Same attributes as `ODataSyntaxError`.

    The message names properties, types and places; it never repeats the content of a literal.
    """

    code: ClassVar[str] = "odata_request"

    def __init__(self, message: str, *, option: str = "", position: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.option = option
        self.position = position
        self.hint = hint


class UnknownPropertyError(ODataRequestError):
    """No property of that name in the entity set."""

    code = "odata_unknown_property"


class ODataTypeError(ODataRequestError):
    """A value, an operand or an argument has the wrong type, or a value that its type can't hold."""

    code = "odata_type"


class ODataVersionError(ODataRequestError):
    """The client takes only versions of OData that are not spoken here."""

    code = "odata_version"


class UnknownResourceError(ODataRequestError):
    """The resource path leads nowhere."""

    code = "odata_unknown_resource"


class ODataNotAcceptableError(ODataRequestError):
    """None of the forms that the client accepts can be written."""

    code = "odata_not_acceptable"

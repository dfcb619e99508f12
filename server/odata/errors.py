"""What can go wrong while an OData URL is read.

ODataSyntaxError          the URL does not follow the grammar                    → 400
ODataNotImplementedError  the grammar allows it, Viewloom does not do it (yet)   → 501
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

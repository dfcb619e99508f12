"""SQL names ↔ OData identifiers: reversible, and the same for ever.

An identifier (OData 4.01 ABNF `odataIdentifier`; CSDL `SimpleIdentifier`) is at most 128 characters, a letter or `_`
first, then letters, digits, `_` and a few marks. Letters stay as they are, Unicode ones too. Any other character
becomes `_xHHHH_` (`_xHHHHHHHH_` beyond U+FFFF), and a `_` that would look like the start of such an escape is escaped
itself. Names are told apart by the tables of Unicode 3.2 whatever Python runs: identifiers live on in workbooks, so
an upgrade must not rename a column. Letters beyond U+FFFF are escaped because .NET's regular expressions, with which
Microsoft's clients check identifiers, see half of a pair.

>>> encode_name("net weight [kg]"), decode_name("net_x0020_weight_x0020__x005B_kg_x005D_")
('net_x0020_weight_x0020__x005B_kg_x005D_', 'net weight [kg]')
"""

from __future__ import annotations

import hashlib
import re
from unicodedata import ucd_3_2_0

MAX_IDENTIFIER = 128
_FIRST = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"})
# Cf (invisible format characters) is allowed by the standard and escaped here: two names could look alike.
_FOLLOWING = _FIRST | {"Nd", "Mn", "Mc", "Pc"}
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}|xhash_)")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{4})?)_|_xhash_")
_SHORTENED = "_xhash_"
_PLAIN = re.compile(r"(?!.*_x)[A-Za-z_][A-Za-z0-9_]{0,127}")


def encode_name(name: str, *, ascii_only: bool = False) -> str:
    """The identifier of a name; `ascii_only` escapes every letter outside ASCII as well.

    An identifier that would be longer than 128 characters is cut and ends in `_xhash_` and 16 digits of the name's
    SHA-256: such a one is found by comparing, not by `decode_name`.
    """
    if _PLAIN.fullmatch(name):
        return name
    ambiguous = {match.start() for match in _LOOKS_ESCAPED.finditer(name)}
    pieces = [
        character if position not in ambiguous and _stays(character, position, ascii_only) else _escape(character)
        for position, character in enumerate(name)
    ]
    identifier = "".join(pieces)
    if pieces and len(identifier) <= MAX_IDENTIFIER:
        return identifier
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    kept, room = "", MAX_IDENTIFIER - len(_SHORTENED) - len(digest)
    for piece in pieces:
        if len(kept) + len(piece) > room:
            break
        kept += piece
    return kept + _SHORTENED + digest


def decode_name(identifier: str) -> str:
    """Inverse of `encode_name`. Raises ValueError for an identifier that was cut, or that no name has."""
    name = _ESCAPE.sub(_unescape, identifier)
    if identifier not in (encode_name(name), encode_name(name, ascii_only=True)):
        raise ValueError("no name has this identifier")
    return name


def _stays(character: str, position: int, ascii_only: bool) -> bool:
    if character.isascii():
        return character == "_" or character.isalpha() or (character.isdigit() and position > 0)
    if ascii_only or ord(character) > 0xFFFF:
        return False
    return ucd_3_2_0.category(character) in (_FOLLOWING if position else _FIRST)


def _escape(character: str) -> str:
    code = ord(character)
    return f"_x{code:04X}_" if code <= 0xFFFF else f"_x{code:08X}_"


def _unescape(match: re.Match[str]) -> str:
    if match[1] is None:
        raise ValueError("a shortened identifier does not hold its name")
    code = int(match[1], 16)
    if code > 0x10FFFF:
        raise ValueError("no name has this identifier")
    return chr(code)

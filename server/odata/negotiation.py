"""What a client takes: the form of JSON, the version, the page size that it prefers.

`$format` decides, else Accept (RFC 9110 §12.5.1), else JSON with minimal metadata. Power Query's Accept names Atom
and XML besides JSON; only JSON is written, so only what an entry says of JSON counts. `metadata=full` is answered
with minimal, and the content type says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from server.odata.errors import ODataNotAcceptableError, ODataVersionError

_LEVELS = {"none": "none", "minimal": "minimal", "full": "minimal"}
_OLD_LEVELS = {"nometadata": "none", "minimalmetadata": "minimal", "fullmetadata": "minimal"}
_VERSION = re.compile(r"\s*(\d{1,3})(?:\.(\d{1,3}))?\s*(?:;.*)?", re.ASCII)
_PAGE_SIZE = re.compile(r'(odata\.)?maxpagesize\s*=\s*"?([0-9]{1,9})"?', re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class JsonForm:
    """How JSON is written. `metadata`: "minimal" or "none". `strings_for_numbers`: 64-bit integers and decimals as
    strings (IEEE754Compatible)."""

    metadata: str = "minimal"
    strings_for_numbers: bool = False

    @property
    def content_type(self) -> str:
        compatible = ";IEEE754Compatible=true" if self.strings_for_numbers else ""
        return f"application/json;odata.metadata={self.metadata};odata.streaming=true{compatible};charset=utf-8"


@dataclass(frozen=True, slots=True)
class PageSize:
    """The preference `maxpagesize`; `applied` is how the answer says that it was honoured."""

    rows: int
    applied: str


def json_form(asked: str | None, accept: str) -> JsonForm:
    """The form of an answer. Raises ODataNotAcceptableError when no entry takes JSON."""
    if asked is not None:
        name, *rest = asked.split(";")
        whole = ";".join(("application/json" if name.strip().lower() == "json" else name, *rest))
        return _best(whole, "$format")
    return _best(accept, "Accept") if accept.strip() else JsonForm()


def check_version(most: str) -> None:
    """Refuse a client that takes only older versions (`OData-MaxVersion`). Answers are 4.0 for newer ones too."""
    if not most.strip():
        return
    match = _VERSION.fullmatch(most)
    if match is None or int(match[1]) < 4:
        raise ODataVersionError(
            "OData-MaxVersion leaves out the version spoken here, 4.0.",
            option="OData-MaxVersion",
            hint="Send OData-MaxVersion: 4.0 or a later one.",
        )


def page_size(prefer: str) -> PageSize | None:
    """The page size preferred, if any (Protocol 8.2.8.5). Of two the first holds (RFC 7240 §2); 0 is none."""
    for part in prefer[:4096].split(","):
        match = _PAGE_SIZE.fullmatch(part.strip())
        if match is not None:
            rows = int(match[2])
            return PageSize(rows, f"{(match[1] or '').lower()}maxpagesize={rows}") if rows else None
    return None


@lru_cache(maxsize=256)
def _best(accept: str, option: str) -> JsonForm:
    found: list[tuple[float, int, JsonForm]] = []
    for place, entry in enumerate(accept[:4096].split(",")):
        form = _form(entry)
        if form is not None:
            found.append((form[0], -place, form[1]))
    if not found:
        raise ODataNotAcceptableError(
            "Nothing that the client accepts can be written: data is JSON here.",
            option=option,
            hint="Accept application/json, or application/json;odata.metadata=minimal.",
        )
    return max(found, key=lambda one: one[:2])[2]


def _form(entry: str) -> tuple[float, JsonForm] | None:
    """(quality, form) of one media range; None when it takes no JSON that can be written."""
    name, *rest = (piece.strip() for piece in entry.split(";"))
    if name.lower() not in ("application/json", "application/*", "*/*"):
        return None
    quality, metadata, strings = 1.0, "minimal", False
    for piece in rest:
        key, _, text = piece.partition("=")
        key, text = key.strip().lower(), text.strip().strip('"').lower()
        if key == "q":
            try:
                quality = float(text)
            except ValueError:
                return None
        elif key in ("odata.metadata", "metadata", "odata"):
            level = (_OLD_LEVELS if key == "odata" else _LEVELS).get(text)
            if level is None:
                return None
            metadata = level
        elif key == "ieee754compatible":
            strings = text == "true"
        elif key == "charset" and text not in ("utf-8", "utf8"):
            return None
    return (quality, JsonForm(metadata, strings)) if quality > 0 else None

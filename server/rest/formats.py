"""Which form an answer has: `?format=` decides, else the Accept header (RFC 9110 §12.5.1), else JSON."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from engine.encoders.encoding import Format
from server.rest.errors import NotAcceptableError

CONTENT_TYPES: Mapping[Format, str] = {
    Format.JSON: "application/json",
    Format.NDJSON: "application/x-ndjson",
    Format.CSV: "text/csv; charset=utf-8",
    Format.ARROW: "application/vnd.apache.arrow.stream",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# In the order in which a wildcard chooses.
_NAMES: Mapping[str, Format] = {
    "application/json": Format.JSON,
    "application/x-ndjson": Format.NDJSON,
    "application/ndjson": Format.NDJSON,
    "application/jsonl": Format.NDJSON,
    "text/csv": Format.CSV,
    "application/vnd.apache.arrow.stream": Format.ARROW,
    "application/vnd.apache.parquet": Format.PARQUET,
    "application/x-parquet": Format.PARQUET,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": Format.XLSX,
}


def choose_format(asked: str | None, accept: str) -> Format:
    """The format of an answer. Raises NotAcceptableError when none fits."""
    if asked is not None:
        try:
            return Format(asked.strip().lower())
        except ValueError:
            names = [str(name) for name in Format]
            near = difflib.get_close_matches(asked.lower(), names, n=1, cutoff=0.5)
            raise NotAcceptableError(
                f"there is no format {asked[:40]!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"formats are: {', '.join(names)}",
            ) from None
    ranges = _ranges(accept)
    if not ranges:
        return Format.JSON
    # The best quality wins; among equals the one that the caller named first, then our own order.
    weighed = [(quality, -place, -number, name) for number, name in enumerate(_NAMES)
               for quality, place in [_quality(name, ranges)]]  # fmt: skip
    quality, _, _, name = max(weighed)
    if quality <= 0:
        raise NotAcceptableError(
            "none of the formats in the Accept header can be written",
            hint=f"accept one of {', '.join(t.partition(';')[0] for t in CONTENT_TYPES.values())}, or use ?format=",
        )
    return _NAMES[name]


def _ranges(accept: str) -> list[tuple[str, float]]:
    """(media range, quality) in the order written; what can't be read is left out."""
    found: list[tuple[str, float]] = []
    for part in accept[:4096].split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    quality = min(1.0, max(0.0, float(value)))
                except ValueError:
                    quality = 0.0
        if name:
            found.append((name, quality if quality == quality else 0.0))
    return found


def _quality(name: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """What the most specific range that covers a media type says of it, and that range's place."""
    for wanted in (name, name.partition("/")[0] + "/*", "*/*"):
        for place, (media_range, quality) in enumerate(ranges):
            if media_range == wanted:
                return quality, place
    return 0.0, len(ranges)


def download_headers(chosen: Format, name: str) -> tuple[tuple[str, str], ...]:
    """A name for the file that a browser keeps; workbooks only, the other formats are for programs."""
    if chosen is not Format.XLSX:
        return ()
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
    return (("Content-Disposition", f'attachment; filename="{plain or "rows"}.xlsx"'),)

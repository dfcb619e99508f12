"""A value's text form as DuckDB writes it, the same in all formats."""

from __future__ import annotations

from connectors.sdk.types import decimal_parts


def text_of(name: str, kind: str) -> str:
    """A value's text form, without quotes."""
    match kind:
        case "TIMESTAMP WITH TIME ZONE" | "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS":
            instant = f"CAST({name} AS TIMESTAMP)"
            return f"replace(CAST({in_calendar(instant)} AS VARCHAR), ' ', 'T') || 'Z'"
        case "DATE":
            return f"CAST({in_calendar(name)} AS VARCHAR)"
        case "BLOB":
            return f"translate(base64({name}), '+/', '-_')"
        case "FLOAT" | "DOUBLE":
            return (
                f"CASE WHEN isfinite({name}) THEN CAST({name} AS VARCHAR) WHEN isnan({name}) THEN 'NaN'"
                f" WHEN {name} > 0 THEN 'INF' WHEN {name} < 0 THEN '-INF' END"
            )
    decimal = decimal_parts(kind)
    if decimal is not None and decimal[0] == decimal[1]:
        # DuckDB writes ".05" where all digits stand behind the point.
        return f"regexp_replace(CAST({name} AS VARCHAR), '^(-?)[.]', '\\10.')"
    return f"CAST({name} AS VARCHAR)"


def in_calendar(value: str) -> str:
    """The value; an error for what has no form in any of our formats: infinity, years before 1 or after 9999."""
    # A date is compared as the instant at which it begins.
    return (
        f"CASE WHEN {value} IS NULL OR {value} BETWEEN TIMESTAMP '0001-01-01' AND"
        f" TIMESTAMP '9999-12-31 23:59:59.999999' THEN {value}"
        " ELSE error('a date or time outside of the years 1 to 9999') END"
    )

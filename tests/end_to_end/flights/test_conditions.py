"""How many flights satisfy a condition: OData's operators and functions over real values and their NULLs."""

from __future__ import annotations

import pytest

from tests.end_to_end.flights.workspace import FlightsServer

# OData's condition, and the same in SQL with OData's nulls written out.
CONDITIONS = {
    "tailnum ne 'N14228'": "tailnum IS DISTINCT FROM 'N14228'",
    "not (tailnum eq 'N14228' or dep_delay gt 0)": "tailnum IS DISTINCT FROM 'N14228' "
    "AND coalesce(dep_delay <= 0, true)",
    "dep_delay add arr_delay gt 2000 or -dep_delay gt 40": "dep_delay + arr_delay > 2000 OR -dep_delay > 40",
    "air_time div 60 ge 11 and air_time mod 60 lt 30": "air_time // 60 >= 11 AND air_time % 60 < 30",
    "dep_delay divby 7 eq 13.0": "dep_delay / 7.0 = 13.0",
    "length(tailnum) eq 5 or substring(tailnum,1,2) eq '14'": "length(tailnum) = 5 OR substr(tailnum, 2, 2) = '14'",
    "concat(concat(origin,'-'),dest) eq 'JFK-LAX'": "origin || '-' || dest = 'JFK-LAX'",
    "matchesPattern(tailnum,'^N[0-9]{3}[A-Z]{2}$')": "regexp_matches(tailnum, '^N[0-9]{3}[A-Z]{2}$')",
    "time_hour add duration'PT1H' eq 2013-07-04T08:00:00-04:00": "time_hour = TIMESTAMPTZ '2013-07-04 11:00:00+00'",
    "time(time_hour) ge 20:00:00": "CAST(time_hour AT TIME ZONE 'UTC' AS TIME) >= TIME '20:00:00'",
    "year(time_hour) eq 2014": "year(time_hour AT TIME ZONE 'UTC') = 2014",
    "dep_delay in (null,0) and not (carrier in ('UA','B6'))": "(dep_delay IS NULL OR dep_delay = 0) "
    "AND carrier NOT IN ('UA', 'B6')",
    "(dep_delay lt 0) eq (arr_delay lt 0)": "coalesce(dep_delay < 0, false) = coalesce(arr_delay < 0, false)",
    "dep_delay gt @late and carrier eq @carrier": "dep_delay > 100 AND carrier = 'EV'",
}
ALIASES = {"@late": "100", "@carrier": "'EV'"}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_counts_what_it_counts_over_the_files(flights: FlightsServer, condition: str) -> None:
    url = flights.odata + "flights/$count"
    found = flights.client.get(url, params={"$filter": condition, **(ALIASES if "@" in condition else {})})
    assert found.status_code == 200, found.text
    (expected,) = flights.expected(f"SELECT count(*) AS n FROM flights WHERE {CONDITIONS[condition]}")
    assert expected["n"] > 0
    assert int(found.text.lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")) == expected["n"]

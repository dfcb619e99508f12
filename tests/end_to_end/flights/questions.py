"""What an analyst asks of the flights: as OData, as SQL over the same names, and some as REST.

`reads`: rows at most that a run may fetch from a source's table; it is what proves that work was pushed down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `ordered`: the answer's order is part of it; else it is a multiset."""

    name: str
    publication: str
    odata: Mapping[str, str]
    sql: str
    ordered: bool = True
    rest: Mapping[str, str | list[str]] = field(default_factory=dict)
    reads: Mapping[str, int] = field(default_factory=dict)


EVENING = Question(
    "who left JFK for Los Angeles more than an hour late on a day in July",
    "flights_enriched",
    {
        "$filter": "origin eq 'JFK' and dest eq 'LAX' and dep_delay gt 60 "
        "and scheduled_hour ge 2013-07-01T04:00:00Z and scheduled_hour lt 2013-07-02T04:00:00Z",
        "$select": "flight_id,airline,flight_number,manufacturer,dest_name,dep_delay,wind_speed,scheduled_hour",
        "$orderby": "dep_delay desc,flight_id",
    },
    """
    SELECT flight_id, airline, flight_number, manufacturer, dest_name, dep_delay, wind_speed, scheduled_hour
    FROM flights_enriched
    WHERE origin = 'JFK' AND dest = 'LAX' AND dep_delay > 60
        AND scheduled_hour >= TIMESTAMPTZ '2013-07-01 04:00:00+00'
        AND scheduled_hour < TIMESTAMPTZ '2013-07-02 04:00:00+00'
    ORDER BY dep_delay DESC, flight_id
    """,
    rest={
        "origin": "eq.JFK",
        "dest": "eq.LAX",
        "dep_delay": "gt.60",
        "scheduled_hour": ["gte.2013-07-01T04:00:00Z", "lt.2013-07-02T04:00:00Z"],
        "select": "flight_id,airline,flight_number,manufacturer,dest_name,dep_delay,wind_speed,scheduled_hour",
        "order": "dep_delay.desc,flight_id",
    },
    reads={"ops.public.flights": 5, "fleet.planes": 5, "climate.weather": 8_706},
)

LONGEST_DELAYS = Question(
    "the ten longest delays of the year",
    "flights",
    {
        "$select": "flight_id,carrier,flight,origin,dest,dep_delay,arr_delay",
        "$orderby": "dep_delay desc",
        "$top": "10",
    },
    "SELECT flight_id, carrier, flight, origin, dest, dep_delay, arr_delay FROM flights "
    "ORDER BY dep_delay DESC NULLS LAST, flight_id LIMIT 10",
    rest={
        "select": "flight_id,carrier,flight,origin,dest,dep_delay,arr_delay",
        "order": "dep_delay.desc.nullslast,flight_id",
        "limit": "10",
    },
    reads={"ops.public.flights": 10},
)

WORST_ROUTES = Question(
    "busy routes that are punctual less than seven times in ten",
    "route_punctuality",
    {"$filter": "flights ge 1000 and punctual_percent lt 70.00", "$orderby": "punctual_percent,origin,dest"},
    "SELECT * FROM route_punctuality WHERE flights >= 1000 AND punctual_percent < 70.00 "
    "ORDER BY punctual_percent, origin, dest",
)

CANCELLED = Question(
    "the third page of United's and American's flights that never left in February",
    "flights_enriched",
    {
        "$filter": "dep_delay eq null and carrier in ('UA','AA') and month(flight_date) eq 2",
        "$select": "flight_id,flight_date,carrier,dest,tailnum,manufacturer,cancelled",
        "$orderby": "tailnum,flight_id",
        "$top": "25",
        "$skip": "50",
        "$count": "true",
    },
    """
    SELECT flight_id, flight_date, carrier, dest, tailnum, manufacturer, cancelled
    FROM flights_enriched
    WHERE dep_delay IS NULL AND carrier IN ('UA', 'AA') AND month(flight_date) = 2
    ORDER BY tailnum NULLS FIRST, flight_id LIMIT 25 OFFSET 50
    """,
    # month() of a computed date stays here; the carriers and what is null go to the source.
    reads={"ops.public.flights": 1_322},
)

MADE_UP_TIME = Question(
    "Delta's flights, other than to its hubs, that made up three quarters of an hour in the air",
    "flights_enriched",
    {
        "$filter": "startswith(airline,'Delta') and not (dest in ('ATL','DTW','MSP')) "
        "and arr_delay sub dep_delay lt -45",
        "$select": "flight_id,airline,dest,dest_name,dep_delay,arr_delay,air_time,seats",
    },
    """
    SELECT flight_id, airline, dest, dest_name, dep_delay, arr_delay, air_time, seats
    FROM flights_enriched
    WHERE airline LIKE 'Delta%' AND dest NOT IN ('ATL', 'DTW', 'MSP') AND arr_delay - dep_delay < -45
    """,
    ordered=False,
    # startswith() leaves one airline, and that one key leaves its flights.
    reads={"fleet.airlines": 1, "ops.public.flights": 48_110},
)

STORMS = Question(
    "hours of wind and rain, and what they did to departures",
    "weather_delay",
    {
        "$filter": "wind_speed ge 25 and precip gt 0 and flights gt 0",
        "$orderby": "mean_dep_delay desc,origin,hour",
        "$count": "true",
    },
    "SELECT * FROM weather_delay WHERE wind_speed >= 25 AND precip > 0 AND flights > 0 "
    "ORDER BY mean_dep_delay DESC NULLS LAST, origin, hour",
    reads={"climate.weather": 78},
)

BAD_MONTHS = Question(
    "from June on, the months in which a carrier cancelled more than one flight in twenty",
    "carrier_month",
    {
        "$filter": "month ge 2013-06-01 and cancelled mul 20 gt flights",
        "$orderby": "cancelled divby flights desc,carrier,month",
    },
    "SELECT * FROM carrier_month WHERE month >= DATE '2013-06-01' AND cancelled * 20 > flights "
    "ORDER BY cancelled / flights DESC, carrier, month",
    rest={
        "month": "gte.2013-06-01",
        "flights": "lt.1000",
        "order": "carrier,month",
        "select": "carrier,month,flights",
    },
)

OLD_BOEINGS = Question(
    "Boeings in use whose age is above 25 years or unknown",
    "plane_age",
    {
        "$filter": "contains(tolower(manufacturer),'boeing') and (built eq null or age gt 25) and flights gt 0",
        "$orderby": "built,tailnum",
    },
    "SELECT * FROM plane_age WHERE contains(lower(manufacturer), 'boeing') AND (built IS NULL OR age > 25) "
    "AND flights > 0 ORDER BY built NULLS FIRST, tailnum",
    rest={
        "manufacturer": "ilike.*boeing*",
        "or": "(built.is.null,age.gt.25)",
        "flights": "gt.0",
        "order": "built.asc.nullsfirst,tailnum",
    },
)

AIRPORTS = Question(
    "airports of Arizona's time, and those that nobody gave one",
    "airport_lookup",
    {
        "$filter": "tzone eq 'America/Phoenix' and altitude_m ge 1500.5 or tzone eq null "
        "or (length(name) gt 40 and not endswith(name,'Airport'))",
        "$orderby": "altitude_m desc,faa",
    },
    """
    SELECT * FROM airport_lookup
    WHERE (tzone = 'America/Phoenix' AND altitude_m >= 1500.5) OR tzone IS NULL
        OR (length(name) > 40 AND NOT ends_with(name, 'Airport'))
    ORDER BY altitude_m DESC, faa
    """,
)

PHOENIX = Question(
    "airports of one time zone, asked of the service itself",
    "airport_lookup",
    {"$filter": "tzone eq 'America/Phoenix'", "$select": "faa,name,altitude_m,lat"},
    "SELECT faa, name, altitude_m, lat FROM airport_lookup WHERE tzone = 'America/Phoenix'",
    ordered=False,
    reads={"airfields.airports": 38},
)

WINDY_AND_LATE = Question(
    "very late arrivals on three days of March in wind or in unknown weather",
    "late_arrivals",
    {
        "$filter": "(wind_speed gt 20 or wind_speed eq null) and flight_date ge 2013-03-06 "
        "and flight_date le 2013-03-08 and indexof(dest_name,'Intl') ge 0",
        "$select": "dest_name,airline,arr_delay,wind_speed,flight_id",
        "$orderby": "arr_delay desc,flight_id",
    },
    """
    SELECT dest_name, airline, arr_delay, wind_speed, flight_id FROM late_arrivals
    WHERE (wind_speed > 20 OR wind_speed IS NULL) AND flight_date BETWEEN DATE '2013-03-06' AND DATE '2013-03-08'
        AND contains(dest_name, 'Intl')
    ORDER BY arr_delay DESC, flight_id
    """,
    # The condition is two views further down.
    reads={"ops.public.flights": 10_200},
)

CHRISTMAS_EVE = Question(
    "the last departures of Christmas Eve, with the hour on the clock of New York",
    "flights",
    {
        "$filter": "date(time_hour) eq 2013-12-24 and hour(time_hour) ge 22 and not (dep_delay gt 0) "
        "and minute mod 2 eq 1",
        "$select": "flight_id,carrier,dest,dep_delay,time_hour",
    },
    """
    SELECT flight_id, carrier, dest, dep_delay, time_hour FROM flights
    WHERE CAST(time_hour AT TIME ZONE 'UTC' AS DATE) = DATE '2013-12-24'
        AND hour(time_hour AT TIME ZONE 'UTC') >= 22 AND NOT coalesce(dep_delay > 0, false) AND minute % 2 = 1
    """,
    ordered=False,
)

QUESTIONS = (
    EVENING,
    LONGEST_DELAYS,
    WORST_ROUTES,
    CANCELLED,
    MADE_UP_TIME,
    STORMS,
    BAD_MONTHS,
    OLD_BOEINGS,
    AIRPORTS,
    PHOENIX,
    WINDY_AND_LATE,
    CHRISTMAS_EVE,
)

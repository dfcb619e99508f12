"""The analyst's views over the four sources, in the order in which they use each other, and how each is published."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedView:
    """A view's SQL and the key that it is published with; None: the sources have to prove one."""

    name: str
    sql: str
    key: tuple[str, ...] | None = None


FLIGHTS = PublishedView("flights", "SELECT * FROM ops.flights")

AIRPORT_LOOKUP = PublishedView(
    "airport_lookup",
    """
    SELECT faa, name, lat, lon, alt AS altitude_ft, CAST(alt * 0.3048 AS DECIMAL(8, 2)) AS altitude_m, tz, tzone
    FROM airfields.airports
    """,
    ("faa",),
)

FLIGHTS_ENRICHED = PublishedView(
    "flights_enriched",
    """
    SELECT
        f.flight_id,
        make_date(f.year, f.month, f.day) AS flight_date,
        f.time_hour AS scheduled_hour,
        f.carrier, a.name AS airline, f.flight AS flight_number,
        f.tailnum, p.manufacturer, p.seats, p.year AS built,
        f.origin, f.dest, d.name AS dest_name, d.lat AS dest_lat, d.tzone AS dest_zone,
        f.dep_time IS NULL AS cancelled, f.dep_delay, f.arr_delay, f.air_time, f.distance,
        w.temp, w.wind_speed, w.visib, w.precip
    FROM ops.flights AS f
    JOIN fleet.airlines AS a ON a.carrier = f.carrier
    LEFT JOIN fleet.planes AS p ON p.tailnum = f.tailnum
    LEFT JOIN climate.weather AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
    LEFT JOIN airport_lookup AS d ON d.faa = f.dest
    """,
    ("flight_id",),
)

ROUTE_PUNCTUALITY = PublishedView(
    "route_punctuality",
    """
    SELECT
        origin, dest, dest_name,
        count(*) AS flights,
        count(*) FILTER (WHERE cancelled) AS cancelled,
        avg(arr_delay) AS mean_arr_delay,
        CAST(count(*) FILTER (WHERE arr_delay <= 15) * 100.0 / count(*) AS DECIMAL(5, 2)) AS punctual_percent,
        quantile_cont(dep_delay, 0.9) AS dep_delay_p90
    FROM flights_enriched
    GROUP BY origin, dest, dest_name
    """,
    ("origin", "dest"),
)

WEATHER_DELAY = PublishedView(
    "weather_delay",
    """
    WITH departures AS (
        SELECT origin, time_hour, count(*) AS flights, avg(dep_delay) AS mean_dep_delay,
            count(*) FILTER (WHERE dep_time IS NULL) AS cancelled
        FROM ops.flights
        GROUP BY origin, time_hour
    )
    SELECT w.origin, w.time_hour AS hour, w.temp, w.wind_speed, w.wind_gust, w.precip, w.visib,
        coalesce(d.flights, 0) AS flights, coalesce(d.cancelled, 0) AS cancelled, d.mean_dep_delay
    FROM climate.weather AS w
    LEFT JOIN departures AS d ON d.origin = w.origin AND d.time_hour = w.time_hour
    """,
    ("origin", "hour"),
)

CARRIER_MONTH = PublishedView(
    "carrier_month",
    """
    SELECT f.carrier, a.name AS airline, CAST(make_date(f.year, f.month, 1) AS DATE) AS month,
        count(*) AS flights, count(*) - count(f.dep_time) AS cancelled, avg(f.dep_delay) AS mean_dep_delay,
        sum(f.distance) AS miles, CAST(sum(f.distance) * 1.609344 AS DECIMAL(14, 3)) AS kilometres
    FROM ops.flights AS f
    JOIN fleet.airlines AS a USING (carrier)
    GROUP BY f.carrier, a.name, make_date(f.year, f.month, 1)
    """,
    ("carrier", "month"),
)

PLANE_AGE = PublishedView(
    "plane_age",
    """
    SELECT p.tailnum, p.manufacturer, p.model, p.seats, p.speed, p.year AS built, 2013 - p.year AS age,
        count(f.flight_id) AS flights, sum(f.air_time) AS minutes_in_air, min(f.time_hour) AS first_seen
    FROM fleet.planes AS p
    LEFT JOIN ops.flights AS f ON f.tailnum = p.tailnum
    GROUP BY p.tailnum, p.manufacturer, p.model, p.seats, p.speed, p.year
    """,
    ("tailnum",),
)

LATE_ARRIVALS = PublishedView(
    "late_arrivals",
    "SELECT flight_id, flight_date, airline, origin, dest, dest_name, arr_delay, wind_speed "
    "FROM flights_enriched WHERE arr_delay >= 120",
    ("flight_id",),
)

VIEWS = (
    FLIGHTS,
    AIRPORT_LOOKUP,
    FLIGHTS_ENRICHED,
    ROUTE_PUNCTUALITY,
    WEATHER_DELAY,
    CARRIER_MONTH,
    PLANE_AGE,
    LATE_ARRIVALS,
)

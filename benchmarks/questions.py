"""The ten queries of `rows_moved`, with what each needs of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OFFERS: tuple[tuple[str, str], ...] = (
    ("flights", "SELECT * FROM ops.public.flights"),
    ("planes", "SELECT * FROM fleet.planes"),
    ("airlines", "SELECT * FROM fleet.airlines"),
    ("weather", "SELECT * FROM history.weather"),
    (
        "departures",
        "SELECT f.flight_id, f.month, f.day, f.dep_delay, f.origin, f.dest, a.name AS airline, p.manufacturer, "
        "p.model FROM flights f JOIN airlines a ON a.carrier = f.carrier LEFT JOIN planes p ON p.tailnum = f.tailnum",
    ),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A query over the publications. `needed`: per table a query over the original files that counts the rows that
    stand behind the answer."""

    name: str
    sql: str
    needed: Mapping[str, str]


QUESTIONS: tuple[Question, ...] = (
    Question(
        "one flight by its key",
        "SELECT * FROM flights WHERE flight_id = 123456",
        {"flights": "SELECT 1"},
    ),
    Question(
        "one route on one day",
        "SELECT flight_id, dep_time, carrier, flight FROM flights\n"
        "WHERE origin = 'JFK' AND dest = 'LAX' AND month = 7 AND day = 4",
        {"flights": "SELECT count(*) FROM flights WHERE origin = 'JFK' AND dest = 'LAX' AND month = 7 AND day = 4"},
    ),
    Question(
        "the ten worst delays",
        "SELECT flight_id, carrier, dep_delay FROM flights WHERE dep_delay IS NOT NULL\n"
        "ORDER BY dep_delay DESC, flight_id LIMIT 10",
        {"flights": "SELECT 10"},
    ),
    Question(
        "cancelled flights per airline in February",
        "SELECT carrier, count(*) AS cancelled FROM flights WHERE dep_time IS NULL AND month = 2 GROUP BY carrier",
        {"flights": "SELECT count(*) FROM flights WHERE dep_time IS NULL AND month = 2"},
    ),
    Question(
        "mean delay per airline's name over the year",
        "SELECT a.name, avg(f.arr_delay) AS mean_delay FROM flights f JOIN airlines a ON a.carrier = f.carrier\n"
        "GROUP BY a.name",
        {"flights": "SELECT count(*) FROM flights", "airlines": "SELECT count(*) FROM airlines"},
    ),
    Question(
        "flights of old Boeings at Christmas",
        "SELECT f.flight_id, p.model, p.year FROM flights f JOIN planes p ON p.tailnum = f.tailnum\n"
        "WHERE p.manufacturer = 'BOEING' AND p.year < 1990 AND f.month = 12 AND f.day = 25",
        {
            "flights": "SELECT count(*) FROM flights f JOIN planes p USING (tailnum) "
            "WHERE p.manufacturer = 'BOEING' AND p.year < 1990 AND f.month = 12 AND f.day = 25",
            "planes": "SELECT count(DISTINCT p.tailnum) FROM flights f JOIN planes p USING (tailnum) "
            "WHERE p.manufacturer = 'BOEING' AND p.year < 1990 AND f.month = 12 AND f.day = 25",
        },
    ),
    Question(
        "delays in strong wind at LaGuardia",
        "SELECT f.flight_id, f.dep_delay, w.wind_speed FROM flights f\n"
        "JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour\n"
        "WHERE f.origin = 'LGA' AND w.origin = 'LGA' AND w.wind_speed > 30",
        {
            "flights": "SELECT count(*) FROM flights f JOIN weather w USING (origin, time_hour) "
            "WHERE origin = 'LGA' AND w.wind_speed > 30",
            "weather": "SELECT count(DISTINCT w.time_hour) FROM flights f JOIN weather w USING (origin, time_hour) "
            "WHERE origin = 'LGA' AND w.wind_speed > 30",
        },
    ),
    Question(
        "through a view of three tables: one airport's late evenings",
        "SELECT flight_id, airline, model, dep_delay FROM departures\n"
        "WHERE dest = 'SEA' AND month = 3 AND dep_delay > 120",
        {
            "flights": "SELECT count(*) FROM flights WHERE dest = 'SEA' AND month = 3 AND dep_delay > 120",
            "airlines": "SELECT count(DISTINCT carrier) FROM flights "
            "WHERE dest = 'SEA' AND month = 3 AND dep_delay > 120",
            "planes": "SELECT count(DISTINCT tailnum) FROM flights JOIN planes USING (tailnum) "
            "WHERE dest = 'SEA' AND month = 3 AND dep_delay > 120",
        },
    ),
    Question(
        "flights without a known plane in one week",
        "SELECT f.flight_id, f.tailnum FROM flights f LEFT JOIN planes p ON p.tailnum = f.tailnum\n"
        "WHERE f.month = 5 AND f.day <= 7 AND p.tailnum IS NULL AND f.tailnum IS NOT NULL",
        {
            "flights": "SELECT count(*) FROM flights f LEFT JOIN planes p USING (tailnum) "
            "WHERE f.month = 5 AND f.day <= 7 AND p.model IS NULL AND f.tailnum IS NOT NULL",
            "planes": "SELECT 0",
        },
    ),
    Question(
        "four tables: seats that left in snow, per airline and maker",
        "SELECT a.name, p.manufacturer, sum(p.seats) AS seats FROM flights f\n"
        "JOIN airlines a ON a.carrier = f.carrier JOIN planes p ON p.tailnum = f.tailnum\n"
        "JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour\n"
        "WHERE f.month IN (1, 2, 12) AND w.month IN (1, 2, 12) AND w.temp < 32 AND w.precip > 0\n"
        "  AND f.dep_time IS NOT NULL\n"
        "GROUP BY a.name, p.manufacturer",
        {
            name: f"SELECT count(DISTINCT {key}) FROM flights f JOIN airlines a USING (carrier) "
            "JOIN planes p USING (tailnum) JOIN weather w USING (origin, time_hour) "
            "WHERE f.month IN (1, 2, 12) AND w.temp < 32 AND w.precip > 0 AND f.dep_time IS NOT NULL"
            for name, key in (
                ("flights", "f.flight_id"),
                ("airlines", "carrier"),
                ("planes", "tailnum"),
                ("weather", "(origin, time_hour)"),
            )
        },
    ),
)

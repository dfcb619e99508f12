import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from server.demo.build import DemoPlant
from server.demo.historian import TOTAL, machine_readings
from server.demo.plant import MACHINES
from server.demo.production import produce


def test_there_are_exactly_one_million_readings_in_twelve_files(plant: DemoPlant) -> None:
    readings = ds.dataset(plant.historian / "readings", format="parquet")
    assert len(readings.files) == len(MACHINES)
    assert readings.count_rows() == TOTAL


def test_a_machine_gives_the_same_readings_every_time(plant: DemoPlant) -> None:
    stored = ds.dataset(plant.historian / "readings" / f"{MACHINES[3].code}.parquet").to_table()
    assert stored.equals(machine_readings(3))


def test_a_spindle_draws_current_only_while_its_machine_runs_or_is_set_up() -> None:
    machine = MACHINES[0].code
    readings = machine_readings(0)
    current = readings.filter(pc.equal(readings["tag"], pa.scalar("spindle_current")))
    stops = [
        span
        for span in produce().spans
        if span.machine == machine and span.state in ("down", "idle", "off") and span.end
    ]
    seconds = [at.timestamp() for at in current["ts"].to_pylist() if at is not None]
    values = current["value"].to_pylist()
    for stop in stops:
        inside = [
            v for at, v in zip(seconds, values, strict=True) if stop.start <= at < (stop.end or 0) and v is not None
        ]
        assert all(value == 0 for value in inside)
    assert max(value for value in values if value is not None) > 20


def test_bad_quality_and_missing_value_go_together() -> None:
    readings = machine_readings(1)
    bad = pc.equal(readings["quality"], pa.scalar(0, pa.int16()))
    assert pc.is_null(readings["value"]).to_pylist() == bad.to_pylist()
    assert True in bad.to_pylist()

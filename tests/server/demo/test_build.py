import time
from pathlib import Path

import pytest

from server.demo.build import DemoPlant, Mes, MesError, build_demo, start_mes


def test_the_second_build_finds_the_first(plant: DemoPlant) -> None:
    before = plant.erp.stat().st_mtime_ns
    started = time.perf_counter()
    assert build_demo(plant.root.parent) == plant
    assert time.perf_counter() - started < 0.5
    assert plant.erp.stat().st_mtime_ns == before


def test_a_build_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("server.demo.build.write_erp", fail)
    with pytest.raises(OSError, match="disk full"):
        build_demo(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_an_error_that_says_so(mes: Mes) -> None:
    port = int(mes.url.rsplit(":", 1)[1])
    with pytest.raises(MesError, match=f"port {port} can't be used"):
        start_mes(port)


def test_stopping_ends_the_process() -> None:
    mes = start_mes(page_seconds=0)
    mes.stop()
    mes.stop()
    assert mes.process.returncode == 0

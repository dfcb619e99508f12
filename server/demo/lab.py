"""The quality lab of the demo plant: an Excel workbook and two CSV files, grown by hand over the years.

The workbook has title rows above a header in row 4, blank rows between weeks, `<0.02` and `n/a` among the
numbers, decimal commas from one inspector, and dates of which some are text. `hardness.csv` has a byte
order mark, decimal commas and trailing empty columns, `oil_cleanliness.csv` decimal points and no mark.
"""

from datetime import date
from pathlib import Path
from random import Random

from server.demo.plant import BAD_BATCH, BEARING_MACHINE, BEARING_WEAR_SINCE, MACHINES, NOW, epoch, generator
from server.demo.production import Count, produce
from server.demo.xlsx import Cell, Sheet, write_workbook

HEADER = (
    "sample_no", "measured_on", "work_order_no", "machine", "characteristic", "value", "unit", "lower_limit",
    "upper_limit", "verdict", "inspector", "remark",
)  # fmt: skip
HEADER_ROW = 4
INSPECTORS = ("Dr. Wiebke Höpfner", "Tomáš Říha", "Käthe Lüders")
COMMA_INSPECTOR = "Käthe Lüders"
CHARACTERISTICS = {
    "roughness_ra": ("µm", None, 0.4),
    "bore_diameter_dev": ("mm", -0.015, 0.015),
    "internal_leakage": ("l/min", None, 0.9),
}


def _wear(count: Count) -> float:
    """How far the worn bearing had gone in that shift, 0 to 1; 0 on every other machine."""
    if count.machine != BEARING_MACHINE:
        return 0.0
    return min(1.0, max(0.0, (count.shift.start - BEARING_WEAR_SINCE) / (epoch(NOW) - BEARING_WEAR_SINCE)))


def _measure(random: Random, characteristic: str, count: Count) -> float:
    noise = random.random() + random.random() - 1
    if characteristic == "roughness_ra":
        return round(0.27 + 0.14 * noise + 0.3 * _wear(count), 3)
    if characteristic == "bore_diameter_dev":
        return round(0.0131 * noise, 4)
    porous = (count.product or "")[:2] == BAD_BATCH.family and BAD_BATCH.start <= count.shift.start < BAD_BATCH.end
    return round(max(0.0, 0.32 + 0.33 * noise + (0.45 if porous else 0.0)), 2)


def _shown_value(random: Random, value: float, inspector: str) -> Cell:
    """The value as it was typed: mostly a number, sometimes something that only a person reads as one."""
    dice = random.random()
    if dice < 0.012:
        return "n/a"
    if abs(value) < 0.02 and value > 0 and dice < 0.2:
        return "<0.02"
    if inspector == COMMA_INSPECTOR and dice < 0.6:
        return str(value).replace(".", ",")
    return value


def _shown_date(random: Random, day: date) -> Cell:
    return day.strftime("%d.%m.%Y") if random.random() < 0.07 else day


def measurement_rows() -> list[tuple[Cell, ...]]:
    """The samples, three machines' worth per shift, with a blank row between weeks."""
    random = generator("lab")
    found: list[tuple[Cell, ...]] = []
    number = 26_03000
    week: int | None = None
    counts = sorted(
        (count for count in produce().counts if count.work_order is not None and count.shift.name != "night"),
        key=lambda count: (count.shift.start, count.machine, count.work_order or 0),
    )
    for count in counts:
        if count.machine != BEARING_MACHINE and random.random() < 0.35:
            continue
        day = count.shift.day
        if week is not None and day.isocalendar().week != week:
            found.append(())
        week = day.isocalendar().week
        inspector = INSPECTORS[int(random.random() * len(INSPECTORS))]
        number += 1
        for characteristic, (unit, low, high) in CHARACTERISTICS.items():
            if characteristic == "internal_leakage" and count.machine[:2] == "L1":
                continue
            value = _measure(random, characteristic, count)
            shown = _shown_value(random, value, inspector)
            fails = value > high or (low is not None and value < low)
            verdict = None if shown == "n/a" else "n.i.O." if fails else "i.O."
            remark = "Rattermarken" if fails and characteristic == "roughness_ra" else None
            if shown == "n/a":
                remark = "Taster defekt"
            found.append(
                (
                    f"P{number}", _shown_date(random, day), f"WO-{count.work_order}", count.machine, characteristic,
                    shown, unit, low, high, verdict, inspector, remark,
                )
            )  # fmt: skip
    return found


def _workbook() -> list[Sheet]:
    measurements: list[tuple[Cell, ...]] = [
        ("Hallwig Hydraulik · Qualitätslabor · Prüfprotokoll März 2026",),
        ("Stand:", NOW.date(), None, "Formblatt QL-07 Rev. 12"),
        (),
        HEADER,
        *measurement_rows(),
    ]
    calibration: list[tuple[Cell, ...]] = [
        ("Prüfmittelüberwachung",),
        (),
        (),
        ("instrument", "serial_no", "location", "calibrated_on", "due_on", "uncertainty", "unit"),
        ("Rauheitsmessgerät", "RM-2291", "Labor 1", date(2025, 9, 12), date(2026, 9, 12), 0.01, "µm"),
        ("Koordinatenmessgerät", "KM-0047", "Labor 1", date(2026, 1, 20), date(2027, 1, 20), 0.0012, "mm"),
        ("Dichtheitsprüfstand", "DP-3", "Halle 2", "15.02.2026", "15.08.2026", "0,02", "l/min"),
        ("Härteprüfer", "HP-118", "Labor 2", date(2025, 3, 3), date(2026, 3, 3), "n/a", "HRC"),
    ]
    legend: list[tuple[Cell, ...]] = [
        ("Legende",),
        ("i.O.", "in Ordnung", "within limits"),
        ("n.i.O.", "nicht in Ordnung", "out of limits"),
        ("n/a", "nicht messbar", "could not be measured"),
        ("<0.02", "unter Nachweisgrenze", "below the detection limit"),
    ]
    return [
        Sheet("measurements", measurements, merged=("A1:L1", "D2:F2"), bold=(1, HEADER_ROW)),
        Sheet("calibration", calibration, merged=("A1:G1",), bold=(1, HEADER_ROW)),
        Sheet("legend", legend, merged=("A1:C1",), bold=(1,)),
    ]


def _hardness() -> str:
    random = generator("hardness")
    lines = ["probe;datum;charge;haerte_hrc;pruefkraft_n;bemerkung;;"]
    for position in range(240):
        day = date(2026, 3, 2 + position * 29 // 240)
        value = f"{58.5 + 3.5 * (random.random() + random.random() - 1):.1f}".replace(".", ",")
        remark = "Randzone weich" if value < "56,2" else ""
        lines.append(f"H{3000 + position};{day:%d.%m.%Y};KIT-{1 + position % 17:03};{value};1471,0;{remark};;")
    return "\r\n".join(lines) + "\r\n"


def _oil_cleanliness() -> str:
    random = generator("oil")
    lines = ["machine;sampled_at;iso_4406;particles_4um;water_ppm;viscosity_40c;"]
    for week in range(5):
        for machine in MACHINES:
            dirt = 15 + int(4 * random.random()) + (week if machine.code == BEARING_MACHINE else 0)
            count = int(2 ** (dirt - 7) * (60 + 40 * random.random()))
            water = "" if random.random() < 0.1 else str(40 + int(120 * random.random()))
            viscosity = f"{45.2 + 2.4 * random.random():.2f}"
            lines.append(
                f"{machine.code};2026-03-{2 + 7 * week:02} 09:{int(random.random() * 60):02}:00;"
                f"{dirt}/{dirt - 2}/{dirt - 5};{count};{water};{viscosity};"
            )
    return "\n".join(lines) + "\n"


def write_lab(directory: Path) -> None:
    """Write `quality_lab.xlsx`, `hardness.csv` and `oil_cleanliness.csv` into `directory`."""
    directory.mkdir(parents=True)
    write_workbook(directory / "quality_lab.xlsx", _workbook())
    (directory / "hardness.csv").write_bytes(_hardness().encode("utf-8-sig"))
    (directory / "oil_cleanliness.csv").write_bytes(_oil_cleanliness().encode())

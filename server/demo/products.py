"""The product range: sixty pumps and valves, the parts they are made of, and the bills of material."""

from server.demo.plant import BomItem, Product

GEAR_SIZES = (4, 6, 8, 11, 14, 16, 19, 22, 25, 28)
PISTON_SIZES = (28, 45, 60, 80, 100)
PISTON_CONTROLS = (
    ("DR", "pressure control"),
    ("DFR", "pressure and flow control"),
    ("LR", "power control"),
    ("EP", "electro-proportional"),
)
VALVE_SIZES = (6, 10)
VALVE_SPOOLS = ("C", "D", "E", "G", "H", "J", "L", "M", "P", "U")
FRAMES = {
    "GP-A": "gear pump up to 14 cm³",
    "GP-B": "gear pump from 16 cm³",
    "PP-A": "piston pump up to 45 cm³",
    "PP-B": "piston pump from 60 cm³",
    "DV-A": "valve NG6",
    "DV-B": "valve NG10",
}
_KITS = {"GP": "Gear set", "PP": "Rotating group", "DV": "Spool"}
_CASTINGS = {
    "GP": "Eisengießerei Hönnetal",
    "PP": "Odlewnia Łódzka Sp. z o.o.",
    "DV": "Fonderie Rhône-Alpes",
}


def _gear_pumps() -> list[Product]:
    found = []
    for size in GEAR_SIZES:
        frame = "GP-A" if size <= 14 else "GP-B"
        for shaft, rotation in (("R", "clockwise"), ("L", "anticlockwise")):
            price = f"{54 + size * 4.35:.2f}"
            found.append(
                Product(
                    f"GP-{size:03}-{shaft}", f"Gear pump {size} cm³, {rotation}", "finished", "GP", frame, "pcs",
                    price, 120 + size * 2, f"{1.9 + size * 0.11:.3f}",
                )
            )  # fmt: skip
    return found


def _piston_pumps() -> list[Product]:
    found = []
    for size in PISTON_SIZES:
        frame = "PP-A" if size <= 45 else "PP-B"
        for extra, (code, control) in enumerate(PISTON_CONTROLS):
            price = f"{318 + size * 7.4 + extra * 86.5:.2f}"
            found.append(
                Product(
                    f"PP-{size:03}-{code}", f"Axial piston pump {size} cm³, {control}", "finished", "PP", frame,
                    "pcs", price, 240 + size * 2 + extra * 12, f"{11.5 + size * 0.32:.3f}",
                )
            )  # fmt: skip
    return found


def _valves() -> list[Product]:
    found = []
    for size in VALVE_SIZES:
        frame = "DV-A" if size == 6 else "DV-B"
        for extra, spool in enumerate(VALVE_SPOOLS):
            price = f"{38 + size * 5.6 + extra * 3.15:.2f}"
            found.append(
                Product(
                    f"DV-{size:02}-{spool}", f"Directional valve NG{size}, spool {spool}", "finished", "DV", frame,
                    "pcs", price, 110 + size * 8 + extra * 2, f"{0.9 + size * 0.21:.3f}",
                )
            )  # fmt: skip
    return found


def _parts() -> list[Product]:
    found = []
    for frame, text in FRAMES.items():
        family = frame[:2]
        kit = _KITS[family]
        found += [
            Product(f"HSG-{frame}", f"Housing, {text}", "component", family, frame, "pcs"),
            Product(f"KIT-{frame}", f"{kit}, {text}", "component", family, frame, "pcs"),
            Product(f"CST-{frame}", f"Casting, {text}", "raw", family, frame, "pcs", supplier=_CASTINGS[family]),
            Product(f"BAR-{frame}", f"Bar stock, {text}", "raw", family, frame, "kg", supplier="Stahlkontor Süd"),
            Product(f"SEA-{frame}", f"Seal kit, {text}", "raw", family, frame, "pcs", supplier="Těsnění Brno a.s."),
        ]
    return found


def _bill_of_material() -> list[BomItem]:
    items = []
    for product in FINISHED:
        for part in ("HSG", "KIT", "SEA"):
            items.append(BomItem(product.code, f"{part}-{product.frame}", "1"))
    for frame in FRAMES:
        items.append(BomItem(f"HSG-{frame}", f"CST-{frame}", "1"))
        items.append(BomItem(f"KIT-{frame}", f"BAR-{frame}", {"GP": "1.45", "PP": "4.2", "DV": "0.38"}[frame[:2]]))
    return items


FINISHED = tuple(_gear_pumps() + _piston_pumps() + _valves())
PARTS = tuple(_parts())
PRODUCTS = FINISHED + PARTS
BY_CODE = {product.code: product for product in PRODUCTS}
BILL_OF_MATERIAL = tuple(_bill_of_material())

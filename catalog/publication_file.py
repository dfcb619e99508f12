"""`publications.yaml`: a list of the views that are offered, each with key, protocols, limits, comment."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from catalog.errors import FilesError
from catalog.fields import Fields
from catalog.names import check_name, check_text, fold
from catalog.pins import PIN_FORM
from catalog.publications import check_limits, check_protocols
from catalog.records import PROTOCOLS, Limits, Publication
from catalog.yaml_file import Item, read_yaml, write_yaml

FIELDS = ("view", "name", "key", "protocols", "limits", "comment", "pins")
NO_LIMITS = Limits()
LIMITS = tuple(field.name for field in dataclasses.fields(Limits))


@dataclass(frozen=True, slots=True)
class PublicationText:
    """A publication as its author wrote it. `key`: None leaves it to the view's proven key, () says that there is
    none. `pins`: view → pin (see `catalog.pins`); all other views are the latest."""

    name: str
    view: str
    key: tuple[str, ...] | None = None
    protocols: frozenset[str] = frozenset(PROTOCOLS)
    limits: Limits = NO_LIMITS
    comment: str = ""
    pins: Mapping[str, str] = dataclasses.field(default_factory=dict)
    path: str = dataclasses.field(default="", compare=False)
    line: int = dataclasses.field(default=1, compare=False)


def read_publications(text: str, path: str) -> tuple[PublicationText, ...]:
    """The publications of a file, in order of names. FilesError with the line."""
    root = read_yaml(text, path)
    if root.value is None:
        return ()
    if not isinstance(root.value, list):
        raise FilesError(path, root.line, "publications are a list.", hint="Write `- view: name` for each.")
    found: dict[str, PublicationText] = {}
    for item in root.value:
        one = _publication(item, path)
        if fold(one.name) in found:
            problem = f"{one.name!r} and {found[fold(one.name)].name!r} are the same name, case ignored."
            raise FilesError(path, item.line, problem, hint="Give one of them another `name`.")
        found[fold(one.name)] = one
    return tuple(found[key] for key in sorted(found))


def _publication(item: Item, path: str) -> PublicationText:
    fields = Fields(item, path, "the publication", FIELDS)
    view = fields.text("view")
    protocols = fields.texts("protocols")
    one = PublicationText(
        name=fields.text("name", view),
        view=view,
        key=fields.texts("key"),
        protocols=frozenset(PROTOCOLS if protocols is None else protocols),
        limits=_limits(fields),
        comment=fields.text("comment", ""),
        pins=_pins(fields),
        path=path,
        line=item.line,
    )
    fields.what = f"the publication {one.name!r}"
    with fields.naming_line("view"):
        check_name("view", one.view)
    with fields.naming_line("name"):
        check_name("publication", one.name)
    with fields.naming_line():
        check_protocols(one.protocols)
        check_limits(one.limits)
        check_text("comment", one.comment)
        for column in one.key or ():
            check_text("key", column)
    return one


def _pins(fields: Fields) -> dict[str, str]:
    pins: dict[str, str] = {}
    for name, pin in fields.mapping("pins").items():
        if not isinstance(pin, str) or not PIN_FORM.fullmatch(pin):
            raise fields.error(
                "pins", f"the pin of {name!r} must be 12 letters and digits, as an export writes them."
            )
        pins[name] = pin
    return pins


def _limits(fields: Fields) -> Limits:
    if "limits" not in fields.items:
        return NO_LIMITS
    Fields(fields.items["limits"], fields.path, "limits", LIMITS)
    return Limits(**fields.mapping("limits"))  # type: ignore[arg-type]  # check_limits looks at the values


def publication_text(publication: Publication, pins: Mapping[str, str]) -> PublicationText:
    """A publication of the catalog as it goes into a file: its key is written out."""
    return PublicationText(
        name=publication.name,
        view=publication.view,
        key=publication.key,
        protocols=publication.protocols,
        limits=publication.limits,
        comment=publication.comment,
        pins=pins,
    )


def write_publications(publications: Iterable[PublicationText]) -> str:
    """The file's text; fields that say nothing are left out."""
    written = []
    for one in publications:
        fields: dict[str, object] = {"view": one.view}
        if one.name != one.view:
            fields["name"] = one.name
        if one.key is not None:
            fields["key"] = list(one.key)
        if one.protocols != frozenset(PROTOCOLS):
            fields["protocols"] = sorted(one.protocols)
        limits = {name: value for name, value in dataclasses.asdict(one.limits).items() if value is not None}
        if limits:
            fields["limits"] = limits
        if one.comment:
            fields["comment"] = one.comment
        if one.pins:
            fields["pins"] = dict(one.pins)
        written.append(fields)
    return write_yaml(written) if written else ""

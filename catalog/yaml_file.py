"""YAML with the line of everything, and nothing but JSON's types: no anchors, tags, dates or repeated keys."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import yaml

from catalog.errors import FilesError

MAX_DEPTH = 50
TAG = "tag:yaml.org,2002:"
PLAIN_TAGS = {TAG + kind for kind in ("str", "null", "bool", "int", "float")}
TEXT_TAGS = {TAG + "timestamp", TAG + "value"}  # without quotes YAML sees a date; for us it is text


@dataclass(frozen=True, slots=True)
class Item:
    """A value and its 1-based line; `value` is a scalar, a list of Items, or a dict of Items."""

    value: object
    line: int

    def plain(self) -> Any:
        """The value without its lines."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def read_yaml(text: str, path: str) -> Item:
    """One YAML document; an empty one is null. FilesError with the line."""
    try:
        return _Reader(text, path).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FilesError(path, mark.line + 1 if mark else 1, f"this is not YAML: {error.problem}.") from None
    except yaml.YAMLError as error:  # a character that YAML doesn't allow
        position = getattr(error, "position", 0)
        raise FilesError(path, text.count("\n", 0, position) + 1, "a character that YAML does not allow.") from None


class _Reader:
    """Builds Items from parser events: PyYAML's own composer crashes the process on deep nesting."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.loader: Any = yaml.CSafeLoader(text)

    def document(self) -> Item:
        self.loader.get_event()  # the stream begins
        if self.loader.check_event(yaml.StreamEndEvent):
            return Item(None, 1)
        self.loader.get_event()  # the document begins
        item = self.item(0)
        self.loader.get_event()  # the document ends
        end = self.loader.get_event()
        if not isinstance(end, yaml.StreamEndEvent):
            raise self.error(end, "a second document begins here; a file holds one.")
        return item

    def item(self, depth: int) -> Item:
        event = self.loader.get_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self.error(event, "anchors and aliases are not supported.", "Write the value out.")
        if depth > MAX_DEPTH:
            raise self.error(event, f"nested deeper than {MAX_DEPTH} levels.")
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            return Item(self.scalar(event), line)
        if event.tag not in (None, "!"):
            raise self.error(event, f"the tag {event.tag!r} is not supported.", "Leave it out.")
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not self.loader.check_event(yaml.SequenceEndEvent):
                items.append(self.item(depth + 1))
            self.loader.get_event()
            return Item(items, line)
        return Item(self.mapping(depth), line)

    def mapping(self, depth: int) -> dict[str, Item]:
        items: dict[str, Item] = {}
        while not self.loader.check_event(yaml.MappingEndEvent):
            event = self.loader.get_event()
            if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None:
                raise self.error(event, "a key must be plain text.")
            if event.value in items:
                raise self.error(event, f"the key {event.value!r} stands here twice.", "Take one out.")
            items[event.value] = self.item(depth + 1)
        self.loader.get_event()
        return items

    def scalar(self, event: Any) -> object:
        tag = event.tag if event.tag not in (None, "!") else None
        tag = tag or self.loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag in TEXT_TAGS:
            return event.value
        if tag not in PLAIN_TAGS:
            raise self.error(event, f"the tag {tag!r} is not supported.", "Leave it out, or put the text in quotes.")
        try:
            value = self.loader.construct_object(yaml.ScalarNode(tag, event.value))
        except (ValueError, KeyError):
            raise self.error(event, "this is not a value of its tag.", "Put text in quotes.") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error(event, "infinity and not-a-number are not supported.", "Put text in quotes.")
        return value

    def error(self, event: Any, problem: str, hint: str = "") -> FilesError:
        return FilesError(self.path, event.start_mark.line + 1, problem, hint=hint)


def write_yaml(value: object) -> str:
    """A value of JSON's types as YAML, in its own order, without line folding."""
    written: str = yaml.dump(
        value, Dumper=_PlainDumper, allow_unicode=True, sort_keys=False, width=10**6, default_flow_style=False
    )
    return written


class _PlainDumper(yaml.CSafeDumper):
    """Writes a value that occurs twice twice, where PyYAML would write an anchor."""

    def ignore_aliases(self, data: object) -> bool:
        return True

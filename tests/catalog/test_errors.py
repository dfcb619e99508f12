from __future__ import annotations

import re

from catalog import errors
from catalog.errors import CatalogError


def subclasses(root: type[CatalogError]) -> list[type[CatalogError]]:
    """A class and all below it."""
    return [root, *(found for child in root.__subclasses__() for found in subclasses(child))]


def test_every_error_has_a_code_of_its_own_and_stands_in_the_tree() -> None:
    found = subclasses(CatalogError)
    codes = [one.code for one in found]
    assert len(set(codes)) == len(codes)
    assert errors.__doc__ is not None
    assert {one.__name__ for one in found} == set(re.findall(r"\w+Error\b", errors.__doc__))

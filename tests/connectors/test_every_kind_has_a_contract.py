"""No kind of source without the contract suite, so that every declared capability is proven."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from connectors.sdk.registry import connector_kinds


def bases_of(node: ast.ClassDef) -> set[str]:
    return {base.id for base in node.bases if isinstance(base, ast.Name)}


def kind_of(node: ast.ClassDef) -> str | None:
    """The text that a class body assigns to `kind`."""
    for statement in node.body:
        if (
            isinstance(statement, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == "kind" for target in statement.targets)
            and isinstance(statement.value, ast.Constant)
        ):
            return str(statement.value.value)
    return None


def contract_kinds(sources: Iterable[str]) -> set[str]:
    """The kinds for which the modules have a class that pytest collects and that descends from ConnectorContract."""
    nodes = [node for source in sources for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    classes = {node.name: node for node in nodes}
    kinds: set[str] = set()
    for name in (name for name in classes if name.startswith("Test")):
        found, line, kind = False, [name], None
        while line:
            node = classes.get(line.pop())
            if node is not None:
                kind = kind or kind_of(node)
                found = found or "ConnectorContract" in bases_of(node)
                line += bases_of(node)
        if found and kind:
            kinds.add(kind)
    return kinds


def test_every_kind_has_a_contract_class() -> None:
    found = contract_kinds(path.read_text("utf-8") for path in Path(__file__).parent.rglob("*.py"))
    missing = set(connector_kinds()) - found
    assert not missing, f"write a subclass of ConnectorContract for {sorted(missing)} (see connectors/sdk/testing.py)"

"""Which kinds of source exist: the folder `connectors/`, and the entry points of outside packages."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from pydantic import ValidationError

import connectors
from connectors.sdk.connector import Connector, ConnectorConfig
from connectors.sdk.errors import ConfigurationError, DriverMissingError, UnknownConnectorError

ENTRY_POINTS = "viewloom.connectors"


def own_kinds() -> tuple[str, ...]:
    """The kinds that come with Viewloom. Imports nothing."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(connectors.__path__) if not module.ispkg))


@cache
def connector_kinds() -> tuple[str, ...]:
    """Every kind that a connection can name, sorted. Imports nothing."""
    return tuple(sorted({*own_kinds(), *(point.name for point in entry_points(group=ENTRY_POINTS))}))


# Kept: it is asked for on every run, and reading the metadata of all installed packages takes 7 ms.
# What failed is not kept.
@cache
def connector_type(kind: str) -> type[Connector]:
    """The connector class of a kind. Raises UnknownConnectorError or DriverMissingError."""
    if kind not in connector_kinds():
        raise UnknownConnectorError(
            f"there is no connector {kind!r}", hint=f"connectors are: {', '.join(connector_kinds())}"
        )
    try:
        outside = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        module = outside[kind].load() if kind in outside else importlib.import_module(f"connectors.{kind}")
    except ModuleNotFoundError as error:
        raise DriverMissingError(
            f"the driver of connector {kind!r} is not installed: module {error.name!r} is missing",
            hint=f"install it with: pip install 'viewloom[{kind}]'",
        ) from error
    found: type[Connector] = module.CONNECTOR
    return found


def connector_config(kind: str, values: dict[str, object]) -> ConnectorConfig:
    """Check a connection's configuration. ConfigurationError names the fields, never their values."""
    config_type = connector_type(kind).config_type
    try:
        return config_type.model_validate(values)
    except ValidationError as error:
        problems = [
            (".".join(str(part) for part in item["loc"]) or "(all)", item["msg"])
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise ConfigurationError(
            f"configuration of a {kind} connection: "
            + "; ".join(f"field {field!r}: {message}" for field, message in problems),
            hint=f"its fields are: {', '.join(config_type.model_fields)}",
            details={"fields": [field for field, _ in problems]},
        ) from None

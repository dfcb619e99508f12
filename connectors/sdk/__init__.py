"""All that the author of a connector needs."""

from connectors.sdk.capabilities import Column, ConnectionCapabilities, ForeignKey, Support, Table
from connectors.sdk.connector import Connector, ConnectorConfig, Stage
from connectors.sdk.scan import (
    AllOf,
    AnyOf,
    Comparison,
    Op,
    Predicate,
    ScanRequest,
    SortKey,
    TableName,
    Value,
)

__all__ = [
    "AllOf",
    "AnyOf",
    "Column",
    "Comparison",
    "ConnectionCapabilities",
    "Connector",
    "ConnectorConfig",
    "ForeignKey",
    "Op",
    "Predicate",
    "ScanRequest",
    "SortKey",
    "Stage",
    "Support",
    "Table",
    "TableName",
    "Value",
]

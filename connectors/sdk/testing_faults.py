"""What can be wrong between us and a source, for the contract suite."""

from __future__ import annotations

from enum import StrEnum

from connectors.sdk import errors


class Fault(StrEnum):
    """What can be wrong between us and a source, and the error that each must give."""

    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    DEAD_HOST = "dead_host"  # nothing listens
    SLOW_HOST = "slow_host"  # accepts, never answers; `connect_timeout` must be about 1 s
    CUT = "cut"  # the connection is reset after about 1 MB of a big answer
    TRUNCATED = "truncated"  # the connection ends in order (FIN) after about 1 MB of a big answer


EXPECTED: dict[Fault, tuple[type[errors.ConnectorError], ...]] = {
    Fault.WRONG_PASSWORD: (errors.SourceLoginError,),
    Fault.DEAD_HOST: (errors.SourceUnavailableError,),
    Fault.SLOW_HOST: (errors.SourceTimeoutError, errors.SourceUnavailableError),
    Fault.CUT: (errors.SourceUnavailableError, errors.SourceProtocolError),
    Fault.TRUNCATED: (errors.SourceUnavailableError, errors.SourceProtocolError),
}

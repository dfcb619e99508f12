"""One server state for all tests of the admin API; each test gets a workspace and sources of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.state import ServerState

from ..operations.shop import Shop, new_shop, open_small_state


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerState]:
    with open_small_state(Path(tmp_path_factory.mktemp("state"))) as opened:
        yield opened


@pytest.fixture
def shop(state: ServerState, tmp_path: Path) -> Shop:
    return new_shop(state, tmp_path)

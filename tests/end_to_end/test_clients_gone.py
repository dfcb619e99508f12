"""A client that goes away frees its worker and ends the source's own statement, wherever its request is."""

import os
import random
import socket
import threading
import time

from tests.end_to_end.conftest import Plant, settled
from tests.end_to_end.raw import get, opened
from tests.engine.workers import until

CLIENTS = int(os.environ.get("VIEWLOOM_TEST_GONE_CLIENTS", "100"))  # 500 when it is to be proven in full
SECONDS = 2.0  # the promise; the numbers are looked at every few hundredths


def test_a_client_gone_before_the_first_row_ends_the_statement(plant: Plant) -> None:
    for _ in range(3):
        with opened(plant.site.port) as connection:
            connection.sendall(get("/odata/plant/slow", plant.site.key))
            until(plant.statements, 10)
        until(lambda: settled(plant), SECONDS)


def test_a_client_gone_in_mid_stream_ends_the_statement(plant: Plant) -> None:
    for how in (b"fin", b"rst"):
        with opened(plant.site.port, receive_buffer=8192) as connection:
            connection.sendall(get("/api/v1/plant/data/big?format=csv", plant.site.key))
            assert len(connection.recv(1000)) > 0
            if how == b"rst":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        until(lambda: settled(plant), SECONDS)


def test_a_client_gone_in_the_queue_leaves_it(plant: Plant) -> None:
    workers = 3  # large queries at once: four workers, one of them reserved
    holding = []

    def sleeping() -> int:
        # Not whatever runs: a session that looks at the table's columns was counted for the statement to come.
        return sum('"slow"' in statement for statement in plant.statements())

    try:
        for _ in range(workers):
            connection = socket.create_connection(("127.0.0.1", plant.site.port))
            connection.sendall(get("/odata/plant/slow", plant.site.key))
            holding.append(connection)
        until(lambda: sleeping() == workers, 20)
        with opened(plant.site.port) as waiting:
            waiting.sendall(get("/odata/plant/slow", plant.site.key))
            until(lambda: plant.site.pool()["waiting"] == 1, 5)
        until(lambda: plant.site.pool()["waiting"] == 0, SECONDS)
        assert sleeping() == workers
    finally:
        for connection in holding:
            connection.close()
    until(lambda: settled(plant), SECONDS)


def test_the_record_of_a_run_whose_client_went_says_so(plant: Plant) -> None:
    before = {run["id"] for run in plant.site.admin.get(f"{plant.site.api}/runs").json()}
    with opened(plant.site.port) as connection:
        connection.sendall(get("/odata/plant/slow", plant.site.key))
        until(plant.statements, 10)

    def new() -> list[dict[str, str]]:
        runs: list[dict[str, str]] = plant.site.admin.get(f"{plant.site.api}/runs").json()
        return [run for run in runs if run["id"] not in before]

    until(new, 10)
    assert {(run["status"], run["error"]) for run in new()} == {("cancelled", "query_cancelled")}


def test_clients_that_vanish_at_random_bytes_leave_nothing(plant: Plant) -> None:
    chance = random.Random(7)
    until(lambda: settled(plant), 5)
    descriptors, files = plant.site.descriptors(), plant.site.files()
    paths = ["/api/v1/plant/data/big?format=csv", "/odata/plant/big", "/odata/plant/slow", "/odata/plant/numbers",
             "/api/v1/plant/data/big?format=parquet", "/odata/plant/$metadata"]  # fmt: skip
    plans = [
        (chance.choice(paths), chance.choice([0, 20, 400, 5_000, 300_000]), chance.random()) for _ in range(CLIENTS)
    ]

    def vanish(part: list[tuple[str, int, float]]) -> None:
        for path, wanted, pause in part:
            with opened(plant.site.port, timeout=3) as connection:
                request = get(path, plant.site.key, Accept_Encoding=chance.choice(["gzip", "identity"]))
                connection.sendall(request[: wanted + 1] if wanted < 400 else request)
                taken = 0
                while taken < wanted and wanted >= 400:
                    try:
                        piece = connection.recv(min(65_536, wanted - taken))
                    except TimeoutError:
                        break
                    if not piece:
                        break
                    taken += len(piece)
                time.sleep(pause * 0.02)

    threads = [threading.Thread(target=vanish, args=(plans[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 + CLIENTS)
    until(lambda: settled(plant), 5)
    until(lambda: plant.site.descriptors() <= descriptors + 8, 5)  # a worker more or less, and one idle connection
    assert len(plant.site.workers()) <= 4
    assert plant.site.files() == files
    assert plant.site.client.get(f"{plant.site.odata}numbers(7)").status_code == 200

"""Nothing secret leaves by a side door: keys, passwords and row values in logs, answers, records and metrics."""

import time

from tests.end_to_end.conftest import CANARY, Plant
from tests.end_to_end.raw import exchange, get
from tests.servers.fault_proxy import Faults


def test_no_log_record_or_metric_holds_a_key_a_password_or_a_row(plant: Plant) -> None:
    site, client = plant.site, plant.site.client
    literal = "canary-literal-51"
    answers = [
        client.get(f"{site.odata}numbers?$filter=name eq '{literal}'"),
        client.get(f"{site.odata}numbers?$filter=nope eq '{literal}'"),
        client.get(f"{site.odata}numbers('{literal}')"),
        client.get(f"{site.data('numbers')}?name=eq.{literal}&limit=3"),
        client.post(f"{site.api}/sql", json={"sql": f"SELECT * FROM numbers WHERE name = '{literal}'"}),
        client.post(
            f"{site.api}/sql", json={"sql": "SELECT * FROM numbers WHERE name = $1", "parameters": [literal]}
        ),
        client.post(f"{site.api}/sql", json={"sql": "SELECT CAST(name AS INTEGER) AS a FROM numbers"}),
        client.post(f"{site.api}/sql", json={"sql": "SELECT CAST(name AS DATE) AS a FROM numbers WHERE id < 9"}),
        client.post(f"{site.api}/sql", json={"sql": "SELECT error(name) AS a FROM numbers"}),
        client.post(f"{site.api}/sql", json={"sql": f"SELECT '{literal}' FROM"}),
        site.plain.get(f"{site.root}/odata/key/{site.key}/plant/numbers?$top=1"),
        site.plain.get(f"{site.root}/odata/key/{site.key}x/plant/numbers?$top=1"),
        site.plain.get(f"{site.odata}numbers?$top=1&api_key={site.key}"),
        site.plain.get(f"{site.odata}nothing?api_key={site.key}"),
        site.plain.get(f"{site.data('numbers')}?limit=1&api_key={site.key}&nope=1"),
    ]
    plant.proxy.set(Faults(reset_after=20_000_000))
    exchange(site.port, get(f"/odata/key/{site.key}/plant/far", ""))
    plant.proxy.set(Faults(refuse=True))
    plant.proxy.cut()
    answers.append(client.get(f"{site.odata}far?$top=1"))
    plant.proxy.set(Faults())
    exchange(site.port, b"GET /odata/key/%s/plant/ HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n" % site.key.encode())
    wrong = [answer for answer in answers if answer.status_code >= 400]
    assert len(wrong) >= 7
    for answer in wrong:
        assert CANARY not in answer.text, answer.text
        assert site.key not in answer.text
        assert plant.database.password not in answer.text
    time.sleep(1.5)  # records are written in batches
    runs = site.admin.get(f"{site.api}/runs", params={"limit": 1000})
    assert runs.status_code == 200 and len(runs.json()) > 5
    seen = {
        "log": site.log.read_text("utf-8"),
        "runs": runs.text,
        "metrics": site.plain.get(f"{site.root}/metrics").text,
        "explain": site.admin.post(f"{site.api}/explain", json={"sql": "SELECT * FROM numbers WHERE id = 1"}).text,
        "connections": site.admin.get(f"{site.api}/connections").text,
        "keys": site.admin.get(f"{site.api}/keys").text,
    }
    for place, text in seen.items():
        for secret in (site.key, site.admin_key, site.key[3:], plant.database.password, CANARY, literal):
            assert secret not in text, f"{secret[:14]} is in the {place}"
    assert '"run"' in seen["log"] and '"tenant":"acme"' in seen["log"]


def test_the_api_process_shows_its_environment_and_memory_to_nobody_else(plant: Plant) -> None:
    from pathlib import Path

    status = Path(f"/proc/{plant.site.pid}/environ")
    assert status.stat().st_uid == 0  # PR_SET_DUMPABLE: the files of a process that can't be dumped belong to root
    for worker in plant.site.workers():
        assert plant.database.password.encode() not in Path(f"/proc/{worker.pid}/environ").read_bytes()
        assert plant.database.password not in " ".join(worker.cmdline())


def test_nothing_but_the_catalog_is_on_disk_when_all_is_quiet(plant: Plant) -> None:
    assert plant.site.files() == []

"""The audit is off unless asked for, and keeps one record of each call that got past the gate."""

from __future__ import annotations

import logging
from pathlib import Path

import orjson
import pytest

from cds_service.audit.files import records
from tests.hook_requests import a_request
from tests.serving import SELECT, SIGN, serving
from tests.tokens import bearer, production


@pytest.mark.proves("CH-LOG-02", "CH-STATE-02")
def test_without_the_setting_no_file_appears(tmp_path: Path) -> None:
    with serving(tmp_path, production()) as service:
        service.post(SIGN, a_request(), **bearer(SIGN))

    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {"store"}
    assert not [path for path in tmp_path.iterdir() if b"279039007" in path.read_bytes()]


@pytest.mark.proves("CH-LOG-02")
def test_each_call_is_kept_with_its_outcome(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    with serving(tmp_path, production(audit_folder=str(folder))) as service:
        answer = service.post(SIGN, a_request(), **bearer(SIGN, jti="t1"), **{"X-Request-Id": "r1"})
        service.post(SELECT, a_request(), **bearer(SELECT))
        service.post(SIGN, b"{", **bearer(SIGN))
        service.post(SIGN, a_request(prefetch=None), **bearer(SIGN))

    kept = [orjson.loads(line) for line in records(folder)]
    assert [entry["status"] for entry in kept] == [200, 400, 400, 412]
    assert kept[0]["request"] == a_request()
    assert kept[0]["response"] == answer.json
    assert {name: kept[0][name] for name in ("request_id", "client", "token_id", "service")} == {
        "request_id": "r1", "client": "north", "token_id": "t1", "service": "spine-imaging-order-sign",
    }  # fmt: skip


def test_strangers_discovery_and_feedback_are_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    with serving(tmp_path, production(audit_folder=str(folder))) as service:
        service.post(SIGN, a_request())
        service.client.get("/cds-services", headers=bearer("/cds-services"))
        service.post(f"{SIGN}/feedback", {"feedback": []}, **bearer(f"{SIGN}/feedback"))

    assert [*folder.iterdir()] == []


def test_an_audit_that_cannot_be_written_stops_no_card_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "audit"
    with serving(tmp_path, production(audit_folder=str(folder))) as service:
        folder.rmdir()
        caplog.set_level(logging.WARNING)
        answer = service.post(SIGN, a_request(), **bearer(SIGN))

    assert (answer.status_code, bool(answer.json["cards"])) == (200, True)
    assert [record.message for record in caplog.records] == ["not audited"]

"""Servers have more threads than hooks may use: some are for feedback that waits for the store."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from cds_service.config import Settings
from tests.hook_requests import a_request
from tests.serving import NOON, SIGN, serving


def test_so_many_hooks_are_answered_at_once_and_the_others_wait_for_their_turn(tmp_path: Path) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def now() -> datetime:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.1)
        with lock:
            inside -= 1
        return NOON

    with serving(tmp_path, Settings(threads=2), now=now) as service, ThreadPoolExecutor(6) as clinicians:
        asked = [clinicians.submit(service.app.test_client().post, SIGN, json=a_request()) for _ in range(6)]
        assert [one.result().status_code for one in asked] == [200] * 6

    assert most == 2

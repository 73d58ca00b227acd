"""A record system on loopback, and a session that may reach it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from cds_service.fhir.connections import Reach, new_session
from tests.unit.fhir.ehr import Ehr


@pytest.fixture
def ehr() -> Iterator[Ehr]:
    server = Ehr()
    yield server
    server.close()


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with new_session(Reach(loopback=True)) as shared:
        yield shared

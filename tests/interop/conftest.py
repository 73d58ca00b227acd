"""FHIR servers that this project did not write, loaded with the synthetic patients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from cds_service.resources import fixtures_dir
from cds_service.web.demo.stories import load_stories
from tests.interop.hapi_server import CannotStart, missing, running_hapi


@pytest.fixture(scope="session")
def hapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base address of a HAPI FHIR server with every chart of `fhir_fixtures`. A test that asks is `fhir_server`."""
    if missing():
        pytest.skip(f"this machine has no {', '.join(missing())}")
    try:
        with running_hapi(tmp_path_factory.mktemp("hapi")) as base:
            load_charts(base)
            yield base
    except CannotStart as fault:
        pytest.skip(f"no HAPI FHIR server could be started: {fault}")


def load_charts(base: str) -> None:
    """Writes every resource under its own id. A refusal is a fault of the fixture, and named."""
    with requests.Session() as session:
        for story in load_stories(fixtures_dir()):
            for resource in story.resources:
                where = f"{resource['resourceType']}/{resource['id']}"
                answer = session.put(
                    f"{base}/{where}",
                    json=resource,
                    headers={"Content-Type": "application/fhir+json"},
                    timeout=60,
                )
                assert answer.status_code in (200, 201), f"{story.slug}: {where}: {answer.text[:500]}"

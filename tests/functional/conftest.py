"""The whole service over HTTP, and a FHIR server for it to read from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Serving, serving
from tests.stub_fhir import StubFhir, stub_fhir


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def fhir() -> Iterator[StubFhir]:
    with stub_fhir() as running:
        yield running

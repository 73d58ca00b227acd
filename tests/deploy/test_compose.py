"""The compose file: the schema, and what makes it safe to leave running."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service import __version__
from tests.house.source_tree import ROOT

FILE = ROOT / "deploy" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_it_keeps_to_the_schema_of_compose_files() -> None:
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", str(FILE)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_pinned_bounded_and_restarted(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[\w/.-]+:\d+\.\d+[\w.-]*", service["image"])
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


def test_the_service_cannot_write_and_cannot_become_root() -> None:
    service = SERVICES["service"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] == "10001:10001"
    assert {mount.partition(":")[0] for mount in service["tmpfs"]} == {"/tmp", "/var/lib/cds"}  # noqa: S108
    assert all(mount.endswith(":ro") for mount in service["volumes"])
    assert service["image"].endswith(f":{__version__}")


def test_nothing_is_reachable_from_other_machines() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8080:8080"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["database"]["networks"] == ["inside"]


def test_it_waits_for_the_database_and_lets_requests_finish() -> None:
    from cds_service.web.serve import GRACE

    assert SERVICES["service"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert "healthcheck" in SERVICES["database"]
    assert int(SERVICES["service"]["stop_grace_period"].removesuffix("s")) > GRACE


def test_no_password_is_written_down() -> None:
    values = [str(value) for service in SERVICES.values() for value in service["environment"].values()]
    secret = [
        str(value)
        for service in SERVICES.values()
        for name, value in service["environment"].items()
        if "PASSWORD" in name or "@" in str(value)
    ]
    assert len(secret) == 2
    assert all("${CDS_DATABASE_PASSWORD" in value for value in secret)
    assert not [value for value in values if re.search(r"://\w+:(?!\$\{)", value)]

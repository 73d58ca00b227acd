"""The manifests: strict schemas of several versions, hardening, and names that lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service import __version__, config
from cds_service.web.serve import GRACE
from tests.house.source_tree import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
MANIFESTS: dict[str, dict[str, Any]] = {
    manifest["kind"]: manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in [yaml.safe_load((FOLDER / name).read_text())]
}
POD: dict[str, Any] = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]
LABELS: dict[str, str] = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize("version", ["1.31.0", "1.34.0", "1.37.0"])
def test_every_manifest_keeps_to_the_schema(version: str) -> None:
    checker = str(Path(sys.executable).with_name("kubernetes-validate"))
    files = [str(FOLDER / name) for name in KUSTOMIZATION["resources"]]
    done = subprocess.run([checker, "--strict", "-k", version, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARN" not in done.stdout + done.stderr


def test_every_file_is_listed() -> None:
    listed = {*KUSTOMIZATION["resources"], "kustomization.yaml", "cds.toml"}
    assert {path.name for path in FOLDER.iterdir()} == listed


def test_the_pod_may_do_nothing_but_serve() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] >= 10_000
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & POD.keys()
    assert MANIFESTS["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_image_is_one_version_and_its_needs_are_known() -> None:
    assert CONTAINER["image"].endswith(f":{__version__}")
    assert set(CONTAINER["resources"]) == {"requests", "limits"}
    assert all(set(amounts) == {"cpu", "memory"} for amounts in CONTAINER["resources"].values())


def test_the_probes_ask_what_they_are_for() -> None:
    paths = {name: CONTAINER[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    # A pod is never restarted because the database is away.
    assert paths == {"startup": "/healthz", "readiness": "/readyz", "liveness": "/healthz"}


def test_a_pod_has_time_to_finish() -> None:
    waits = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["terminationGracePeriodSeconds"] > waits + GRACE


def test_what_is_written_has_a_place() -> None:
    mounts = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
    assert {mount["mountPath"] for mount in mounts.values() if not mount.get("readOnly")} == {"/tmp", "/var/lib/cds"}  # noqa: S108
    assert set(mounts) == {volume["name"] for volume in POD["volumes"]}


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment"])
def test_selectors_find_the_pod(kind: str) -> None:
    spec = MANIFESTS[kind]["spec"]
    selector = spec.get("podSelector") or spec["selector"]
    wanted = selector.get("matchLabels", selector)
    assert wanted
    assert wanted.items() <= LABELS.items()


def test_names_lead_somewhere() -> None:
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    service = MANIFESTS["Service"]
    assert service["spec"]["ports"][0]["targetPort"] in ports
    backend = MANIFESTS["Ingress"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": service["metadata"]["name"], "port": {"name": service["spec"]["ports"][0]["name"]}}
    target = MANIFESTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", MANIFESTS["Deployment"]["metadata"]["name"])
    assert "replicas" not in MANIFESTS["Deployment"]["spec"]  # else each apply would undo the autoscaler
    assert POD["serviceAccountName"] == MANIFESTS["ServiceAccount"]["metadata"]["name"]
    generated = {generator["name"] for generator in KUSTOMIZATION["configMapGenerator"]}
    assert {volume["configMap"]["name"] for volume in POD["volumes"] if "configMap" in volume} == generated
    policy = MANIFESTS["NetworkPolicy"]["spec"]["ingress"][0]["ports"]
    assert [rule["port"] for rule in policy] == list(ports.values())


def test_there_is_always_one_pod_and_room_to_drain_another() -> None:
    assert (
        MANIFESTS["PodDisruptionBudget"]["spec"]["minAvailable"]
        < MANIFESTS["HorizontalPodAutoscaler"]["spec"]["minReplicas"]
    )


def test_only_hooks_are_reachable_and_only_over_tls() -> None:
    ingress = MANIFESTS["Ingress"]["spec"]
    hosts = {rule["host"] for rule in ingress["rules"]}
    assert {host for entry in ingress["tls"] for host in entry["hosts"]} == hosts
    assert [path["path"] for rule in ingress["rules"] for path in rule["http"]["paths"]] == ["/cds-services"]


def test_the_way_out_excludes_this_and_other_private_networks() -> None:
    blocks = [
        target["ipBlock"]
        for rule in MANIFESTS["NetworkPolicy"]["spec"]["egress"]
        for target in rule["to"]
        if "ipBlock" in target
    ]
    assert len(blocks) == 1
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "100.64.0.0/10"}
    assert set(blocks[0]["except"]) == private
    assert all(rule["ports"] for rule in MANIFESTS["NetworkPolicy"]["spec"]["egress"])


def test_the_configuration_is_one_that_the_service_starts_with() -> None:
    environ = {entry["name"]: entry.get("value", "postgresql://cds@database/cds") for entry in CONTAINER["env"]} | {
        "SPINE_CDS_CONFIG": str(FOLDER / "cds.toml"),
        "SPINE_CDS_MODE": "production",
        "SPINE_CDS_HOST": "0.0.0.0",  # noqa: S104
    }
    settings = config.load(environ)
    host = MANIFESTS["Ingress"]["spec"]["rules"][0]["host"]
    assert settings.public_base_url == f"https://{host}"
    assert not settings.demo


def test_no_secret_is_written_down() -> None:
    for path in FOLDER.iterdir():
        assert not re.search(r"(?i)kind: Secret|password|postgresql://", path.read_text()), path

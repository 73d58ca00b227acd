"""The operator's guide, done: every command marked as runnable, in the order of the page, ends well."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cds_service.store.faults import Fault
from tests.house.source_tree import ROOT, text
from tests.postgres_server import PostgresServer, postgres_server
from tests.server_process import free_port

GUIDE = text("docs/operate.md")
BLOCKS = re.findall(r"^```bash ?(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)

NGINX = """
user root;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  include {folder}/etc/nginx/conf.d/*.conf;
}}
"""


class Machine:
    """The paths, names and ports of the guide, moved to a folder and to free ports."""

    def __init__(self, folder: Path, database: PostgresServer) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self._database = database
        (folder / "etc/nginx/conf.d").mkdir(parents=True)
        (folder / "etc/ssl").mkdir()
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
        configuration = text("deploy/nginx.conf").replace("listen 443 ssl", f"listen 127.0.0.1:{self.tls_port} ssl")
        (folder / "nginx-site.conf").write_text(self.moved(configuration))
        self._started: list[subprocess.Popen[bytes]] = []

    def moved(self, script: str) -> str:
        changes = {
            "deploy/nginx.conf": f"{self.folder}/nginx-site.conf",
            "/opt/cds/bin": str(Path(sys.executable).parent),
            "/etc/cds": f"{self.folder}/etc/cds",
            "/etc/ssl/cds": f"{self.folder}/etc/ssl/cds",
            "/etc/nginx/conf.d": f"{self.folder}/etc/nginx/conf.d",
            "nginx -t": f"nginx -t -c {self.folder}/nginx.conf",
            "127.0.0.1:443": f"127.0.0.1:{self.tls_port}",
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
            "port = 8080": f"port = {self.port}",
            "db.example.org": f"127.0.0.1:{self._database.port}",
        }
        for written, here in changes.items():
            script = script.replace(written, here)
        return script

    def run(self, script: str) -> str:
        """What the commands print. Each block is a shell of its own, as the reader's may be."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.moved(script)],
            cwd=ROOT, env=self._environ, capture_output=True, text=True, timeout=90,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done.stdout

    def start(self, script: str) -> None:
        with (self.folder / "service.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    ["bash", "-euo", "pipefail", "-c", self.moved(script)],
                    cwd=ROOT, env=self._environ, stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip

    def start_proxy(self) -> None:
        """As a reload does, this ends once the proxy listens."""
        self.start(f"exec nginx -c {self.folder}/nginx.conf")
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), timeout=1).close()
            except ConnectionRefusedError:
                assert time.monotonic() < until, f"nginx does not listen\n{self.logs()}"
                time.sleep(0.02)
            else:
                return

    def logs(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in self.folder.glob("*.log"))

    def stop(self) -> None:
        for process in self._started:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(40)

    @property
    def _environ(self) -> dict[str, str]:
        admin = self._database.url.replace("+psycopg", "")
        path = f"{os.environ['PATH']}:/usr/sbin:{self._database.programs}"
        return {name: value for name, value in os.environ.items() if not name.startswith("SPINE_CDS_")} | {
            "ADMIN": admin,
            "PATH": path,
        }


@contextmanager
def machine() -> Iterator[Machine]:
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("no nginx on this machine")
    with (
        tempfile.TemporaryDirectory(prefix="postgres-") as data,
        postgres_server(Path(data)) as database,
        tempfile.TemporaryDirectory(prefix="operate-") as folder,
    ):
        made = Machine(Path(folder), database)
        try:
            yield made
        finally:
            made.stop()


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.proxy
def test_the_guide_leads_to_a_running_service() -> None:
    printed: list[str] = []
    with machine() as here:
        for mark, script in BLOCKS:
            match mark:
                case "run":
                    printed.append(here.run(script))
                case "start":
                    here.start(script)
                case "reload":
                    here.start_proxy()
        answer = json.loads((here.folder / "etc/cds/answer.json").read_text())
        said = "\n".join(printed)

        assert answer["cards"]
        assert '"status":"ready"' in said
        assert re.search(r"^ \w+ +\| overridden", said, re.MULTILINE)  # the card and what was made of it
        assert "cds_refused_callers_total" in said
        assert (here.folder / "etc/cds/cds.dump").stat().st_size > 1000
        assert "North Hospital" in said


def test_all_that_can_run_here_is_run() -> None:
    """What is left out installs packages, or asks for systemd, an engine or a cluster."""
    left_out = [script for mark, script in BLOCKS if mark == ""]
    needs = ("pip install", "systemctl", "docker", "kubectl")
    assert [script for script in left_out if not any(word in script for word in needs)] == []
    assert sum(mark == "run" for mark, _ in BLOCKS) >= 12


def test_every_answer_about_the_store_has_its_row() -> None:
    table = GUIDE.partition("## When something is wrong")[2].partition("## Every now and then")[0]
    described = set(re.findall(r"^\| ([a-z -]+) \|", table, re.MULTILINE)) - {"---"}
    health = text("cds_service/store/health.py")
    said = set(re.findall(r'return "([a-z -]+)"', health)) | set(re.findall(r'else "([a-z -]+)"', health))
    assert len(said) == 3
    assert described == {fault.value for fault in Fault} | said


def test_every_number_of_the_service_is_explained() -> None:
    code = text("cds_service/web/metrics.py") + text("cds_service/web/security.py")
    named = set(re.findall(r'"(cds_[a-z_]+)"', code)) - {"cds_store_backlog"}
    explained = set(re.findall(r"`(cds_[a-z_]+)`", GUIDE))
    explained |= {f"cds_store_rows{rest}" for rest in re.findall(r"`(_[a-z]+_total)`", GUIDE)}
    known_by_stage = {"cds_cards_total", "cds_silences_total"}
    assert named - explained == known_by_stage


def test_the_unit_starts_and_stops_it_as_the_guide_does() -> None:
    unit = dict(re.findall(r"^(\w+)=(.*)$", text("deploy/cds.service"), re.MULTILINE))
    assert unit["ExecStart"] in GUIDE
    assert unit["EnvironmentFile"] in GUIDE
    assert (unit["Restart"], unit["KillMode"], unit["NoNewPrivileges"]) == ("always", "mixed", "yes")
    from cds_service.web.serve import GRACE

    assert int(unit["TimeoutStopSec"]) > GRACE


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd on this machine")
    unit = tmp_path / "cds.service"
    unit.write_text(text("deploy/cds.service").replace("/opt/cds/bin/cds-service serve", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert "cds.service" not in done.stderr, done.stderr

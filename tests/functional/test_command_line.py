"""`cds-service` from outside: it answers like the service, and says in one line what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from cds_service.cli import main
from tests.hook_requests import a_request, an_order
from tests.serving import SELECT, SIGN, Serving

PRODUCTION = {
    "SPINE_CDS_MODE": "production",
    "SPINE_CDS_PUBLIC_BASE_URL": "https://cds.example",
    "SPINE_CDS_CLIENTS": '[{"issuer":"https://a.example","jwks_url":"https://a.example/k","fhir_servers":[]}]',
}
UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environ)


def test_the_audit_is_shown_and_purged(tmp_path: Path) -> None:
    for day in ("2020-01-01", "2020-01-02"):
        (tmp_path / f"audit-{day}.jsonl").write_text(f'{{"request_id":"{day}"}}\n')
    setting = {"SPINE_CDS_AUDIT_FOLDER": str(tmp_path), **PRODUCTION}

    assert run("audit", "show", **setting).stdout.count("request_id") == 2
    assert run("audit", "show", "--day", "2020-01-02", **setting).stdout == '{"request_id":"2020-01-02"}\n'
    assert run("audit", "show", "--request-id", "2020-01-01", "--folder", str(tmp_path)).exit_code == 0
    assert run("audit", "show", "--request-id", "none", "--folder", str(tmp_path)).exit_code == 1
    assert run("audit", "show").exit_code == 4
    assert run("audit", "purge", "--older-than", "long", "--folder", str(tmp_path)).exit_code == 2
    purged = run("audit", "purge", "--older-than", "90d", "--folder", str(tmp_path))
    assert purged.stdout == "removed audit-2020-01-01.jsonl\nremoved audit-2020-01-02.jsonl\n"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(("hook", "path"), [("order-sign", SIGN), ("order-select", SELECT)])
@pytest.mark.parametrize("code", ["72148", "72100", "73721"])
def test_review_prints_what_the_service_answers(
    service: Serving, tmp_path: Path, hook: str, path: str, code: str
) -> None:
    body = orjson.dumps(a_request(an_order(code=code), hook=hook))
    file = tmp_path / "request.json"
    file.write_bytes(body)

    printed = run("review", str(file))

    assert printed.exit_code == 0
    assert UUID.sub(b"-", printed.stdout_bytes) == UUID.sub(b"-", service.post(path, body).data)


def test_review_reads_from_stdin_and_as_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from cds_service.cli import main; main()", "review", "-"],
        input=orjson.dumps(a_request()),
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert orjson.loads(done.stdout)["cards"]
    assert done.stderr == b""


def test_a_request_that_cannot_be_answered_is_exit_code_3(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(orjson.dumps(a_request(prefetch=None)))

    answer = run("review", str(file))

    assert answer.exit_code == 3
    assert answer.stdout == ""
    assert "HTTP 412" in answer.stderr


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["demo"]])
def test_wrong_settings_are_exit_code_4(command: list[str]) -> None:
    answer = run(*command, SPINE_CDS_FHIR_DEADLINE="soon")

    assert answer.exit_code == 4
    assert answer.stderr == "cds-service: fhir_deadline must be a number\n"


def test_production_does_not_start_unsafe() -> None:
    answer = run("serve", SPINE_CDS_MODE="production")

    assert answer.exit_code == 4
    assert "production mode needs clients" in answer.stderr


def test_config_check_says_what_a_file_decides(tmp_path: Path) -> None:
    file = tmp_path / "cds.toml"
    file.write_text('port = 8123\nlog_level = "warning"\n')

    said = run("config", "check", str(file), SPINE_CDS_WORKERS="3")

    assert said.exit_code == 0
    assert "127.0.0.1:8123 with 3 workers" in said.stdout
    assert "Logs at level warning" in said.stdout


def test_config_check_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "cds.toml"
    file.write_text('mode = "production"\n')

    said = run("config", "check", str(file))

    assert (said.exit_code, said.stdout) == (4, "")
    assert "production mode needs clients" in said.stderr
    assert "production mode needs public_base_url" in said.stderr


def test_migrate_makes_the_store(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"

    assert run("migrate", SPINE_CDS_DATABASE_URL=f"sqlite:///{file}").exit_code == 0
    assert file.is_file()


def test_openapi_prints_the_description() -> None:
    assert run("openapi").stdout.startswith("openapi: 3.1.0\n")


def test_explain_prints_a_section_and_knows_which_there_are() -> None:
    assert run("explain", "SP-5.1").stdout.startswith("SP-5.1")

    unknown = run("explain", "SP-99")
    assert (unknown.exit_code, unknown.stdout) == (1, "")


def test_lint_ends_with_1_exactly_when_it_prints_something() -> None:
    done = run("lint")

    assert done.exit_code == (1 if done.stdout else 0)


def test_help_names_every_command() -> None:
    text = run("--help").stdout

    for command in ("serve", "demo", "migrate", "review", "lint", "explain", "openapi"):
        assert re.search(rf"^  {command} ", text, re.MULTILINE)

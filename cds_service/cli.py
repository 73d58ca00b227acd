"""The command line. Parses arguments, calls one function, maps faults to exit codes.

Exit codes: 0 done; 1 lint found something, or explain or audit show found nothing, codes are unmapped; 2 wrong usage;
3 the request cannot be answered; 4 settings or data are wrong.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cds_service import __version__, config, resources
from cds_service.commands.batch import batch
from cds_service.commands.completion import completion
from cds_service.commands.explain import explain
from cds_service.commands.faults import EXIT_FOUND, EXIT_REQUEST, reporting_faults
from cds_service.commands.new_section import new_section
from cds_service.commands.review import review
from cds_service.core.errors import ConfigurationError, RequestError


@click.group()
@click.version_option(__version__, prog_name="cds-service")
def main() -> None:
    """Reviews spine imaging orders against dated, cited criteria (CDS Hooks)."""


for command in (review, explain, batch, new_section, completion):
    main.add_command(command)


@main.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--workers", type=int, help="Worker processes.")
@reporting_faults
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Run the service with the settings of SPINE_CDS_CONFIG and SPINE_CDS_* variables."""
    from cds_service.web.security import check_settings
    from cds_service.web.serve import serve as run

    settings = config.load(host=host, port=port, workers=workers)
    check_settings(settings)
    run(settings)


@main.command()
@click.option("--port", type=int, help="Port on 127.0.0.1; default PORT, else 8080.")
@reporting_faults
def demo(port: int | None) -> None:
    """Run the service with pages and synthetic patients, on this machine only."""
    from cds_service.web.serve import serve as run

    settings = config.load(mode="demo", host="127.0.0.1", port=port, workers=1, threads=4)
    settings = replace(settings, app_url=settings.app_url or f"{settings.base_url}/documentation/launch")
    click.echo(f"Demo on http://127.0.0.1:{settings.port}/ (synthetic patients, this machine only)", err=True)
    run(settings)


@main.command()
@reporting_faults
def migrate() -> None:
    """Bring the store's schema up to date. `serve` and `demo` do this themselves; other servers need it first."""
    from cds_service.web.serve import migrate_store

    migrate_store(config.load())


@main.command()
@click.option("--root", type=click.Path(file_okay=False, exists=True, path_type=Path), hidden=True)
@reporting_faults
def lint(root: Path | None) -> None:
    """Check guideline data, readers of facts and words of cards, as the tests do. Exit code 1 for a finding."""
    from cds_service.card_builder import load_templates
    from cds_service.card_builder.lint import lint_cards
    from cds_service.facts.lint import lint_facts
    from cds_service.guidelines.lint import lint as lint_guidelines
    from cds_service.guidelines.load import DATA
    from cds_service.guidelines.load import load as load_guidelines

    folder = root or DATA
    guidelines = load_guidelines(folder)
    findings = [str(finding) for finding in (*lint_guidelines(guidelines, folder), *lint_facts(guidelines))]
    studies = guidelines.studies.studies.values()
    findings += lint_cards(load_templates(resources.cards_dir()), guidelines.vocabulary, studies)
    for finding in findings:
        click.echo(finding)
    sys.exit(EXIT_FOUND if findings else 0)


@main.command()
@click.argument("request_file", type=click.File("rb"), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@reporting_faults
def doctor(request_file: Any, as_json: bool) -> None:
    """Say what the captured hook request in FILE ("-" for stdin) gave us and what it kept from us.

    Which keys were absent, failed or cut short, what was read from the FHIR server, which codes nobody understood,
    which resources were dropped, which facts stayed unknown and why. Repeats no text from the chart.
    """
    import orjson

    from cds_service.doctor import as_json as to_json
    from cds_service.doctor import examine, in_words
    from cds_service.guidelines.load import load as load_guidelines
    from cds_service.hooks.request import read_request
    from cds_service.web.desk import chart_reader, now

    try:
        asked = read_request(request_file.read())
    except RequestError as fault:
        click.echo(f"cds-service: {fault.problem} (HTTP {fault.status})", err=True)
        sys.exit(EXIT_REQUEST)
    settings = config.load()
    found = examine(asked, chart_reader(settings), load_guidelines(), now().date(), settings.facts)
    click.echo(orjson.dumps(to_json(found), option=orjson.OPT_INDENT_2) if as_json else in_words(found))


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="SYSTEM|CODE...")
@reporting_faults
def codes(names: tuple[str, ...]) -> None:
    """Explain codes: value sets, facts, studies, and where each was checked. Exit code 1 when one is unmapped.

    SYSTEM is a URI, an OID or a short name ("icd10cm|M54.50"); without it, every system that we know the code in.
    """
    from cds_service import terminology
    from cds_service.guidelines.load import load as load_guidelines

    guidelines = load_guidelines()
    unmapped = False
    for name in names:
        found = terminology.read_name(name, guidelines)
        unmapped = unmapped or not found
        if not found:
            click.echo(f"{name}\n  unmapped: no code system that we read has it")
        for coding in found:
            explained = terminology.explain(coding, guidelines)
            unmapped = unmapped or not explained.known
            click.echo(terminology.in_words(explained))
    sys.exit(EXIT_FOUND if unmapped else 0)


@main.group("config")
def configuration() -> None:
    """Look at the configuration."""


@configuration.command()
@click.argument("file", type=click.Path(dir_okay=False), metavar="FILE")
@reporting_faults
def check(file: str) -> None:
    """Say in words what the configuration in FILE, together with SPINE_CDS_* variables, decides."""
    from cds_service.web.security import check_settings

    settings = config.load(os.environ | {config.CONFIG_FILE: file})
    check_settings(settings)
    click.echo(config.in_words(settings))


@main.group()
def audit() -> None:
    """Read and purge the audit of hook requests and responses. What it prints is patient data."""


_audit_folder = click.option(
    "--folder", type=click.Path(exists=True, file_okay=False), help="Instead of the setting audit_folder."
)


@audit.command()
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Only this day (UTC), such as 2026-11-20.")
@click.option("--request-id", help="Only the request of this id, as in the X-Request-Id header and the log.")
@_audit_folder
@reporting_faults
def show(day: datetime | None, request_id: str | None, folder: str | None) -> None:
    """Print records, one JSON object a line, oldest first. Exit code 1 when there are none."""
    from cds_service.audit.files import records

    found = False
    for line in records(_audited(folder), day=day.date() if day else None, request_id=request_id):
        click.echo(line)
        found = True
    sys.exit(0 if found else EXIT_FOUND)


@audit.command()
@click.option("--older-than", required=True, metavar="DAYS", help="Age such as 90d.")
@_audit_folder
@reporting_faults
def purge(older_than: str, folder: str | None) -> None:
    """Remove the files of days longer ago than DAYS."""
    from cds_service.audit.files import purge as remove
    from cds_service.audit.files import read_age

    try:
        age = read_age(older_than)
    except ValueError as fault:
        raise click.BadParameter(str(fault), param_hint="--older-than") from None
    for path in remove(_audited(folder), age, datetime.now(UTC).date()):
        click.echo(f"removed {path.name}")


def _audited(folder: str | None) -> Path:
    chosen = folder or config.load().audit_folder
    if not chosen:
        raise ConfigurationError("there is no audit: audit_folder is not set; name a folder with --folder")
    return Path(chosen)


@main.command()
@reporting_faults
def openapi() -> None:
    """Print the description of the HTTP interface."""
    click.echo(resources.openapi_path().read_text(encoding="utf-8"), nl=False)

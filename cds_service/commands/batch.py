"""`cds-service batch`: the same review over a Bulk Data export."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

import click

from cds_service import config
from cds_service.commands.faults import reporting_faults
from cds_service.commands.terminal import bars


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="EXPORT...")
@click.option(
    "--output", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="NDJSON file to write."
)
@click.option("--workers", type=click.IntRange(1), help="Processes; default as many as the machine has.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    default=("draft",),
    show_default=True,
    help="Orders to review; may be repeated.",
)
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="For orders without a date; default today.")
@click.option("--complete", is_flag=True, help="The export holds everything: a type without a file has no resources.")
@click.option("--restart", is_flag=True, help="Throw away what an interrupted run has done.")
@reporting_faults
def batch(
    inputs: tuple[Path, ...],
    output: Path,
    workers: int | None,
    statuses: tuple[str, ...],
    day: datetime | None,
    complete: bool,
    restart: bool,
) -> None:
    """Review the orders of a FHIR Bulk Data EXPORT: folders of NDJSON files, or the files themselves.

    Writes one line of JSON for each order. Interrupted, it goes on where it stopped when it is started again. What it
    writes names patients.
    """
    from cds_service.batch import Options, open_export, run
    from cds_service.web.desk import now

    config.load()  # wrong settings are said before the work begins
    today: date = day.date() if day else now().date()
    options = Options(today, frozenset(statuses), complete)
    with bars() as progress:
        summary = run(
            open_export(inputs),
            output,
            options,
            workers=workers or os.cpu_count() or 1,
            restart=restart,
            progress=progress,
        )
    orders = f"{summary.orders} order{'' if summary.orders == 1 else 's'}"
    patients = f"{summary.patients} patient{'' if summary.patients == 1 else 's'}"
    click.echo(f"{orders} of {patients} in {output}", err=True)
    for name, count in summary.determinations.most_common():
        click.echo(f"  {count:>8}  {name.replace('_', ' ')}", err=True)
    for count, problem in (
        (summary.problems, "patients could not be reviewed: the export holds orders of theirs, and no Patient"),
        (summary.unreadable_lines, "lines could not be read"),
        (summary.reused, "parts had been done by an earlier run"),
    ):
        if count:
            click.echo(f"{count} {problem}", err=True)

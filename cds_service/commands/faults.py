"""What goes wrong in a sub-command: one line on stderr that says what to do, and the exit code that scripts look at."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, NoReturn

import click

from cds_service.core.errors import ConfigurationError, GuidelineError, RequestError

EXIT_FOUND: Final = 1
EXIT_REQUEST: Final = 3
EXIT_SETTINGS: Final = 4


def fail(problem: str, code: int) -> NoReturn:
    click.echo(f"cds-service: {problem}", err=True)
    sys.exit(code)


def reporting_faults(command: Callable[..., None]) -> Callable[..., None]:
    """Faults we expect become one line on stderr; anything else keeps its traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except (ConfigurationError, GuidelineError) as fault:
            fail(str(fault), EXIT_SETTINGS)
        except RequestError as fault:
            where = f" (at {fault.field})" if fault.field and fault.field not in fault.problem else ""
            fail(f"{fault.problem}{where} (HTTP {fault.status})", EXIT_REQUEST)

    return run

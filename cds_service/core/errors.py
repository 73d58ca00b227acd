"""Program faults, which stop start-up or become a 5xx. Data faults are values (`fact.Why`), never exceptions.

ServiceError
+-- GuidelineError      a guideline, value set or card template is wrong; names file and line
+-- ConfigurationError  a setting is missing or contradictory; says what to do
+-- RequestError        the caller sent something we cannot answer; carries the field and the HTTP status
"""

from __future__ import annotations


class ServiceError(Exception):
    """Root of every error this package raises on purpose."""


class GuidelineError(ServiceError):
    """Guideline data that cannot be trusted. `where` is "file:line"."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class ConfigurationError(ServiceError):
    """A setting is missing, contradictory or unsafe for the chosen mode."""


class RequestError(ServiceError):
    """A request that cannot be answered.

    `status` is the HTTP status, `code` the FHIR issue type, `field` the JSON path at fault when one is.
    The message never repeats what the caller sent.
    """

    def __init__(self, status: int, code: str, problem: str, field: str | None = None) -> None:
        super().__init__(problem)
        self.status = status
        self.code = code
        self.problem = problem
        self.field = field

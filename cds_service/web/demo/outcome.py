"""FHIR errors: an OperationOutcome and its HTTP status. The text never repeats what the client sent."""

from __future__ import annotations

from cds_service.web.demo.resource_store import Resource


class FhirError(Exception):
    """An answer that is an OperationOutcome. `code` is a FHIR issue type."""

    def __init__(self, status: int, code: str, problem: str) -> None:
        super().__init__(problem)
        self.status = status
        self.code = code
        self.problem = problem


def operation_outcome(code: str, problem: str) -> Resource:
    issue = {"severity": "error", "code": code, "diagnostics": problem}
    return {"resourceType": "OperationOutcome", "issue": [issue]}

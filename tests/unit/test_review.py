"""What a review says beside its verdict, on the committed requests of the synthetic patients."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from cds_service.core.determination import Determination, Ground, Review
from cds_service.core.truth import MET
from cds_service.fhir.bundle import Failure
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.load import Guidelines, load
from cds_service.resources import fixtures_dir
from cds_service.review import MOST_FOREIGN, Consultation, review
from cds_service.web.demo.hook_requests import request_path

GUIDELINES: Guidelines = load()


def reviewed(
    story: str, *, not_read: tuple[str, ...] = (), foreign: int = 0, beside: tuple[dict[str, Any], ...] = ()
) -> Review:
    """The story's only order, with queries for some resource types failing, other patients' resources, and answers."""
    body: dict[str, Any] = json.loads(request_path(fixtures_dir(), story, "order-sign").read_text())
    found = [resource for value in body["prefetch"].values() for resource in resources(value)]
    kept = [resource for resource in found if resource["resourceType"] not in not_read]
    patient = body["context"]["patientId"]
    drafts = tuple(entry["resource"] for entry in body["context"]["draftOrders"]["entry"])
    kept += [
        {"resourceType": "Condition", "id": f"x{number}", "subject": {"reference": "Patient/somebody-else"}}
        for number in range(foreign)
    ]
    subject = {"reference": f"Patient/{patient}"}
    answers = {"resourceType": "QuestionnaireResponse", "id": "beside", "status": "completed", "subject": subject}
    kept += [{**answers, "authored": "2026-11-10", "item": list(beside)}] if beside else []
    failures = [Failure(name, "timeout") for name in not_read]
    record = PatientRecord.build(patient, kept, failures)
    scope = frozenset(f"ServiceRequest/{draft['id']}" for draft in drafts)
    (outcome,) = review(Consultation("order-sign", drafts, scope, record, date(2026, 11, 10)), GUIDELINES)
    assert isinstance(outcome, Review)
    return outcome


def resources(value: dict[str, Any] | None) -> list[dict[str, Any]]:
    if value is None or value["resourceType"] == "OperationOutcome":
        return []
    return [entry["resource"] for entry in value.get("entry", [])] if value["resourceType"] == "Bundle" else [value]


def test_what_the_record_would_have_told_can_be_answered_by_who_orders() -> None:
    found = reviewed("low-back-pain-undocumented", not_read=("Communication", "CarePlan"))
    assert (found.determination, found.ground) == (Determination.NEEDS_INFORMATION, Ground.NOT_READ)
    assert set(found.asks_for) == {
        "clinical_reevaluation",
        "conservative_treatment_failed",
        "conservative_treatment_weeks",
    }
    assert found.not_read == ("CarePlan", "Communication")
    assert {criterion.section for criterion in found.decided_by} == {"SP-5.1"}


def test_a_step_that_could_not_be_read_is_not_said_to_be_still_to_do() -> None:
    whole, partial = reviewed("spinal-infection"), reviewed("spinal-infection", not_read=("Encounter",))
    assert (whole.determination, whole.steps, whole.not_read) == (Determination.SUPPORTED, (), ())
    assert (partial.determination, partial.steps, partial.not_read) == (Determination.SUPPORTED, (), ("Encounter",))


def test_a_note_that_could_not_be_read_is_said_beside_a_supported_study() -> None:
    whole, partial = reviewed("repeat-mri"), reviewed("repeat-mri", not_read=("ImagingStudy",))
    assert (whole.beside, whole.not_read) == (("recent_study",), ())
    assert (partial.determination, partial.beside, partial.not_read) == (
        Determination.SUPPORTED,
        (),
        ("ImagingStudy",),
    )


def test_without_an_age_nobody_is_refused_for_whom_a_person_may_decide() -> None:
    assert reviewed("infant-hemangioma").determination is Determination.GOVERNED_ELSEWHERE
    found = reviewed("infant-hemangioma", not_read=("Patient",))
    assert (found.determination, found.ground) == (Determination.NEEDS_INFORMATION, Ground.NOT_READ)
    assert found.not_read == ("Patient",)


def test_while_nothing_speaks_of_the_patient_no_criterion_is_guessed() -> None:
    found = reviewed("unknown-reason", not_read=("Appointment", "CarePlan"))
    assert (found.ground, found.decided_by, found.asks_for) == (Ground.NOT_READ, (), ())
    assert found.not_read == ("Appointment", "CarePlan")


def test_whoever_takes_over_sees_every_red_flag() -> None:
    alone = reviewed("aortic-aneurysm")
    both = reviewed("aortic-aneurysm", beside=({"linkId": "saddle_anesthesia", "answer": [{"valueBoolean": True}]},))
    assert both.determination is Determination.GOVERNED_ELSEWHERE
    assert {each.ref for each in both.evidence} - {each.ref for each in alone.evidence} == {"saddle_anesthesia"}


def test_a_record_that_fails_elsewhere_changes_nothing() -> None:
    assert reviewed("low-back-pain-six-weeks", not_read=("Goal", "Appointment")).not_read == ()


@pytest.mark.parametrize(
    ("others", "named", "more"),
    [(0, 0, 0), (MOST_FOREIGN, MOST_FOREIGN, 0), (MOST_FOREIGN + 1, MOST_FOREIGN, 1), (3000, MOST_FOREIGN, 2980)],
)
def test_a_flood_of_other_patients_resources_is_counted(others: int, named: int, more: int) -> None:
    found = reviewed("low-back-pain-six-weeks", foreign=others)
    assert found.foreign == tuple(f"Condition/x{number}" for number in range(named))
    assert found.foreign_more == more


def test_a_criterion_that_decides_for_the_study_offered_is_told_as_it_holds_of_that_study() -> None:
    found = reviewed("foot-drop-neck-mri")
    truths = {judged.criterion.id: judged.truth for judged in found.judged}
    assert found.alternatives[0].code == "72148"
    assert {truths[criterion.id] for criterion in found.decided_by} == {MET}
    assert "hemangioma_appearance" not in found.unless


def test_paths_of_other_conditions_do_not_decide_beside_the_right_study() -> None:
    found = reviewed("disc-with-contrast")
    assert {criterion.section for criterion in found.decided_by} == {"SP-2.2", "SP-6.1"}


def test_a_contraindication_to_mri_is_among_the_evidence() -> None:
    found = reviewed("pacemaker-mri")
    assert found.beside == ("mri_contraindicated",)
    assert "implanted_device_not_mr_conditional" in {evidence.ref for evidence in found.evidence}

"""Every case beside a section holds. One test per case, named by its sentence."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from cds_service.core.criterion import AllOf, FactTest, Outcome, Population
from cds_service.core.determination import Review
from cds_service.core.evaluate import Evaluation, Reading
from cds_service.core.fact import NOT_DOCUMENTED, Fact, Why
from cds_service.core.order import Study
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.load import Guidelines, load
from cds_service.hooks.response import review_json
from cds_service.review import Consultation, Remembering, review
from tests.guidelines.case_files import (
    ConsultationCase,
    CriterionCase,
    consultation_cases,
    criterion_cases,
    derived_fact_cases,
)

REVIEW_DAY = "2026-11-10"
CPT = "http://www.ama-assn.org/go/cpt"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
WIDE = {"entire_spine", "whole_body"}
LEVELS = {"cervical", "thoracic", "lumbar"}
ADULTS, CHILDREN = Population(min_months=216), Population(under_months=216)


@pytest.fixture(scope="module")
def guidelines() -> Guidelines:
    return load()


@pytest.mark.parametrize("case", list(criterion_cases()), ids=str)
def test_criterion(case: CriterionCase, guidelines: Guidelines) -> None:
    assert truth_of(case, guidelines) == case.expect


@pytest.mark.parametrize("case", list(derived_fact_cases()), ids=str)
def test_derived_fact(case: CriterionCase, guidelines: Guidelines) -> None:
    age = 552.0 if case.age is None and not case.age_unknown else case.age
    evaluation = evaluation_of(case, study_of(case, frozenset(), guidelines), age, guidelines)
    assert evaluation.truth(FactTest(case.criterion)) == case.expect


@pytest.mark.parametrize("case", list(consultation_cases()), ids=str)
def test_consultation(case: ConsultationCase, guidelines: Guidelines) -> None:
    assert not failures(case, guidelines)


def truth_of(case: CriterionCase, guidelines: Guidelines) -> str:
    """How the criterion of a case comes out on its facts."""
    criterion = guidelines.criterion(case.criterion)
    assert criterion is not None, f"{case.path.name} names a criterion that does not exist: {case.criterion}"
    assert criterion.when is not None
    reading = Reading.EXCLUSION if criterion.outcome is Outcome.NOT_SUPPORTED else Reading.SUPPORT
    age = usual_age(criterion.population) if case.age is None and not case.age_unknown else case.age
    study = study_of(case, criterion.studies, guidelines)
    return evaluation_of(case, study, age, guidelines).truth(AllOf((*criterion.ages, criterion.when)), reading)


def failures(case: ConsultationCase, guidelines: Guidelines) -> list[str]:
    """What the reviews of a consultation say otherwise than expected, as "order: member"; empty when all holds."""
    expect = case.data["expect"]
    outcomes = review(consultation_of(case), guidelines)
    by_order = {
        found["order"].partition("/")[2]: found
        for found in (review_json(outcome) for outcome in outcomes if isinstance(outcome, Review))
    }
    if expect.get("reviewed") is False:
        return [f"{order}: reviewed" for order in by_order]
    return [
        f"{order}: {member}: {by_order[order]}"
        for order, wanted in (expect.get("orders") or {"draft-1": expect}).items()
        for member in differences(wanted, by_order[order])
    ]


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What the review says otherwise than expected."""
    said = {
        "determination": found["determination"] in listed(wanted.get("determination", found["determination"])),
        "sections": not wanted.get("sections") or bool(set(wanted["sections"]) & set(found.get("sections", ()))),
        "asks": set(wanted.get("asks", ())) <= set(found.get("asks_for", ())),
        "asks_only": "asks_only" not in wanted or set(wanted["asks_only"]) == set(found.get("asks_for", ())),
        "asks_not": not set(wanted.get("asks_not", ())) & set(found.get("asks_for", ())),
        "unless": set(wanted.get("unless", ())) <= set(found.get("unless", ())),
        "steps": set(wanted.get("steps", ())) <= set(found.get("steps", ())),
        "offers": not wanted.get("offers") or bool(set(wanted["offers"]) & offered(found)),
        "offers_nothing": not wanted.get("offers_nothing") or not offered(found),
        "until": "until" not in wanted or wanted["until"] in {a.get("until") for a in found.get("alternatives", ())},
    }
    unknown = set(wanted) - set(said)
    assert not unknown, f"expect has unknown keys {unknown}"
    return [name for name, holds in said.items() if not holds]


def offered(found: dict[str, Any]) -> set[str]:
    return {alternative["code"] for alternative in found.get("alternatives", ()) if alternative.get("code")}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def study_of(case: CriterionCase, studies: frozenset[str], guidelines: Guidelines) -> Study:
    key = case.study or case.order or min(studies, default="72148")
    return guidelines.studies.with_key(key)[0]


def usual_age(population: Population) -> float | None:
    """An adult of 46, a child of 12, or nobody's age where the criterion speaks of a narrower group."""
    if population == ADULTS:
        return 552.0
    return 144.0 if population == CHILDREN else None


def evaluation_of(case: CriterionCase, study: Study, age: float | None, guidelines: Guidelines) -> Evaluation:
    """The criterion's own view: exactly the stated facts, the order, and silence about all else."""
    regions = study.regions
    if WIDE & set(regions) or len(LEVELS & set(regions)) > 1:
        regions = ("lumbar",)
    given: dict[str, Any] = {
        "requested_cpt": study.cpt,
        "requested_contrast": case.contrast or study.contrast,
        "requested_region": regions,
        "requested_units": case.units,
        "icd10_reason_code": case.reasons or None,
        "age_months": age,
        "age_years": None if age is None else age / 12,
        **case.facts,
    }
    if given.get("conservative_treatment_weeks") is not None:
        given.setdefault("conservative_treatment_days", given["conservative_treatment_weeks"] * 7)

    def read(ref: str) -> Fact:
        if ref in case.not_read:
            return Fact.unknown(Why.NOT_RETRIEVED)
        value = given.get(ref)
        if value is None:
            return NOT_DOCUMENTED
        return Fact.of(float(value) if isinstance(value, int) and not isinstance(value, bool) else value)

    return Evaluation(guidelines.vocabulary, Remembering(read), regions)


def consultation_of(case: ConsultationCase) -> Consultation:
    """A hook call that states the facts in one completed questionnaire response."""
    data = case.data
    day = data.get("on", REVIEW_DAY)
    orders = data.get("orders") or [{"id": "draft-1", "code": data["order"], **picked(data, "reasons", "units")}]
    drafts = tuple(draft(order, day) for order in orders)
    patient: dict[str, Any] = {"resourceType": "Patient", "id": "p1"}
    if data.get("born"):
        patient["birthDate"] = data["born"]
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "qr-1",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "authored": f"{day}T08:00:00Z",
        "item": [{"linkId": ref, "answer": [answer(value)]} for ref, value in data.get("facts", {}).items()],
    }
    record = PatientRecord.build("p1", [patient, response, *data.get("chart", [])])
    return Consultation(
        hook=data.get("hook", "order-sign"),
        drafts=drafts,
        in_scope=frozenset(f"ServiceRequest/{order['id']}" for order in orders),
        record=record,
        today=date.fromisoformat(day) + timedelta(days=1),
    )


def draft(order: dict[str, Any], day: str) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "id": order["id"],
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "authoredOn": day,
        "code": {"coding": [{"system": CPT, "code": order["code"]}]},
    }
    if order.get("reasons"):
        resource["reasonCode"] = [{"coding": [{"system": ICD10, "code": code}]} for code in order["reasons"]]
    if order.get("units"):
        resource["quantityQuantity"] = {"value": order["units"]}
    return resource


def picked(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: data[key] for key in keys if key in data}


def answer(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    if isinstance(value, float):
        return {"valueDecimal": value}
    if len(value) == 10 and value[4] == value[7] == "-":
        return {"valueDate": value}
    return {"valueString": value}

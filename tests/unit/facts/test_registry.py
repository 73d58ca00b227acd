"""Every reader reads a fact of the vocabulary, from value sets that exist; failures are never read as absence."""

from __future__ import annotations

import pytest

from cds_service.core.fact import Why
from cds_service.facts.registry import REGISTRY, fact, reads_of


def refs_of(vocabulary):
    for name, definition in vocabulary.items():
        yield from ([f"{name}({argument})" for argument in definition.arguments] or [name])


def test_two_readers_for_one_fact_stop_the_service():
    with pytest.raises(ValueError, match="two readers for age_years"):
        fact("age_years", reads=())(lambda chart, argument: None)


def test_reads_cover_answers_and_every_argument():
    assert {"Condition", "QuestionnaireResponse", "Observation"} <= set(reads_of("condition"))
    assert "Procedure" in reads_of("procedure_history")
    assert "CarePlan" in reads_of("conservative_treatment_days"), "they follow from the weeks"
    assert set(reads_of("hoffmann_sign")) == {"QuestionnaireResponse", "Observation"}
    assert "Condition" in reads_of("plain_xray_available"), "a problem tells in which episode it was taken"


def test_an_empty_chart_documents_nothing_but_the_order(sheet, vocabulary):
    facts = sheet(born=None)
    known = {ref for ref in refs_of(vocabulary) if facts.read(ref).known}
    assert known == {"requested_cpt", "requested_region", "requested_contrast", "requested_units"}


def test_a_chart_that_could_not_be_read_is_never_taken_for_an_empty_one(sheet, vocabulary):
    types = {kind for ref in REGISTRY for kind in reads_of(ref.partition("(")[0])}
    facts = sheet(born=None, failures=types)
    for ref in refs_of(vocabulary):
        found = facts.read(ref)
        of_order = not REGISTRY.get(ref, REGISTRY["age_years"]).reads
        assert found.known or of_order or found.why is Why.NOT_RETRIEVED, ref


def test_a_failed_query_names_its_type_and_reason(sheet):
    found = sheet(failures=["Condition"]).read("new_foot_drop")
    assert found.why is Why.NOT_RETRIEVED
    assert found.note == "Condition: timeout"


def test_what_holds_stands_although_another_query_failed(sheet, condition):
    facts = sheet(condition("G83.4", onset="2026-11-01"), failures=["Observation"])
    assert facts.read("red_flag_cauda_equina").value is True


def test_a_denial_that_a_missing_page_could_undo_does_not_stand(sheet, coded):
    normal = {
        "resourceType": "Observation",
        "status": "final",
        "code": coded("loinc", "30341-2"),
        "effectiveDateTime": "2026-11-09",
        "valueQuantity": {"value": 8, "code": "mm/h"},
        "interpretation": [{"coding": [{"code": "N"}]}],
    }
    assert sheet(normal).read("infection_labs_abnormal").value is False
    assert sheet(normal, failures=["Observation"]).read("infection_labs_abnormal").why is Why.NOT_RETRIEVED


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        ("MedicationStatement:http 404", Why.NOT_DOCUMENTED),
        ("MedicationStatement:http 400", Why.NOT_DOCUMENTED),
        ("MedicationStatement:http 500", Why.NOT_RETRIEVED),
        ("MedicationStatement:http 403", Why.NOT_RETRIEVED),
        ("QuestionnaireResponse:http 404", Why.NOT_DOCUMENTED),
        ("QuestionnaireResponse:http 400", Why.NOT_RETRIEVED),
        ("Condition:http 404", Why.NOT_RETRIEVED),
    ],
)
def test_a_type_that_a_server_does_not_offer_is_not_a_failure(sheet, failure, why):
    assert sheet(failures=[failure]).read("long_term_glucocorticoids").why is why


@pytest.mark.parametrize("failed", ["Observation", "QuestionnaireResponse"])
def test_an_age_from_the_birth_date_does_not_wait_for_answers(sheet, failed):
    assert sheet(failures=[failed]).read("age_years").value == sheet().read("age_years").value
    assert sheet(born=None, failures=[failed]).read("age_years").why is Why.NOT_RETRIEVED


@pytest.mark.parametrize("onset", ["2026-03", "2026-03-01"])
def test_the_latest_of_something_is_not_known_while_a_later_one_may_be_unread(sheet, condition, onset):
    """Whether its date is a day or only a month."""
    injury = condition("S32.010A", onset=onset)
    assert sheet(injury).read("months_since_trauma").known
    assert sheet(injury, failures=["Condition"]).read("months_since_trauma").why is Why.NOT_RETRIEVED


def test_nor_is_something_the_only_one(sheet, condition):
    leukemia = condition("C91.00")
    assert sheet(leukemia).read("condition(leukemia_only)").value is True
    assert sheet(leukemia, failures=["Condition"]).read("condition(leukemia_only)").why is Why.NOT_RETRIEVED

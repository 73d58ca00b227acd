"""Charts full of nonsense never raise, and nonsense never becomes a known fact."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.facts.registry import REGISTRY
from cds_service.guidelines.load import load

SYSTEMS = [
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://snomed.info/sct",
    "http://loinc.org",
    "http://www.ama-assn.org/go/cpt",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "urn:spine-imaging-review:fact",
    "urn:oid:2.16.840.1.113883.6.90",
    "",
    None,
    7,
]
CODES = [
    "M54.50",
    "m5450",
    "M21.371",
    "G83.4",
    "S12.000A",
    "S12.000S",
    "Q82.6",
    "C79.51",
    "R20.0",
    "8310-5",
    "9269-2",
    "72514-3",
    "72070",
    "72148",
    "76800",
    "63030",
    "64483",
    "5640",
    "8640",
    "99213",
    "97110",
    "plain_xray_available(lumbar)",
    "muscle_strength_grade",
    "night_pain",
    "episode_onset_date",
    "36198007",
    "",
    " ",
    None,
    3,
    ["M54.2"],
    {"a": 1},
]
DATES = [
    "2026-11-01",
    "2026-11",
    "2026",
    "2026-02-30",
    "2030-01-01",
    "0001-01-01",
    "9999-12-31",
    "soon",
    "",
    None,
    5,
    ["2026"],
    "2026-11-01T10:00:00Z",
    "2026-11-10T10:00:00+14:00",
]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 400),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(DATES),
    # Made anew each time: whoever breaks a chart on purpose may put one of them into itself.
    st.builds(list),
    st.builds(dict),
    st.builds(lambda: [None, 3, "x", {}]),
)
CODING = st.fixed_dictionaries({}, optional={"system": st.sampled_from(SYSTEMS), "code": st.sampled_from(CODES)})
CONCEPT = st.one_of(st.fixed_dictionaries({"coding": st.lists(CODING, max_size=2)}), CODING, JUNK)
STATUS = st.sampled_from(
    ["final", "active", "completed", "finished", "in-progress", "available", "draft", "not-done", None, 4]
)
QUANTITY = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "value": JUNK,
            "code": st.sampled_from(["Cel", "[degF]", "wk", "d", "mm", "x"]),
            "comparator": st.sampled_from(["<", ">", "?"]),
        },
    ),
    JUNK,
)
REFERENCE = st.one_of(
    st.fixed_dictionaries({"reference": st.sampled_from(["Condition/c", "#c", "Encounter/c", "urn:uuid:1", "", 4])}),
    JUNK,
)
PERIOD = st.one_of(
    st.fixed_dictionaries({}, optional={"start": st.sampled_from(DATES), "end": st.sampled_from(DATES)}), JUNK
)
DATE = st.sampled_from(DATES)
ELEMENTS = {
    "id": st.sampled_from(["c", "e", "x", None, 9]),
    "status": STATUS,
    "code": CONCEPT,
    "type": st.one_of(CONCEPT, st.lists(CONCEPT, max_size=2)),
    "class": CONCEPT,
    "category": CONCEPT,
    "bodySite": st.one_of(CONCEPT, st.lists(CONCEPT, max_size=2)),
    "clinicalStatus": CONCEPT,
    "verificationStatus": CONCEPT,
    "reasonCode": st.one_of(CONCEPT, st.lists(CONCEPT, max_size=2)),
    "reasonReference": st.lists(REFERENCE, max_size=2),
    "medicationCodeableConcept": CONCEPT,
    "modality": CONCEPT,
    "conclusionCode": st.lists(CONCEPT, max_size=2),
    "onsetDateTime": DATE,
    "recordedDate": DATE,
    "effectiveDateTime": DATE,
    "performedDateTime": DATE,
    "performedPeriod": PERIOD,
    "period": PERIOD,
    "authoredOn": DATE,
    "authored": DATE,
    "started": DATE,
    "sent": DATE,
    "valueQuantity": QUANTITY,
    "valueBoolean": JUNK,
    "valueInteger": JUNK,
    "valueString": JUNK,
    "valueCodeableConcept": CONCEPT,
    "interpretation": st.lists(CONCEPT, max_size=2),
    "referenceRange": JUNK,
    "component": st.lists(st.fixed_dictionaries({"code": CONCEPT, "valueQuantity": QUANTITY}), max_size=2),
    "dosageInstruction": st.lists(
        st.fixed_dictionaries({"route": CONCEPT, "timing": JUNK, "asNeededBoolean": JUNK}), max_size=2
    ),
    "dispenseRequest": JUNK,
    "participant": JUNK,
    "diagnosis": JUNK,
    "encounter": REFERENCE,
    "addresses": JUNK,
    "safety": JUNK,
    "activity": st.one_of(JUNK, st.lists(st.fixed_dictionaries({"detail": JUNK}), max_size=1)),
    "intent": JUNK,
    "series": JUNK,
    "imagingStudy": st.lists(REFERENCE, max_size=1),
    "result": st.lists(REFERENCE, max_size=1),
    "focus": st.lists(REFERENCE, max_size=1),
    "item": st.lists(
        st.fixed_dictionaries(
            {
                "linkId": st.sampled_from(CODES),
                "answer": st.lists(
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "valueBoolean": JUNK,
                            "valueDecimal": JUNK,
                            "valueDate": DATE,
                            "valueCoding": CONCEPT,
                            "valueQuantity": QUANTITY,
                        },
                    ),
                    max_size=2,
                ),
            }
        ),
        max_size=3,
    ),
}
TYPES = [
    "Condition",
    "Observation",
    "DiagnosticReport",
    "ImagingStudy",
    "Procedure",
    "Encounter",
    "MedicationRequest",
    "MedicationStatement",
    "ServiceRequest",
    "QuestionnaireResponse",
    "Device",
    "Goal",
    "CarePlan",
    "Communication",
    "Appointment",
]
RESOURCE = st.fixed_dictionaries({"resourceType": st.sampled_from(TYPES)}, optional=ELEMENTS)


def every_ref():
    for name, definition in load().vocabulary.items():
        yield from ([f"{name}({argument})" for argument in definition.arguments] or [name])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    resources=st.lists(RESOURCE, max_size=8),
    order=st.fixed_dictionaries(
        {}, optional={name: ELEMENTS[name] for name in ("reasonCode", "reasonReference", "encounter")}
    ),
    born=st.one_of(st.sampled_from(DATES), JUNK),
    cpt=st.sampled_from(["72148", "76800", "72141", "72082"]),
)
def test_any_chart_can_be_read(sheet, resources, order, born, cpt):
    facts = sheet(*resources, order=order, born=born, cpt=cpt)
    for ref in every_ref():
        found = facts.read(ref)
        assert found.known == (found.value is not None)


UNCODED = {name: made for name, made in ELEMENTS.items() if name not in ("item",)}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    resources=st.lists(st.fixed_dictionaries({"resourceType": st.sampled_from(TYPES)}, optional=UNCODED), max_size=6)
)
def test_a_chart_without_a_single_code_makes_no_fact_known(sheet, resources):
    facts = sheet(*(without_systems(resource) for resource in resources), born=None)
    of_order = {ref for ref, reader in REGISTRY.items() if not reader.reads}
    for ref in every_ref():
        if ref not in of_order:
            assert not facts.read(ref).known, ref


def without_systems(value):
    if isinstance(value, dict):
        return {key: without_systems(inner) for key, inner in value.items() if key != "system"}
    return [without_systems(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("depth", [30, 900])
def test_deeply_nested_answers_do_not_exhaust_the_stack(sheet, depth):
    item = {"linkId": "night_pain", "answer": [{"valueBoolean": True}]}
    for _ in range(depth):
        item = {"linkId": "group", "item": [item]}
    response = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "authored": "2026-11-10",
        "item": [item],
    }
    found = sheet(response).read("night_pain")
    assert found.value is (True if depth < 40 else None)

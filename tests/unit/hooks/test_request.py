"""A request is read tolerantly where clients differ, and refused with the member's name where it cannot be answered."""

from typing import Any

import orjson
import pytest

from cds_service.core.errors import RequestError
from cds_service.hooks.decode import decode
from cds_service.hooks.request import FhirAccess, HookRequest, read_request
from tests.hook_requests import a_request, an_order, replaced, without


def read(body: object, hook: str | None = None) -> HookRequest:
    return read_request(orjson.dumps(body), hook)


def refusal(body: object, hook: str | None = None) -> RequestError:
    with pytest.raises(RequestError) as raised:
        read(body, hook)
    assert raised.value.status == 400
    return raised.value


@pytest.mark.proves("CH-REQ-01", "CH-REQ-06")
@pytest.mark.parametrize(
    "member",
    ["hook", "hookInstance", "context", "context.userId", "context.patientId", "context.draftOrders"],
)
@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
def test_a_missing_required_member_is_named(member: str, hook: str) -> None:
    error = refusal(without(a_request(hook=hook), member))

    assert error.field == member
    assert error.code == "required"


@pytest.mark.proves("CH-REQ-06")
def test_selections_are_required_by_order_select_only() -> None:
    error = refusal(without(a_request(hook="order-select"), "context.selections"))

    assert error.field == "context.selections"
    assert read(a_request(hook="order-sign")).in_scope == ("ServiceRequest/mri",)


@pytest.mark.proves("CH-REQ-06")
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("hook", 3),
        ("hook", "patient-view"),
        ("hookInstance", "not-a-uuid"),
        ("hookInstance", 7),
        ("context", []),
        ("context.userId", "no-type"),
        ("context.patientId", 1),
        ("context.patientId", ""),
        ("context.patientId", "Patient/p1"),
        ("context.patientId", "../Patient"),
        ("context.patientId", ".."),
        ("context.patientId", "p1&_count=9999"),
        ("context.patientId", "p1\n"),
        ("context.encounterId", "Encounter/e1"),
        ("context.encounterId", 5),
        ("context.selections", []),
        ("context.selections", "ServiceRequest/mri"),
        ("context.selections", [3]),
        ("context.draftOrders", []),
        ("context.draftOrders.resourceType", "List"),
        ("context.draftOrders.entry", {}),
        ("context.draftOrders.entry", [1]),
        ("context.draftOrders.entry", [{"resource": "x"}]),
        ("prefetch", []),
        ("fhirServer", 5),
        ("fhirAuthorization", "Bearer x"),
        ("fhirAuthorization", {"access_token": 5}),
    ],
)
def test_a_member_of_the_wrong_shape_is_named_and_its_value_is_not_repeated(member: str, value: Any) -> None:
    request = a_request(hook="order-select", fhirServer="http://127.0.0.1/fhir")

    error = refusal(replaced(request, member, value))

    assert error.field is not None
    assert error.field.startswith(member.split(".")[0])
    assert str(value) not in error.problem or value in ("", [])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b'{"a": NaN}', b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 5000]
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as raised:
        read_request(body)
    assert raised.value.status == 400


def test_a_decisive_member_sent_twice_is_refused() -> None:
    """Two readers of {"patientId": "a", "patientId": "b"} may see two patients."""
    body = orjson.dumps(a_request()).replace(b'"patientId":"p1"', b'"patientId":"p2","patientId":"p1"')

    with pytest.raises(RequestError, match="two members of the same name"):
        read_request(body)


def test_a_decisive_name_may_stand_twice_in_different_objects() -> None:
    assert decode(b'{"context": {"context": 1}}') == {"context": {"context": 1}}


@pytest.mark.proves("CH-REQ-04")
def test_a_request_for_another_hook_is_refused() -> None:
    assert refusal(a_request(hook="order-sign"), "order-select").field == "hook"


def test_an_order_nested_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}

    assert "nested too deeply" in refusal(a_request(an_order(note=deep))).problem


@pytest.mark.proves("CH-REQ-05")
def test_unknown_members_are_ignored_everywhere() -> None:
    request = a_request(unknown={"a": 1}, extension={"davinci-crd.configuration": {"alt-drug": True}})
    request["context"]["unknown"] = request["context"]["draftOrders"]["unknown"] = [None]
    request["context"]["draftOrders"]["entry"][0]["unknown"] = 5

    assert read(request).in_scope == ("ServiceRequest/mri",)


@pytest.mark.parametrize("value", [None, {}])
def test_optional_members_may_be_null_or_empty(value: object) -> None:
    request = a_request(fhirAuthorization=value) | {"prefetch": value, "fhirServer": None}
    request["context"]["encounterId"] = None

    asked = read(request)

    assert (asked.prefetch, asked.fhir, asked.encounter_id) == ({}, None, None)


@pytest.mark.proves("CH-REQ-06")
def test_ids_may_be_longer_than_fhir_allows() -> None:
    """One large record system sends ids of close to 200 characters."""
    long = "e" + "Aa0-." * 40

    assert read(replaced(replaced(a_request(), "context.patientId", long), "prefetch", {})).patient_id == long


@pytest.mark.parametrize(
    "selection",
    ["ServiceRequest/mri", "mri", "https://ehr.example/fhir/ServiceRequest/mri", "ServiceRequest/mri/_history/2"],
)
def test_a_selection_names_its_draft_in_any_usual_spelling(selection: str) -> None:
    request = a_request(an_order("mri"), an_order("xray", "72100"), hook="order-select")

    assert read(replaced(request, "context.selections", [selection])).in_scope == ("ServiceRequest/mri",)


@pytest.mark.parametrize("selection", ["MedicationRequest/mri", "other", "ServiceRequest/mri2", "ri"])
def test_a_selection_of_something_else_selects_nothing(selection: str) -> None:
    request = replaced(a_request(hook="order-select"), "context.selections", [selection])

    assert read(request).in_scope == ()


def test_a_draft_without_id_is_named_by_its_full_url() -> None:
    request = a_request(without(an_order(), "id") | {"id": ""})
    request["context"]["draftOrders"]["entry"][0]["fullUrl"] = "urn:uuid:0c3f"

    assert read(request).in_scope == ("ServiceRequest/0c3f",)


@pytest.mark.parametrize(
    ("member", "value"),
    [("resourceType", None), ("resourceType", ""), ("resourceType", 5), ("resourceType", "ServiceRequest "),
     ("id", "mri\n"), ("id", " mri"), ("id", " ")],
)  # fmt: skip
def test_a_draft_that_cannot_be_named_is_refused_not_left_out(member: str, value: object) -> None:
    error = refusal(a_request(an_order(), an_order("second") | {member: value}))

    assert error.field == f"context.draftOrders.entry[1].resource.{member}"


@pytest.mark.parametrize("bundle", [{"entry": []}, {}, {"resourceType": "Bundle", "entry": [{}, {"resource": {}}]}])
def test_a_bundle_without_drafts_or_type_is_no_error(bundle: dict[str, Any]) -> None:
    assert read(replaced(a_request(), "context.draftOrders", bundle)).drafts == ()


@pytest.mark.proves("CH-REQ-03", "CH-FHIR-03")
@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (None, FhirAccess("http://127.0.0.1/fhir")),
        ({"access_token": ""}, FhirAccess("http://127.0.0.1/fhir")),
        ({"access_token": None, "expires_in": 0}, FhirAccess("http://127.0.0.1/fhir")),
        ({"access_token": "t", "token_type": "Bearer"}, FhirAccess("http://127.0.0.1/fhir", "t")),
        ({"access_token": "t", "token_type": "bearer", "expires_in": 300}, FhirAccess("http://127.0.0.1/fhir", "t")),
        ({"access_token": "t", "token_type": "mac"}, None),
        ({"access_token": "t", "expires_in": 0}, None),
        ({"access_token": "t\r\nX: y"}, None),
    ],
)
def test_access_to_the_server(authorization: dict[str, Any] | None, expected: FhirAccess | None) -> None:
    request = a_request(fhirServer="http://127.0.0.1/fhir", fhirAuthorization=authorization)

    assert read(request).fhir == expected


@pytest.mark.proves("CH-REQ-02")
def test_a_token_without_server_is_not_an_error() -> None:
    assert read(a_request(fhirAuthorization={"access_token": "t"})).fhir is None


@pytest.mark.proves("CH-REQ-07")
def test_another_patient_in_prefetch_or_token_is_refused() -> None:
    other_chart = replaced(a_request(), "prefetch.patient.id", "p2")
    other_token = a_request(fhirServer="http://127.0.0.1", fhirAuthorization={"access_token": "t", "patient": "p2"})

    assert refusal(other_chart).field == "prefetch.patient"
    assert refusal(other_token).field == "fhirAuthorization.patient"


def test_nothing_of_the_patient_shows_when_a_request_is_printed() -> None:
    asked = read(a_request(fhirServer="http://127.0.0.1", fhirAuthorization={"access_token": "secret"}))

    assert repr(asked) == "HookRequest(hook='order-sign')"
    assert "secret" not in repr(asked.fhir)

"""The embedded FHIR server: search as FHIR R4 has it, errors that clients can read, writes that last until restart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, TestResponse

from cds_service.web.demo import resource_store
from cds_service.web.demo.record_system import LARGEST_BODY, record_system
from cds_service.web.demo.resource_store import ResourceStore

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"


def condition(ident: str, patient: str = "p1", onset: str | None = None, **more: Any) -> dict[str, Any]:
    resource = {"resourceType": "Condition", "id": ident, "subject": {"reference": f"Patient/{patient}"}}
    return resource | ({"onsetDateTime": onset} if onset else {}) | more


def coded(*codings: tuple[str | None, str]) -> dict[str, Any]:
    return {"coding": [({"system": system} if system else {}) | {"code": code} for system, code in codings]}


def encounter(ident: str, **period: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": ident,
        "status": "finished",
        "class": {"system": "urn:classes", "code": "AMB"},
        "subject": {"reference": "Patient/p1"},
        "period": period,
    }


PROBLEM = coded((CATEGORY, "problem-list-item"))

RESOURCES = (
    {"resourceType": "Patient", "id": "p1", "name": [{"family": "Mockridge", "given": ["Wren", "Ivy"]}]},
    {"resourceType": "Patient", "id": "p2", "name": [{"family": "Testwood", "given": ["Corin"]}]},
    condition("c1", onset="2026-09-14", code=coded((ICD, "M54.50"), (SNOMED, "279039007")), category=[PROBLEM]),
    condition("c2", onset="2026-10", code=coded((ICD, "M54.6")), category=[coded((CATEGORY, "encounter-diagnosis"))]),
    condition("c3", onset="2025", code=coded((None, "back,pain"))),
    condition("c4", "p2", onset="2026-09-14T23:30:00-06:00", code=coded((ICD, "M54.50"))),
    condition("c5", subject={"reference": "https://ehr.example/fhir/Patient/p1"}, code={"text": "no code, no date"}),
    encounter("e1", start="2026-10-01T09:00:00Z", end="2026-10-03T09:00:00Z"),
    encounter("e2", start="2026-11-10T09:00:00Z"),
    {"resourceType": "Device", "id": "d1", "patient": {"reference": "Patient/p1"}, "status": "active"},
    {"resourceType": "Appointment", "id": "a1", "participant": [{"actor": {"reference": "Patient/p1"}}]},
    {"resourceType": "PractitionerRole", "id": "r1", "practitioner": {"reference": "Practitioner/n1"}},
)  # fmt: skip


@pytest.fixture
def client() -> Client:
    return serving(RESOURCES)


def serving(resources: Iterable[dict[str, Any]]) -> Client:
    """A client of a fresh server, mounted at /fhir as in the demo."""
    return Client(DispatcherMiddleware(NotFound(), {"/fhir": record_system(ResourceStore(resources))}))


def bundle(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    assert response.content_type == "application/fhir+json"
    read = response.get_json(force=True)
    assert read["resourceType"] == "Bundle"
    assert read["type"] == "searchset"
    return dict(read)


def ids(response: TestResponse) -> list[str]:
    """Ids of the entries; checks on the way that total and entries agree."""
    read = bundle(response)
    found = [entry["resource"]["id"] for entry in read.get("entry", [])]
    assert read["total"] == len(found)
    return found


def outcome(response: TestResponse, status: int) -> dict[str, Any]:
    assert response.status_code == status
    read = response.get_json(force=True)
    assert read["resourceType"] == "OperationOutcome"
    assert read["issue"][0]["severity"] == "error"
    return dict(read["issue"][0])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Condition?patient=p1", ["c1", "c2", "c3", "c5"]),
        ("Condition?patient=Patient/p1", ["c1", "c2", "c3", "c5"]),
        ("Condition?patient=https://other.example/Patient/p1", ["c1", "c2", "c3", "c5"]),
        ("Condition?subject=p2", ["c4"]),
        ("Condition?subject=Patient/p2", ["c4"]),
        ("Condition?subject=Group/p2", []),
        ("Condition?patient=p1,p2", ["c1", "c2", "c3", "c4", "c5"]),
        ("Condition?patient=nobody", []),
        ("Condition?_id=c2,c4", ["c2", "c4"]),
        ("Condition?_id=c2&patient=p2", []),
        ("Device?patient=Patient/p1", ["d1"]),
        ("Appointment?patient=Patient/p1", ["a1"]),
        ("PractitionerRole?practitioner=Practitioner/n1", ["r1"]),
        ("Patient?name=mock", ["p1"]),
        ("Patient?given=ivy", ["p1"]),
        ("Patient?family=wood", []),
    ],
)
def test_search_by_whose_and_which(client: Client, query: str, found: list[str]) -> None:
    assert ids(client.get(f"/fhir/{query}")) == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("M54.50", ["c1", "c4"]),
        (f"{ICD}|M54.50", ["c1", "c4"]),
        (f"{SNOMED}|M54.50", []),
        (f"{SNOMED}|", ["c1"]),
        ("|M54.50", []),
        (r"|back\,pain", ["c3"]),
        (f"{ICD}|M54.6,{SNOMED}|279039007", ["c1", "c2"]),
        ("m54.50", []),
    ],
)
def test_search_by_code(client: Client, code: str, found: list[str]) -> None:
    assert ids(client.get("/fhir/Condition", query_string={"code": code})) == found


def test_one_parameter_twice_means_both(client: Client) -> None:
    assert ids(client.get("/fhir/Condition?code=M54.50&code=279039007")) == ["c1"]
    assert ids(client.get("/fhir/Condition?onset-date=ge2026-09&onset-date=lt2026-10")) == ["c1", "c4"]


def test_search_by_category_class_and_status(client: Client) -> None:
    assert ids(client.get("/fhir/Condition?category=problem-list-item")) == ["c1"]
    assert ids(client.get(f"/fhir/Condition?category={CATEGORY}|encounter-diagnosis")) == ["c2"]
    assert ids(client.get("/fhir/Encounter?class=AMB&status=finished")) == ["e1", "e2"]
    assert ids(client.get("/fhir/Encounter?status=planned")) == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2026-09-14", ["c1"]),  # c4 is 05:30 on the 15th in UTC
        ("2026-09", ["c1", "c4"]),
        ("eq2026", ["c1", "c2", "c4"]),
        ("ne2026", ["c3"]),
        ("gt2026-09-14", ["c2", "c4"]),
        ("ge2026-09-14", ["c1", "c2", "c4"]),
        ("lt2026-09-14", ["c3"]),
        ("le2026-09-14", ["c1", "c3"]),
        ("ge2026-10", ["c2"]),
        ("le2025", ["c3"]),
        ("sa2026-09-14", ["c2", "c4"]),
        ("eb2026-09-15", ["c1", "c3"]),
        ("ge2026-09-15T05:30:00Z", ["c2", "c4"]),
        ("gt2026-09-15T05:30:00Z", ["c2"]),
        ("2026-09-15T05:30Z", ["c4"]),
        ("2025,2026-10", ["c2", "c3"]),
    ],
)
def test_search_by_date(client: Client, asked: str, found: list[str]) -> None:
    assert ids(client.get(f"/fhir/Condition?onset-date={asked}")) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2026-10", ["e1"]),
        ("2026-10-02", []),
        ("ge2026-10-02", ["e1", "e2"]),
        ("gt2026-10-03", ["e2"]),
        ("le2026-10-02", ["e1"]),
        ("gt2030", ["e2"]),  # no end: still going on
        ("sa2026-11-10", []),
        ("eb2026-10-04", ["e1"]),
    ],
)
def test_a_period_is_compared_as_a_whole(client: Client, asked: str, found: list[str]) -> None:
    assert ids(client.get(f"/fhir/Encounter?date={asked}")) == found


@pytest.mark.parametrize("asked", ["yesterday", "2026-13", "2026-02-30", "ap2026", "ge", "2026-11-10T99:00:00Z"])
def test_a_date_that_is_none_is_refused(client: Client, asked: str) -> None:
    assert outcome(client.get(f"/fhir/Condition?onset-date={asked}"), 400)["code"] == "value"


def test_an_error_does_not_repeat_what_was_sent(client: Client) -> None:
    for query in ("onset-date=SECRET", "_count=SECRET", "code:SECRET=SECRET"):
        assert "SECRET" not in client.get(f"/fhir/Condition?{query}").text


def test_pages_are_linked_and_cover_everything_once(client: Client) -> None:
    seen, url = [], "/fhir/Condition?patient=Patient/p1&_count=3"
    for _ in range(5):
        page = bundle(client.get(url))
        assert page["total"] == 4
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        url = following[0].removeprefix("http://localhost")
    assert seen == ["c1", "c2", "c3", "c5"]
    assert "patient=Patient%2Fp1" in url


def test_count_zero_and_summary_count_give_the_total_alone(client: Client) -> None:
    for query in ("_count=0", "_summary=count"):
        page = bundle(client.get(f"/fhir/Condition?{query}"))
        assert page["total"] == 5
        assert "entry" not in page
    assert outcome(client.get("/fhir/Condition?_count=-1"), 400)["code"] == "value"
    assert outcome(client.get("/fhir/Condition?_count=many"), 400)["code"] == "value"


def test_an_empty_search_has_no_entry_member(client: Client) -> None:
    page = bundle(client.get("/fhir/Condition?patient=nobody"))
    assert page["total"] == 0
    assert "entry" not in page


def test_sorting(client: Client) -> None:
    assert ids(client.get("/fhir/Condition?_sort=-onset-date&patient=p1")) == ["c2", "c1", "c3", "c5"]
    assert ids(client.get("/fhir/Condition?_sort=onset-date&patient=p1")) == ["c5", "c3", "c1", "c2"]
    assert ids(client.get("/fhir/Condition?_sort=-_id")) == ["c5", "c4", "c3", "c2", "c1"]


def test_search_by_post_reads_form_and_url(client: Client) -> None:
    assert ids(client.post("/fhir/Condition/_search", data={"patient": "Patient/p1", "code": "M54.6"})) == ["c2"]
    assert ids(client.post("/fhir/Condition/_search?patient=p1", data={"code": "M54.50"})) == ["c1"]


def test_what_we_do_not_know_is_left_out_of_the_self_link(client: Client) -> None:
    page = bundle(client.get("/fhir/Condition?patient=p1&color=red&_lastUpdated=ge2026&_include=Condition:subject"))
    assert page["total"] == 4
    assert page["link"] == [{"relation": "self", "url": "http://localhost/fhir/Condition?patient=p1"}]


def test_a_strict_client_is_told(client: Client) -> None:
    strict = {"Prefer": "handling=strict"}
    assert outcome(client.get("/fhir/Condition?patient=p1&color=red", headers=strict), 400)["code"] == "not-supported"
    lenient = client.get("/fhir/Condition?patient=p1&color=red", headers={"Prefer": "handling=lenient"})
    assert len(ids(lenient)) == 4
    assert ids(client.get("/fhir/Condition?patient=p2&_lastUpdated=ge2026&_format=json", headers=strict)) == ["c4"]


def test_a_modifier_is_refused_because_ignoring_it_would_change_the_answer(client: Client) -> None:
    assert outcome(client.get("/fhir/Condition?code:not=M54.50"), 400)["code"] == "not-supported"


def test_links_carry_the_address_the_client_used(client: Client) -> None:
    page = bundle(client.get("/fhir/Condition?_id=c1", headers={"Host": "127.0.0.1:9000"}))
    assert page["entry"][0]["fullUrl"] == "http://127.0.0.1:9000/fhir/Condition/c1"
    assert page["link"][0]["url"] == "http://127.0.0.1:9000/fhir/Condition?_id=c1"


def test_read(client: Client) -> None:
    response = client.get("/fhir/Patient/p1", headers={"Accept": "application/json+fhir"})
    assert response.content_type == "application/fhir+json"
    assert response.get_json(force=True) == RESOURCES[0]
    assert client.head("/fhir/Patient/p1").status_code == 200


@pytest.mark.parametrize(
    "path", ["/fhir/Patient/nobody", "/fhir/Spaceship", "/fhir/Spaceship/1", "/fhir/Patient/p1/_history", "/fhir/"]
)
def test_what_is_not_there_is_an_outcome(client: Client, path: str) -> None:
    response = client.get(path)
    outcome(response, 404)
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_person_following_a_link_sees_the_resource_in_the_browser(client: Client) -> None:
    response = client.get("/fhir/Patient/p1", headers={"Accept": "text/html,application/xhtml+xml;q=0.9"})
    assert response.content_type == "application/json"
    assert response.get_json() == RESOURCES[0]


def test_metadata_describes_what_works(client: Client) -> None:
    statement = client.get("/fhir/metadata").get_json(force=True)
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"
    rest = statement["rest"][0]
    assert rest["security"]["cors"] is True  # a SMART launcher in front of us needs the element
    for offered in rest["resource"]:
        names = [parameter["name"] for parameter in offered["searchParam"] if parameter["type"] != "date"]
        query = "&".join(f"{name}=x" for name in names)
        strict = client.get(f"/fhir/{offered['type']}?{query}", headers={"Prefer": "handling=strict"})
        assert ids(strict) == []


@pytest.mark.parametrize("path", ["metadata", "Patient", "Patient/p1", "Condition/_search", "_services/smart/Launch"])
def test_browsers_may_ask_first(client: Client, path: str) -> None:
    asked = {"Origin": "http://127.0.0.1:3000", "Access-Control-Request-Headers": "authorization,content-type"}
    response = client.options(f"/fhir/{path}", headers=asked)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed
    assert "content-type" in allowed
    assert "POST" in response.headers["Access-Control-Allow-Methods"]


def test_create_gives_an_id_of_its_own_and_is_found_at_once(client: Client) -> None:
    sent = condition("mine", "p2", code=coded((ICD, "R20.0")))
    response = client.post("/fhir/Condition", json=sent)
    assert response.status_code == 201
    created = response.get_json(force=True)
    assert created["id"] != "mine"
    assert response.headers["Location"] == f"http://localhost/fhir/Condition/{created['id']}"
    assert ids(client.get("/fhir/Condition?patient=p2&code=R20.0")) == [created["id"]]


def test_update_replaces_and_moves_between_patients(client: Client) -> None:
    assert client.put("/fhir/Condition/c1", json=condition("c1", "p2")).status_code == 200
    assert ids(client.get("/fhir/Condition?patient=p1")) == ["c2", "c3", "c5"]
    assert ids(client.get("/fhir/Condition?patient=p2")) == ["c4", "c1"]
    assert client.put("/fhir/Condition/new-1", json=condition("new-1")).status_code == 201
    assert client.get("/fhir/Condition/new-1").status_code == 200


def test_delete_is_for_clients_that_carry_out_a_suggestion(client: Client) -> None:
    assert client.delete("/fhir/Condition/c1").status_code == 204
    assert client.delete("/fhir/Condition/c1").status_code == 204
    outcome(client.get("/fhir/Condition/c1"), 404)


def test_writes_are_gone_after_a_restart() -> None:
    before = serving(RESOURCES)
    assert before.put("/fhir/Condition/new-1", json=condition("new-1")).status_code == 201
    assert before.get("/fhir/Condition/new-1").status_code == 200
    assert outcome(serving(RESOURCES).get("/fhir/Condition/new-1"), 404)["code"] == "not-found"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/fhir/Condition/c1", b'{"resourceType": "Condition", "id": "c2"}'),
        ("/fhir/Condition/c1", b'{"resourceType": "Condition"}'),
        ("/fhir/Condition/c1", b'{"resourceType": "Patient", "id": "c1"}'),
        ("/fhir/Condition/c_1", b'{"resourceType": "Condition", "id": "c_1"}'),
        ("/fhir/Condition/c1", b"[]"),
        ("/fhir/Condition/c1", b"not json"),
    ],
)
def test_a_write_that_is_not_one_is_refused(client: Client, path: str, body: bytes) -> None:
    outcome(client.put(path, data=body), 400)
    assert ids(client.get("/fhir/Condition?_id=c1,c_1"))[:1] == ["c1"]


def test_a_body_has_a_limit(client: Client) -> None:
    large = condition("c9", note=[{"text": "x" * LARGEST_BODY}])
    assert outcome(client.put("/fhir/Condition/c9", json=large), 413)["code"] == "too-long"


def test_memory_has_a_limit(client: Client) -> None:
    for _ in range(resource_store.MOST_WRITES):
        assert client.put("/fhir/Condition/c1", json=condition("c1")).status_code == 200
    assert outcome(client.put("/fhir/Condition/c1", json=condition("c1")), 507)["code"] == "too-costly"


def test_a_chart_that_is_odd_does_not_break_a_search() -> None:
    odd = [
        condition("o1", code="text", category="x", onset="sometime"),
        condition("o2", code={"coding": ["x", {"code": 5}, {}]}, subject="Patient/p1"),
        condition("o3", code=[None, 3], onset=None, subject={"reference": 7}),
        condition("o4", onsetPeriod={"start": 3, "end": "x"}, code=coded((None, "ok"))),
    ]
    client = serving(odd)
    assert ids(client.get("/fhir/Condition?code=ok")) == ["o4"]
    assert ids(client.get("/fhir/Condition?onset-date=ge2000")) == []
    assert ids(client.get("/fhir/Condition?patient=p1")) == ["o1", "o4"]
    assert len(ids(client.get("/fhir/Condition?_sort=onset-date,code"))) == 4


def test_a_launch_id_for_an_app_that_a_card_opens(client: Client) -> None:
    asked = {"launchUrl": "http://127.0.0.1:8080/app", "parameters": {"patient": "p1", "appContext": "x"}}
    first = client.post("/fhir/_services/smart/Launch", json=asked)
    assert first.status_code == 200
    assert first.get_json(force=True)["launch_id"]
    assert first.get_json(force=True) != client.post("/fhir/_services/smart/Launch", json=asked).get_json(force=True)

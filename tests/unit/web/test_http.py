"""The HTTP surface: statuses, bodies of errors, cross-origin headers, sizes, addresses, logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds_service.config import Settings
from cds_service.store.rows import NO_ORDER
from cds_service.web.log import JsonLines
from tests.hook_requests import BACK_PAIN, a_request, full_prefetch, replaced
from tests.serving import REVIEWS, SELECT, SIGN, Serving, serving
from tests.tokens import bearer, production

FEEDBACK = {
    "feedback": [
        {
            "card": "1981d7cb-a2cc-4872-a0ef-b16b93836623",
            "outcome": "overridden",
            "outcomeTimestamp": "2026-11-20T17:40:19Z",
        }
    ]
}
PREFLIGHT = {
    "Origin": "https://sandbox.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, replace(Settings(), max_body_bytes=100_000)) as running:
        yield running


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, production()) as running:
        yield running


def assert_outcome(response: Any, status: int) -> dict[str, Any]:
    """The one shape of an error: an OperationOutcome with a sentence, and nothing of our insides."""
    assert response.status_code == status
    assert response.content_type == "application/json"
    body = orjson.loads(response.data)
    assert body["resourceType"] == "OperationOutcome"
    (issue,) = body["issue"]
    assert issue["severity"] == "error"
    assert issue["code"]
    assert issue["diagnostics"]
    assert "Traceback" not in response.text
    assert ".py" not in response.text
    return issue


@pytest.mark.proves("CH-JSON-01", "CH-JSON-05")
def test_a_review_is_compact_json_that_no_cache_keeps(service: Serving) -> None:
    response = service.post(SIGN, a_request())

    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.data == orjson.dumps(orjson.loads(response.data))
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.proves("CH-JSON-02")
def test_no_member_is_empty(service: Serving) -> None:
    def walk(value: Any, path: str) -> Iterator[str]:
        if value in (None, "", [], {}) and path != ".cards":
            yield path
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, member in members:
            yield from walk(member, f"{path}.{name}")

    for code in ("72148", "72146", "72100", "72149", "73721", "76800"):
        request = a_request()
        request["context"]["draftOrders"]["entry"][0]["resource"]["code"]["coding"][0]["code"] = code
        body = service.post(SIGN, request).json
        assert [*walk(body, "")] == []


@pytest.mark.proves("CH-ERR-08")
@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "application/fhir+json", "application/json"])
def test_json_media_types_are_taken(service: Serving, media_type: str) -> None:
    assert service.post(SIGN, a_request(), **{"Content-Type": media_type}).status_code == 200


@pytest.mark.proves("CH-ERR-08")
@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_other_media_types_are_415(service: Serving, media_type: str) -> None:
    assert_outcome(service.post(SIGN, a_request(), **{"Content-Type": media_type}), 415)


def test_a_compressed_body_is_415(service: Serving) -> None:
    assert_outcome(service.post(SIGN, b"\x1f\x8b", **{"Content-Encoding": "gzip"}), 415)


@pytest.mark.proves("CH-ERR-05")
@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"[]", b'{"a":1e999}', b"\xff"])
@pytest.mark.parametrize("path", [SIGN, SELECT, f"{SIGN}/feedback"])
def test_what_is_not_a_json_object_is_400(service: Serving, path: str, body: bytes) -> None:
    assert_outcome(service.post(path, body), 400)


@pytest.mark.proves("CH-ERR-06")
def test_a_bad_request_names_the_member(service: Serving) -> None:
    issue = assert_outcome(service.post(SELECT, a_request(hook="order-sign")), 400)

    assert issue["expression"] == ["hook"]


@pytest.mark.proves("CH-ERR-08")
@pytest.mark.parametrize("path", ["/nothing", "/cds-services/other", "/cds-services/other/feedback", "/CDS-services"])
def test_an_unknown_address_is_404(service: Serving, path: str) -> None:
    assert_outcome(service.post(path, a_request()), 404)


@pytest.mark.proves("CH-ERR-08")
@pytest.mark.parametrize(
    ("method", "path"), [("GET", SIGN), ("PUT", SIGN), ("POST", "/cds-services"), ("DELETE", "/healthz")]
)
def test_another_method_is_405_and_says_which_are_right(service: Serving, method: str, path: str) -> None:
    response = service.client.open(path, method=method)

    assert_outcome(response, 405)
    assert response.headers["Allow"]


@pytest.mark.proves("CH-ERR-08")
def test_a_body_over_the_limit_is_413_whether_or_not_its_length_is_announced(service: Serving) -> None:
    body = orjson.dumps(a_request()) + b" " * 100_000

    assert_outcome(service.post(SIGN, body), 413)
    streamed = service.client.post(
        SIGN,
        input_stream=BytesIO(body),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert_outcome(streamed, 413)


def test_a_body_of_just_the_limit_is_taken(service: Serving) -> None:
    body = orjson.dumps(a_request())

    assert service.post(SIGN, body + b" " * (100_000 - len(body))).status_code == 200


@pytest.mark.proves("CH-ERR-04", "CH-ERR-06")
def test_a_fault_of_ours_is_500_and_tells_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*args: Any) -> Any:
        raise KeyError("Mrs Example")

    with serving(tmp_path, read_chart=broken) as service:
        response = service.post(SIGN, a_request())

    assert_outcome(response, 500)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Example" not in response.text + caplog.text
    (record,) = [record for record in caplog.records if record.message == "fault"]
    assert record.__dict__["fault"] == "KeyError"
    assert any("broken" in line for line in record.__dict__["where"])


def test_endless_recursion_in_reading_is_400(tmp_path: Path) -> None:
    def endless(*args: Any) -> Any:
        return endless(*args)

    with serving(tmp_path, read_chart=endless) as service:
        assert_outcome(service.post(SIGN, a_request()), 400)


@pytest.mark.parametrize("path", ["/cds-services/", "//cds-services", "/cds-services//"])
def test_discovery_does_not_mind_slashes(service: Serving, path: str) -> None:
    response = service.client.get("/", environ_overrides={"PATH_INFO": path})

    assert response.json == service.client.get("/cds-services").json


@pytest.mark.parametrize("path", ["/cds-services//spine-imaging-order-sign", f"{SIGN}/", f"/{SIGN}"])
def test_services_do_not_mind_slashes_either(service: Serving, path: str) -> None:
    response = service.client.post("/", data=orjson.dumps(a_request()), content_type="application/json",
                                   environ_overrides={"PATH_INFO": path})  # fmt: skip

    assert response.status_code == 200


@pytest.mark.proves("CH-CORS-01")
@pytest.mark.parametrize("path", ["/cds-services", SIGN, f"{SIGN}/feedback", "/cds-services//x", "/cds-services/other"])
def test_a_preflight_is_answered_everywhere(service: Serving, path: str) -> None:
    response = service.client.options("/", headers=PREFLIGHT, environ_overrides={"PATH_INFO": path})

    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed
    assert "content-type" in allowed
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.proves("CH-CORS-02")
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/cds-services", bearer("/cds-services"), 200),
        ("/cds-services", {}, 401),
        ("/cds-services/other", bearer("/cds-services/other"), 405),
    ],
)
def test_a_listed_origin_is_echoed_on_errors_too(
    guarded: Serving, path: str, headers: dict[str, str], status: int
) -> None:
    response = guarded.client.get(path, headers={"Origin": "https://sandbox.example", **headers})

    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "https://sandbox.example"
    assert "Origin" in response.headers["Vary"]


@pytest.mark.proves("CH-CORS-03")
@pytest.mark.parametrize("origin", ["https://evil.example", "https://sandbox.example.evil.example", "null", ""])
def test_another_origin_gets_no_permission(guarded: Serving, origin: str) -> None:
    for response in (
        guarded.client.get("/cds-services", headers={"Origin": origin}),
        guarded.client.get("/cds-services", headers={"Origin": origin, **bearer("/cds-services")}),
        guarded.client.options(SIGN, headers=PREFLIGHT | {"Origin": origin}),
    ):
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Origin" in response.headers["Vary"]


@pytest.mark.proves("CH-TLS-02")
def test_production_reads_from_no_plain_http_server(guarded: Serving) -> None:
    request = a_request(prefetch=None, fhirServer="http://ehr.example/fhir")

    assert_outcome(guarded.post(SIGN, request, **bearer(SIGN)), 412)


def test_production_has_no_demo(guarded: Serving) -> None:
    assert_outcome(guarded.client.get("/"), 404)
    assert_outcome(guarded.client.get("/fhir/metadata"), 404)


def test_each_card_and_silence_is_stored_without_naming_anyone(service: Serving) -> None:
    service.post(SIGN, a_request())
    service.post(SIGN, replaced(a_request(), "context.draftOrders.entry.0.resource.code.coding.0.code", "73721"))

    cards, silences = service.rows("issued_cards"), service.rows("kept_silences")
    assert [row["service"] for row in cards] == ["spine-imaging-order-sign"]
    assert len(silences) == 1
    assert silences[0]["reason"]
    stored = repr(cards + silences)
    assert "p1" not in stored
    assert "ServiceRequest" not in stored


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        (SELECT, replaced(a_request(hook="order-select"), "context.selections", ["ServiceRequest/another"])),
        (SIGN, replaced(a_request(), "context.draftOrders.entry", [])),
    ],
)
def test_a_call_that_names_no_draft_is_answered_and_its_silence_has_a_reason(
    service: Serving, path: str, request_body: dict[str, Any]
) -> None:
    """That each selection is among the drafts is a duty of clients, and no text gives services an error for a breach.

    CDS Hooks wants 200 and no cards where there is nothing to advise on. So the client's fault is not made the
    clinician's: the answer is empty, and the store knows that no order was looked at.
    """
    answer = service.post(path, request_body)

    assert (answer.status_code, answer.json) == (200, {"cards": []})
    (silence,) = service.rows("kept_silences")
    assert (silence["reason"], silence["determination"]) == (NO_ORDER, None)


def test_a_failing_store_never_stops_a_card_and_stops_feedback(service: Serving) -> None:
    with service.store.engine.begin() as connection:
        for table in ("issued_cards", "kept_silences", "feedback"):
            connection.exec_driver_sql(f"drop table {table}")

    assert service.post(SIGN, a_request()).json["cards"]
    assert_outcome(service.post(f"{SIGN}/feedback", FEEDBACK), 503)

    ready = service.client.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert ready.json["rows_lost"] == 1  # the card's; whoever sent the feedback was told
    assert "cds_store_rows_lost_total 1.0" in service.client.get("/metrics").text


def test_alive_and_ready(service: Serving) -> None:
    assert service.client.get("/healthz").json["status"] == "ok"
    ready = service.client.get("/readyz").json
    assert (ready["status"], ready["rows_lost"], ready["rows_waiting"]) == ("ready", 0, 0)
    assert ready["guidelines"]["adult-spine-2026"] == "v2.0.2026"
    assert "store" not in ready


def test_metrics_count_what_was_answered(service: Serving) -> None:
    service.post(SIGN, a_request())
    service.post(f"{SIGN}/feedback", FEEDBACK)
    service.post(SIGN, b"{")

    numbers = service.client.get("/metrics").text
    assert 'cds_request_seconds_count{service="spine-imaging-order-sign"} 1.0' in numbers
    assert 'cds_feedback_total{outcome="overridden",service="spine-imaging-order-sign"} 1.0' in numbers
    assert 'cds_requests_total{route="/cds-services/<service_id>",status="400"} 1.0' in numbers
    assert "cds_determinations_total{" in numbers
    assert "cds_cards_total{" in numbers


def test_a_sane_request_id_is_kept_and_another_replaced(service: Serving) -> None:
    assert service.client.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert service.client.get("/healthz", headers={"X-Request-Id": "a b{}"}).headers["X-Request-Id"] != "a b{}"


@pytest.mark.parametrize(
    ("sent", "logged"),
    [("GET", "GET"), ("OPTIONS", "OPTIONS"), ("MRN-4711", "other"), ("get", "GET"), ("A" * 900, "other")],
)
def test_a_method_of_the_callers_own_making_is_not_logged(
    service: Serving, caplog: pytest.LogCaptureFixture, sent: str, logged: str
) -> None:
    caplog.set_level(logging.INFO)
    environ = {"REQUEST_METHOD": sent, "HTTP_X_REQUEST_ID": "secret" * 20}

    service.client.open("/healthz", environ_overrides=environ)

    (line,) = [JsonLines().format(record) for record in caplog.records if record.getMessage() == "request"]
    assert orjson.loads(line)["method"] == logged
    assert "secret" not in line


def test_the_log_tells_times_and_determinations_and_nothing_of_the_patient(
    service: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = {name: f"sentinel-{name}" for name in ("name", "note", "token", "comment", "user", "header")}
    request = a_request(
        prefetch=full_prefetch(BACK_PAIN | {"note": [{"text": secrets["note"]}]}),
        fhirServer="http://127.0.0.1:9/fhir",
        fhirAuthorization={"access_token": secrets["token"]},
    )
    request["prefetch"]["patient"]["name"] = [{"family": secrets["name"]}]
    request["context"]["userId"] = f"Practitioner/{secrets['user']}"
    comment = replaced(FEEDBACK, "feedback.0.overrideReason", {"userComment": secrets["comment"]})

    service.post(SIGN, request, Authorization=f"Bearer {secrets['header']}")
    service.post(SIGN, orjson.dumps(request)[:-1])
    service.post(f"{SIGN}/feedback", comment)
    service.post(f"{SIGN}/feedback", replaced(comment, "feedback.0.card", secrets["comment"]))
    service.client.get(f"/cds-services/{secrets['name']}?patient={secrets['name']}")

    lines = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert "sentinel" not in lines + caplog.text
    first = next(orjson.loads(line) for line in lines.splitlines() if SIGN.split("/")[-1] in line)
    assert first["determinations"]
    assert first["ms"] > 0
    assert first["request_id"]


def test_a_response_never_names_the_token_or_the_server_of_a_failed_read(service: Serving) -> None:
    request = a_request(
        prefetch={"patient": full_prefetch()["patient"]},
        fhirServer="http://127.0.0.1:9/secret-tenant",
        fhirAuthorization={"access_token": "secret-token"},
    )

    response = service.post(SIGN, request)

    assert response.json["extension"][REVIEWS]
    assert "secret" not in response.text

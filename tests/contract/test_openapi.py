"""`openapi.yaml` describes what runs: the same addresses, and bodies that keep to its schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_service import resources
from cds_service.config import Settings
from tests.hook_requests import a_request, an_order
from tests.serving import REVIEWS, SELECT, SIGN, Serving, serving

DESCRIPTION: dict[str, Any] = yaml.safe_load(resources.openapi_path().read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = DESCRIPTION["components"]["schemas"]
EXAMPLES = DESCRIPTION["components"]["requestBodies"]["Feedback"]["content"]["application/json"]["examples"]
FEEDBACK = EXAMPLES["accepted"]["value"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("contract")) as running:
        yield running


def errors(schema: str, body: object) -> list[str]:
    validator = Draft202012Validator(DESCRIPTION | {"$ref": f"#/components/schemas/{schema}"})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


def test_every_described_address_runs_and_every_hook_address_is_described(service: Serving) -> None:
    adapter = service.app.url_map.bind("localhost")
    described = {
        (adapter.match(path, method.upper(), return_rule=True)[0].rule, method.upper())
        for path, methods in DESCRIPTION["paths"].items()
        for method in methods
    }
    running = {
        (rule.rule, method)
        for rule in service.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.partition(".")[0] in ("hooks", "feedback", "operations")
    }
    assert described == running


def test_the_served_description_is_the_file(service: Serving) -> None:
    assert service.client.get("/openapi.yaml").data == resources.openapi_path().read_bytes()


def test_discovery_keeps_to_its_schema(service: Serving) -> None:
    assert errors("Discovery", service.client.get("/cds-services").json) == []


@pytest.mark.parametrize("code", ["72148", "72146", "72158", "72100", "72131", "76800", "73721", "72275"])
@pytest.mark.parametrize(("hook", "path"), [("order-sign", SIGN), ("order-select", SELECT)])
def test_answers_keep_to_their_schema(service: Serving, hook: str, path: str, code: str) -> None:
    request = a_request(an_order(code=code), hook=hook)

    assert errors("OrderSignRequest" if hook == "order-sign" else "OrderSelectRequest", request) == []
    assert errors("Response", service.post(path, request).json) == []


def names_beyond(described: dict[str, Any], told: dict[str, Any]) -> set[str]:
    """Members that a schema does not describe: it would let them pass."""
    return set(told) - set(described["properties"])


@pytest.mark.parametrize("profile", ["default", "default+ratings", "sandbox"])
def test_an_answer_is_described_whole_in_every_profile(tmp_path: Path, profile: str) -> None:
    schema = SCHEMAS["Response"]
    request = a_request(an_order(extension=[{"url": "https://ehr.example/slot", "valueString": "morning"}]))

    with serving(tmp_path, Settings(client_profile=profile)) as running:
        answer = running.post(SIGN, request).json

    assert errors("Response", answer) == []
    assert names_beyond(schema, answer) == set()
    assert names_beyond(schema["properties"]["extension"], answer["extension"]) == set()
    assert ("systemActions" in answer) == (profile != "default")
    assert ("systemActions" in answer["extension"]) == (profile == "sandbox")
    parts = {"Card": answer["cards"], "Review": answer["extension"][REVIEWS]}
    described = [(SCHEMAS[name], each) for name, sent in parts.items() for each in sent]
    described += [(SCHEMAS["Ratings"]["items"], each) for each in answer.get("systemActions", ())]
    assert [names for part, each in described if (names := names_beyond(part, each))] == []


def test_a_rating_without_all_its_extensions_is_refused() -> None:
    resource = {"resourceType": "ServiceRequest", "extension": [{"url": "https://ehr.example/slot"}]}
    assert errors("Ratings", [{"type": "update", "description": "x", "resource": resource}])


@pytest.fixture
def without_its_store(tmp_path: Path) -> Iterator[Serving]:
    """A service whose store takes nothing."""
    with serving(tmp_path) as running:
        with running.store.engine.begin() as connection:
            for table in ("issued_cards", "kept_silences", "feedback"):
                connection.exec_driver_sql(f"drop table {table}")
        yield running


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_what_operators_are_told_is_described_whole(service: Serving, without_its_store: Serving, path: str) -> None:
    """A schema lets undescribed members pass, so the names are compared as well."""
    schema = DESCRIPTION["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]

    for running in (service, without_its_store):
        told = running.client.get(path).json
        assert list(Draft202012Validator(schema).iter_errors(told)) == []
        assert set(schema["required"]) <= set(told) <= set(schema["properties"])


def test_refused_feedback_says_when_to_send_it_again(without_its_store: Serving) -> None:
    described = DESCRIPTION["paths"][f"{SIGN}/feedback"]["post"]["responses"]["503"]
    refused = without_its_store.post(f"{SIGN}/feedback", FEEDBACK)

    assert refused.status_code == 503
    assert errors("OperationOutcome", refused.json) == []
    seconds = described["headers"]["Retry-After"]
    assert seconds["required"]
    assert Draft202012Validator(seconds["schema"]).is_valid(int(refused.headers["Retry-After"]))


def test_the_schema_of_a_review_refuses_what_we_never_send() -> None:
    assert errors("Review", {"order": "ServiceRequest/1", "study": {"id": "x"}, "determination": "denied"})
    assert errors("Response", {"cards": [], "extension": {"org.spine-imaging-cds.reviews": []}})


def test_the_examples_are_answered(service: Serving) -> None:
    example = DESCRIPTION["paths"][SELECT]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert service.post(SELECT, example).status_code == 200

    for item in EXAMPLES.values():
        assert service.post(f"{SELECT}/feedback", item["value"]).status_code == 200


@pytest.mark.parametrize("path", DESCRIPTION["paths"])
def test_any_request_of_the_described_shape_gets_a_described_answer(service: Serving, path: str) -> None:
    (operation,) = schemathesis.openapi.from_wsgi("/openapi.yaml", service.app)[path].values()

    @settings(
        max_examples=25,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy())
    def answered_as_described(case: schemathesis.Case) -> None:
        case.call_and_validate(
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ]
        )

    answered_as_described()


def test_an_error_keeps_to_its_schema(service: Serving) -> None:
    assert errors("OperationOutcome", orjson.loads(service.post(SIGN, b"{").data)) == []

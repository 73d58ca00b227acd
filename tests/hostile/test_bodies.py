"""Ten thousand bodies that mean harm or make no sense. Each gets a prompt, honest answer: cards, or an error."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import orjson
import pytest

from cds_service.core.errors import RequestError
from cds_service.hooks.consult import respond
from cds_service.hooks.discovery import BY_ID
from cds_service.hooks.request import read_request
from cds_service.resources import fixtures_dir
from tests.hook_requests import BACK_PAIN, a_request, an_order, full_prefetch
from tests.hostile.mutations import bodies
from tests.serving import SELECT, SIGN, Serving, a_desk, serving

pytestmark = pytest.mark.slow

NUMBER = 10_000
SEED = 20_261_120
# Seconds of computing for one body, however busy the machine is: what is looked for is a hang, not a slow answer.
LONGEST = 5.0
HONEST = {200, 400, 412, 413, 415, 422}

FEEDBACK = {
    "feedback": [
        {
            "card": "1981d7cb-a2cc-4872-a0ef-b16b93836623",
            "outcome": "overridden",
            "outcomeTimestamp": "2026-11-20T17:40:19Z",
            "overrideReason": {"reason": {"code": "c", "system": "urn:s"}, "userComment": "no"},
            "acceptedSuggestions": [{"id": "733530d3-b45b-4fc3-aa56-abe9f0838bcd"}],
        }
    ]
}


def good_requests() -> list[tuple[str, Any]]:
    """Small ones mostly, whose review is quick, so that time goes into reading; a whole chart now and then."""
    order = an_order(
        code="72100",
        reasonCode=[{"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}], "text": "pain"}],
        note=[{"text": "since May"}],
        requester={"reference": "PractitionerRole/r1"},
    )
    small = full_prefetch(BACK_PAIN, {"resourceType": "Observation", "id": "o1", "valueQuantity": {"value": 1}})
    sign, select = a_request(order, prefetch=small), a_request(order, hook="order-select", prefetch=small)
    story = (fixtures_dir() / "requests" / "order-sign" / "infant-dermal-sinus.json").read_bytes()
    return [
        *[(SIGN, sign), (SELECT, select), (f"{SIGN}/feedback", FEEDBACK)] * 12,
        *[(SIGN, a_request(an_order(), prefetch=small))] * 2,
        (SELECT, a_request(an_order(code="76800"), an_order("ct", "72131"), hook="order-select", prefetch=small)),
        (SIGN, a_request(order, prefetch=None, fhirServer="http://127.0.0.1:9/fhir")),
        (SIGN, orjson.loads(story)),
    ]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("hostile")) as running:
        yield running


def check_silence(path: str, body: bytes) -> None:
    """No card is an answer only when every order under review has a reason why nothing is said about it."""
    service = BY_ID[path.rpartition("/")[2]]
    asked = read_request(body, service.hook)
    answer = respond(asked, service.id, a_desk())
    orders = {reference for reference in asked.in_scope if reference.startswith("ServiceRequest/")}
    assert len(answer.issued) >= len(orders), "an order vanished"
    assert all(getattr(item, "reason", "card") for item in answer.issued)


def test_ten_thousand_bodies(service: Serving) -> None:
    statuses: Counter[int] = Counter()
    kinds: Counter[str] = Counter()
    silent = slowest = 0.0
    for path, kind, body in bodies(good_requests(), NUMBER, SEED):
        began = time.thread_time()
        response = service.post(path, body)
        slowest = max(slowest, time.thread_time() - began)
        statuses[response.status_code] += 1
        kinds[kind] += 1
        told = f"{kind} {response.status_code} {body[:300]!r}"
        assert response.status_code in HONEST, told
        if path.endswith("/feedback") and response.status_code == 200:
            assert response.data == b"", told
            continue
        answer = orjson.loads(response.data)
        if response.status_code == 200:
            assert isinstance(answer["cards"], list), told
            if not answer["cards"] and "extension" not in answer:  # neither a card nor a review
                silent += 1
                check_silence(path, body)
        else:
            assert answer["resourceType"] == "OperationOutcome", told
            assert "Traceback" not in response.text, told
            assert ".py" not in response.text, told
    assert slowest < LONGEST
    assert sum(statuses.values()) == NUMBER
    assert statuses[200] > NUMBER / 10  # else the generator only tests the first check
    print(  # noqa: T201
        f"hostile bodies tried: {NUMBER}; by status {dict(sorted(statuses.items()))}; by kind {dict(kinds)}; "
        f"silences with a reason {silent:.0f}; slowest {slowest * 1000:.0f} ms"
    )


def test_a_body_of_fifty_megabytes_is_not_read(service: Serving) -> None:
    class Watched(BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            chunk = super().read(size)
            Watched.taken += len(chunk)
            return chunk

    size = 50 * 2**20
    body = Watched(b" " * size)
    announced = service.client.post(SIGN, input_stream=body, content_type="application/json", content_length=size)
    assert announced.status_code == 413
    assert Watched.taken == 0

    body.seek(0)
    streamed = service.client.post(
        SIGN, input_stream=body, content_type="application/json", environ_overrides={"wsgi.input_terminated": True}
    )
    assert streamed.status_code == 413
    assert Watched.taken <= 21_000_000


def test_a_huge_but_admitted_body_is_answered_in_time(service: Serving) -> None:
    """Nineteen megabytes of observations: slow, and still an answer."""
    observation = {"resourceType": "Observation", "subject": {"reference": "Patient/p1"}, "valueString": "x" * 300}
    request = a_request(prefetch=full_prefetch(*({**observation, "id": f"o{number}"} for number in range(45_000))))
    body = orjson.dumps(request)
    assert 15_000_000 < len(body) < 20_000_000
    began = time.thread_time()

    assert service.post(SIGN, body).status_code == 200
    assert time.thread_time() - began < 20


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
def test_five_hundred_orders_at_once_are_all_answered_for(service: Serving, hook: str) -> None:
    orders = [an_order(f"o{number}", "72148" if number % 2 else "73721") for number in range(500)]
    response = service.post(SIGN if hook == "order-sign" else SELECT, a_request(*orders, hook=hook))

    assert response.status_code == 200
    assert len(response.json["extension"]["org.spine-imaging-cds.reviews"]) == 250


def test_the_generator_makes_the_same_bodies_every_time() -> None:
    first, second = (list(bodies(good_requests(), 50, SEED)) for _ in range(2))
    assert first == second
    assert len({body for _, _, body in first}) > 45


def test_what_is_refused_is_refused_by_name() -> None:
    with pytest.raises(RequestError):
        read_request(b'{"hook": "order-sign", "hook": "order-sign"}')

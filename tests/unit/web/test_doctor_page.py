"""The doctor's page: a form, the findings, and nothing of the chart that could become markup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.hook_requests import BACK_PAIN, a_request, full_prefetch, replaced, without
from tests.serving import Serving, serving


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("doctor")) as running:
        yield running


def examined(service: Serving, request: object) -> tuple[int, str]:
    pasted = request if isinstance(request, str) else orjson.dumps(request).decode()
    answer = service.client.post("/doctor", data={"request": pasted})
    return answer.status_code, answer.text


def test_the_form_begins_empty_or_with_an_example(service: Serving) -> None:
    assert "<textarea" in service.client.get("/doctor").text
    example = service.client.get("/doctor?example=chart-not-readable")
    assert "chart-not-readable-order" in example.text
    assert service.client.get("/doctor?example=../../etc/passwd").status_code == 404


def test_the_findings_of_a_request(service: Serving) -> None:
    status, page = examined(service, without(a_request(), "prefetch.conditions"))
    assert status == 200
    assert "nothing counts as absent" in page
    assert "conditions: send it" in page


def test_ids_have_their_words_beside_them_and_commands_are_marked(service: Serving) -> None:
    condition = {**BACK_PAIN, "code": {"coding": [{"system": "urn:x", "code": "local-1"}]}}
    _, page = examined(service, a_request(prefetch=full_prefetch(condition)))
    assert "MRI lumbar spine without contrast <code>mr_lumbar_wo</code>" in page
    assert '<code>indication</code> <span class="quiet">(the reason for this study)</span>: not documented' in page
    assert "(<code>cds-service codes</code> tells" in page
    assert "`" not in page.partition("Findings for")[2]


def test_after_an_examination_the_page_is_still_marked_in_the_navigation(service: Serving) -> None:
    _, page = examined(service, a_request())
    assert '<a href="/doctor" aria-current="page">' in page


def test_something_else_is_refused_in_words(service: Serving) -> None:
    status, page = examined(service, "not json")
    assert status == 400
    assert "not valid JSON" in page


def test_what_is_pasted_stays_text(service: Serving) -> None:
    """In the form it comes back as it was; among the findings it never appears."""
    evil = "</textarea><script>alert(1)</script>"
    request = replaced(a_request(), "prefetch.patient", {"resourceType": "Patient", "id": "p1", "gender": evil})
    for pasted in (request, evil):
        _, page = examined(service, pasted)
        assert "<script" not in page
        assert page.count("</textarea>") == 1


def test_a_large_request_is_taken(service: Serving) -> None:
    request = replaced(a_request(), "prefetch.filler", "x" * 3_000_000)
    assert examined(service, request)[0] == 200


def test_no_page_outside_the_demo() -> None:
    package = Path(__file__).parents[3] / "cds_service" / "web"
    importing = [path for path in package.rglob("*.py") if "import doctor_page" in path.read_text(encoding="utf-8")]
    importing = [path for path in importing if path.parent.name != "doctor_page"]
    assert importing == [package / "demo" / "__init__.py"]

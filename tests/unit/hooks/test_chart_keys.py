"""Our own queries say what the templates say, and rarer resources are asked for by type."""

from cds_service.fhir.client import Query
from cds_service.hooks.chart_keys import TABLE, rarer_queries
from tests.hook_requests import an_order


def test_a_fetched_key_asks_what_its_template_asks() -> None:
    by_key = {row.key: row.query("p1") for row in TABLE}

    assert by_key["patient"] == Query("Patient", "p1")
    assert by_key["observations"] == Query("Observation", params=(("_sort", "-date"), ("_count", "200")))


def test_types_with_a_key_are_not_rare() -> None:
    assert rarer_queries({"Condition", "Device"}, ()) == (Query("Device", params=(("_count", "100"),)),)


def test_roles_are_read_by_the_references_of_the_drafts() -> None:
    drafts = (
        an_order(requester={"reference": "PractitionerRole/r1"}, performer=[{"reference": "Practitioner/2"}, None]),
        an_order(requester={"reference": "https://ehr.example/fhir/PractitionerRole/r2"}),
        an_order(requester={"reference": 5}, performer="nobody"),
    )

    assert rarer_queries({"PractitionerRole"}, drafts) == (
        Query("PractitionerRole", "r1"),
        Query("PractitionerRole", "r2"),
    )

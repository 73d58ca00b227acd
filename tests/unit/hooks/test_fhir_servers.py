"""The address of the FHIR server comes with the request: only listed ones are ever called."""

import pytest

from cds_service.hooks.fhir_servers import FhirServers

LISTED = FhirServers(("https://ehr.example/fhir",))
DEMO = FhirServers(loopback=True, plain_http=True)


@pytest.mark.proves("ENG-SSRF-01")
@pytest.mark.parametrize(
    "url", ["https://ehr.example/fhir", "https://ehr.example/fhir/", "https://EHR.example:443/fhir/tenant-1"]
)
def test_a_listed_base_and_what_lies_below_it_are_admitted(url: str) -> None:
    assert LISTED.allows(url)


@pytest.mark.proves("ENG-SSRF-01")
@pytest.mark.parametrize(
    "url",
    [
        "http://ehr.example/fhir",
        "https://ehr.example/other",
        "https://ehr.example/fhirx",
        "https://ehr.example:8443/fhir",
        "https://ehr.example.evil.example/fhir",
        "https://evil.example/https://ehr.example/fhir",
        "https://ehr.example@evil.example/fhir",
        "https://ehr.example/fhir/../admin",
        "https://ehr.example/fhir/%2e%2e/admin",
        "https://ehr.example/fhir?x=1",
        "https://ehr.example\\@evil.example/fhir",
        "file:///etc/passwd",
        "ftp://ehr.example/fhir",
        "https://",
        "https://ehr.example:port/fhir",
        "https://[::1/fhir",
        "//ehr.example/fhir",
        "https://ehr.example/fhir\n",
        "http://127.0.0.1:8080/fhir",
        "http://169.254.169.254/latest",
        "",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    assert not LISTED.allows(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/fhir", "http://localhost/fhir", "http://[::1]:9/fhir", "http://127.9.9.9"]
)
def test_the_demo_reads_from_this_machine(url: str) -> None:
    assert DEMO.allows(url)


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/fhir", "http://localhost.evil.example/fhir", "http://0.0.0.0/fhir", "https://ehr.example/fhir"],
)
def test_the_demo_reads_from_no_other_machine(url: str) -> None:
    assert not DEMO.allows(url)

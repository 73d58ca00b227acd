"""`config check` puts every decision of the file into a sentence, and no secret."""

from __future__ import annotations

import pytest

from cds_service.config import Client, Mode, Settings, in_words
from cds_service.facts.settings import Settings as FactSettings

EHR = Client(
    "https://ehr.example",
    name="north",
    jwks_url="https://ehr.example/jwks.json",
    fhir_servers=("https://ehr.example/fhir", "https://ehr.example/fhir2"),
)


def production(**changed: object) -> str:
    settings: dict[str, object] = {"clients": (EHR,), "public_base_url": "https://cds.example"} | changed
    return in_words(Settings(mode=Mode.PRODUCTION, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sentence",
    [
        "Client north",
        "iss https://ehr.example, signed with ES384 or RS384, keys from https://ehr.example/jwks.json.",
        "Charts may be read from https://ehr.example/fhir and https://ehr.example/fhir2.",
        "Audience: the address that is called, such as https://cds.example/cds-services.",
        "No page may call from a browser.",
        "Outgoing connections reach public addresses only.",
        "Keeps no request or response.",
    ],
)
def test_each_decision_is_a_sentence(sentence: str) -> None:
    assert sentence in production()


def test_a_number_that_is_not_the_usual_one_is_said() -> None:
    facts = FactSettings(long_term_steroid_days=60)

    assert "Where the guidelines print no number: long_term_steroid_days is 60, instead of 90." in production(
        facts=facts
    )
    assert "print no number" not in production()


def test_what_is_chosen_is_said() -> None:
    text = production(private_networks=("10.0.0.0/8",), audit_folder="/var/audit", log_level="debug", ca_file=__file__)

    assert "public addresses, and 10.0.0.0/8." in text
    assert "patient data included, in /var/audit." in text
    assert "level debug" in text
    assert __file__ in text


def test_a_client_with_everything_set() -> None:
    client = Client(
        "https://ehr.example",
        keys='{"keys": [{"kty": "EC", "kid": "k1", "crv": "P-384"}]}',
        tenants=("a", "b"),
        audience="sand_man",
        allowed_origins=("https://ehr.example",),
        fhir_servers=(),
        profile="crd",
    )
    text = production(clients=(client,))

    for said in ("pinned keys", "a or b", "Audience: sand_man", "Pages from https://ehr.example may", "prefetch only",
                 "profile crd"):  # fmt: skip
        assert said in text


def test_the_password_of_the_database_is_not_said() -> None:
    text = production(database_url="postgresql://cds:hunter2@db:5432/cds")

    assert "postgresql://cds:***@db:5432/cds" in text
    assert "hunter2" not in text


def test_the_demo_is_called_one() -> None:
    assert in_words(Settings()).startswith("Demo mode: synthetic patients, no tokens are checked")

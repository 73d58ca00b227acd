"""Settings come from three places in a fixed order, and unsafe ones stop the start with a sentence that helps."""

from pathlib import Path
from typing import Any

import pytest

from cds_service.config import Client, Mode, Settings, as_environment, load
from cds_service.core.errors import ConfigurationError

EHR = Client(
    "https://ehr.example", jwks_url="https://ehr.example/jwks.json", fhir_servers=("https://ehr.example/fhir",)
)
PRODUCTION: dict[str, Any] = {
    "mode": Mode.PRODUCTION,
    "host": "0.0.0.0",  # noqa: S104
    "clients": (EHR,),
    "public_base_url": "https://cds.example",
}


def test_the_demo_listens_on_this_machine_and_needs_nothing() -> None:
    assert load({}) == Settings(mode=Mode.DEMO, host="127.0.0.1", port=8080)


def test_arguments_beat_variables_and_variables_beat_the_file(tmp_path: Path) -> None:
    file = tmp_path / "cds.toml"
    file.write_text('port = 1\nworkers = 2\nthreads = 3\nallowed_origins = ["https://a.example"]\n')
    environ = {"SPINE_CDS_CONFIG": str(file), "SPINE_CDS_PORT": "10", "SPINE_CDS_WORKERS": "20"}

    settings = load(environ, port=100, workers=None)

    assert (settings.port, settings.workers, settings.threads) == (100, 20, 3)
    assert settings.allowed_origins == ("https://a.example",)


def test_port_is_understood_and_our_own_variable_beats_it() -> None:
    assert load({"PORT": "9000"}).port == 9000
    assert load({"PORT": "9000", "SPINE_CDS_PORT": "9001"}).port == 9001


def test_lists_are_separated_by_commas() -> None:
    settings = load({"SPINE_CDS_ALLOWED_ORIGINS": "https://a.example, https://b.example,"})

    assert settings.allowed_origins == ("https://a.example", "https://b.example")


def test_numbers_that_the_guidelines_leave_open_are_a_table_of_the_file_or_json(tmp_path: Path) -> None:
    file = tmp_path / "cds.toml"
    file.write_text("[facts]\nlong_term_steroid_days = 60\n")
    from_file = load({"SPINE_CDS_CONFIG": str(file)})
    from_variable = load({"SPINE_CDS_FACTS": '{"long_term_steroid_days": 60}'})

    assert from_file.facts.long_term_steroid_days == 60
    assert from_file == from_variable == load(as_environment(from_file))
    with pytest.raises(ConfigurationError, match="steroids is not a setting"):
        load({"SPINE_CDS_FACTS": '{"steroids": 60}'})


@pytest.mark.parametrize(
    "variable",
    [("SPINE_CDS_PORT", "tcp://10.0.0.1:80"), ("SPINE_CDS_SERVICE_HOST", "10.0.0.1"), ("SPINE_CDS_MODE", "")],
)
def test_service_links_and_empty_variables_are_not_settings(variable: tuple[str, str]) -> None:
    assert load(dict([variable])) == Settings()


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"SPINE_CDS_PROT": "80"}, "SPINE_CDS_PROT is not a setting"),
        ({"SPINE_CDS_PORT": "eighty"}, "port must be a whole number"),
        ({"SPINE_CDS_PORT": "0"}, "port must be greater than 0"),
        ({"SPINE_CDS_PORT": "70000"}, "at most 65535"),
        ({"SPINE_CDS_FHIR_DEADLINE": "soon"}, "fhir_deadline must be a number"),
        ({"SPINE_CDS_MODE": "test"}, "mode must be demo, production"),
        ({"SPINE_CDS_HOST": "192.0.2.1"}, "demo mode listens on loopback only"),
        ({"SPINE_CDS_FHIR_SERVERS": "ehr.example/fhir"}, "not an absolute URL"),
        ({"SPINE_CDS_CLIENT_PROFILE": "nobody"}, "client_profile must be one of"),
        ({"SPINE_CDS_CONFIG": "/no/such/file"}, "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load(environ)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("port = ", "cds.toml"),
        ("prot = 1", "prot is not a setting"),
        ('database_url = "postgresql://cds:hunter2@db/cds"', "SPINE_CDS_DATABASE_URL"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "cds.toml"
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=says) as raised:
        load({"SPINE_CDS_CONFIG": str(file)})
    assert "hunter2" not in str(raised.value)


def test_production_starts_with_its_clients() -> None:
    settings = Settings(**PRODUCTION)

    assert settings.base_url == "https://cds.example"
    assert settings.fhir_access.allows("https://ehr.example/fhir")
    assert not settings.fhir_access.allows("http://127.0.0.1/fhir")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"clients": ()}, "production mode needs clients"),
        ({"public_base_url": None}, "production mode needs public_base_url"),
        ({"public_base_url": "http://cds.example"}, "production mode needs public_base_url"),
        ({"public_base_url": "https://cds.example?x=1"}, "production mode needs public_base_url"),
        ({"fhir_servers": ("https://ehr.example/fhir",)}, "fhir_servers belongs to a client"),
        ({"allowed_origins": ("https://ehr.example",)}, "allowed_origins belongs to a client"),
        ({"client_profile": "epic"}, "client_profile belongs to a client"),
        ({"private_networks": ("10.0.0.0/33",)}, "not a network such as"),
        ({"ca_file": "/no/such/file"}, "ca_file names"),
        ({"log_level": "loud"}, "log_level must be one of"),
    ],
)
def test_production_refuses_to_start_unsafe(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Settings(**{**PRODUCTION, **changed})


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"clients": (EHR,)}, "demo mode checks no tokens"), ({"audit_folder": "/x"}, "demo mode keeps no audit")],
)
def test_the_demo_takes_no_setting_that_it_would_not_honour(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Settings(**changed)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings(mode=Mode.PRODUCTION)
    assert str(raised.value).count("production mode needs") == 2


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(fhir_servers=("http://127.0.0.1/a", "http://127.0.0.1/b"), log_level="debug"),
        Settings(**PRODUCTION, port=81, fhir_deadline=1.5, private_networks=("10.0.0.0/8",), audit_folder="/a"),
    ],
)
def test_workers_read_the_same_settings_from_the_environment(settings: Settings) -> None:
    assert load(as_environment(settings)) == settings


def test_the_password_of_the_database_is_not_printed() -> None:
    assert "hunter2" not in repr(Settings(database_url="postgresql://user:hunter2@db/cds"))


def test_the_store_has_a_place_of_its_own_unless_one_is_set() -> None:
    assert Settings().store_url.endswith("/cds-service/cds-service.sqlite3")
    assert Settings(database_url="sqlite:////x").store_url == "sqlite:////x"

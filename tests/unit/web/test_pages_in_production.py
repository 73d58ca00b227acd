"""What production offers to people: guidelines to anybody, the app and the numbers only where they were switched on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from cds_service.config import Client, Mode, Settings
from tests.serving import serving

TOKEN = "a-token-of-sufficient-length"
EHR = Client(
    issuer="https://ehr.example.org",
    jwks_url="https://ehr.example.org/keys",
    fhir_servers=("https://ehr.example.org/fhir",),
)


@contextmanager
def production(folder: Path, **settings: Any) -> Iterator[FlaskClient]:
    chosen = Settings(
        mode=Mode.PRODUCTION,
        clients=(EHR,),
        public_base_url="https://cds.example.org",
        database_url=f"sqlite:///{folder / 'store.sqlite3'}",
        **settings,
    )
    with serving(folder, chosen) as service:
        yield service.client


def test_guidelines_are_open_and_the_rest_is_not_there(tmp_path: Path) -> None:
    with production(tmp_path) as client:
        assert client.get("/guidelines").status_code == 200
        with client.get("/site/site.css") as sheet:
            assert sheet.status_code == 200
        for address in (
            "/documentation",
            "/documentation/launch",
            "/analytics",
            "/analytics/days.csv",
            "/fhir/metadata",
        ):
            assert client.get(address).status_code == 404
        assert "Analytics" not in client.get("/guidelines").text


def test_every_link_of_the_frame_leads_somewhere(tmp_path: Path) -> None:
    with production(tmp_path, app_client_id="our-app", analytics_token=TOKEN) as client:
        for page in ("/guidelines", "/documentation"):
            links = set(re.findall(r'(?:href|src)="(/[^"]*)"', client.get(page).text.partition("<main")[0]))
            assert len(links) > 3
            for link in links:
                with client.get(link, auth=("anybody", TOKEN)) as answer:
                    assert answer.status_code == 200, link


def test_analytics_asks_for_its_token(tmp_path: Path) -> None:
    with production(tmp_path, analytics_token=TOKEN) as client:
        assert client.get("/analytics").status_code == 401
        answer = client.get("/analytics", auth=("anybody", TOKEN))
        assert answer.status_code == 200
        assert answer.headers["Strict-Transport-Security"]


def test_the_app_opens_for_known_record_systems_only(tmp_path: Path) -> None:
    with production(tmp_path, app_client_id="our-app") as client:
        assert client.get("/documentation").status_code == 200
        for issuer in ("https://evil.example/fhir", "http://ehr.example.org/fhir", "http://127.0.0.1:8080/fhir", ""):
            refused = client.get("/documentation/launch", query_string={"iss": issuer, "launch": "x"})
            assert refused.status_code == 403
            assert "Set-Cookie" not in refused.headers

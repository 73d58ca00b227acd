"""The guideline pages: everything has its place, can be found, and is open to anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service import resources
from cds_service.card_builder.words import load_words
from cds_service.guidelines.load import DATA, load
from cds_service.guidelines.resolutions import FILE, Resolution, load_resolutions
from cds_service.web.guideline_browser.catalogue import Catalogue
from cds_service.web.guideline_browser.pages import guideline_pages
from cds_service.web.guideline_browser.search import Index
from cds_service.web.pages import use_site
from tests.guidelines.two_editions import NEW, OLD, two_editions
from tests.serving import serving


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with serving(tmp_path_factory.mktemp("browser")) as service:
        yield service.client


def page(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.get_data(as_text=True)


def test_the_contents_link_every_section_in_print_order(client: FlaskClient) -> None:
    text = page(client, "/guidelines")
    for section in load().sections.values():
        assert f"/guidelines/documents/{section.document}/{section.id}" in text
    assert text.index(">SP-2.9<") < text.index(">SP-2.10<")
    assert "In force from 1 Sep 2026" in text
    assert "No effective date printed: taken as in force on any day" in text


def test_every_section_page_shows_every_criterion_of_it(client: FlaskClient) -> None:
    for section in load().sections.values():
        text = page(client, f"/guidelines/documents/{section.document}/{section.id}")
        assert not [found.id for found in section.criteria if f'id="{found.id}"' not in text]


def test_every_fact_and_value_set_has_its_page(client: FlaskClient) -> None:
    guidelines = load()
    facts, value_sets = page(client, "/guidelines/facts"), page(client, "/guidelines/value-sets")
    for name in guidelines.vocabulary:
        assert f"/guidelines/facts/{name}" in facts
    for name in guidelines.value_sets:
        assert f"/guidelines/value-sets/{name}" in value_sets
    assert "SP-4.1/prereq-xray" in page(client, "/guidelines/facts/plain_xray_available(thoracic)")
    assert "M54.5" in page(client, "/guidelines/value-sets/low-back-pain")
    assert "red_flag_cauda_equina" in page(client, "/guidelines/facts/red_flag_any")


def test_a_tree_is_told_in_words_and_its_notes_lead_to_resolutions(client: FlaskClient) -> None:
    text = page(client, "/guidelines/documents/adult-spine-2026/SP-10.1")
    assert "Treatment in this episode <strong>at least 6 weeks</strong>" in text
    assert '<a href="/guidelines/resolutions#C-12">C-12</a>' in text
    assert "SP-10.1/" in page(client, "/guidelines/resolutions")


def test_a_criterion_is_found_by_its_id_alone(client: FlaskClient) -> None:
    answer = client.get("/guidelines/criteria/SP-4.1/mri")
    assert answer.location == "/guidelines/documents/adult-spine-2026/SP-4.1#SP-4.1/mri"


@pytest.mark.parametrize(
    ("query", "kind", "name"),
    [
        ("SP-5.1", "section", "SP-5.1"),
        ("sp-4.1/mri", "criterion", "SP-4.1/mri"),
        ("dimple base", "fact", "dimple_base_visible"),
        ("m54.2", "value set", "neck-pain"),
        ("72148", "study", "mr_lumbar_wo"),
        ("C-05", "resolution", "C-05"),
    ],
)
def test_search_finds_each_kind(query: str, kind: str, name: str) -> None:
    catalogue = Catalogue(load(), _readings(), load_words(resources.cards_dir()))
    hits, count = Index(catalogue).search(query)
    assert (kind, name) in [(hit.kind, hit.name) for hit in hits[:12]]
    assert count >= len(hits) > 0


def test_an_exact_name_comes_first_and_all_words_are_needed(client: FlaskClient) -> None:
    text = page(client, "/guidelines/search?q=SP-5.1")
    assert text.index("<code>SP-5.1</code>") < text.index("<code>SP-5.1/")
    assert "Nothing holds all" in page(client, "/guidelines/search?q=dimple+aorta+zebra")
    assert "&lt;script&gt;" in page(client, "/guidelines/search?q=<script>")


@pytest.mark.parametrize(
    "address",
    [
        "/guidelines/documents/none",
        "/guidelines/documents/adult-spine-2026/SP-99",
        "/guidelines/criteria/SP-4.1/none",
        "/guidelines/facts/none",
        "/guidelines/value-sets/none",
        "/guidelines/compare?old=adult-spine-2026&new=adult-spine-2026",
        "/guidelines/compare?old=adult-spine-2026&new=spine-summary",
    ],
)
def test_what_is_not_there_is_not_found(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


def test_pages_bring_nothing_from_elsewhere(client: FlaskClient) -> None:
    answer = client.get("/guidelines")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")


def test_two_editions_can_be_compared(tmp_path: Path) -> None:
    app = Flask(__name__)
    use_site(app)
    app.register_blueprint(
        guideline_pages(Catalogue(two_editions(tmp_path), _readings(), load_words(resources.cards_dir())))
    )
    client = app.test_client()
    assert f'<option value="{NEW}" selected>' in page(client, "/guidelines/compare")
    text = page(client, f"/guidelines/compare?old={OLD}&new={NEW}")
    assert "v2.0.2026 to v1.0.2027" in text
    assert "conservative_treatment_weeks at least 4 weeks" in text
    assert "SP-10.3 Fibromyalgia" in text


def _readings() -> Mapping[str, Resolution]:

    return load_resolutions(DATA / FILE, load().documents)

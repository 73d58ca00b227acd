"""What a card may look like, over every response of the corpus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest

from tests.conformance.corpus import Exchange, exchanges

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def corpus() -> list[Exchange]:
    return exchanges()


def cards(corpus: list[Exchange]) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    found = [(exchange, card) for exchange in corpus for card in exchange.response["cards"]]
    assert len(found) > 100
    yield from found


def suggestions(corpus: list[Exchange]) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    found = [(exchange, suggestion) for exchange, card in cards(corpus) for suggestion in card.get("suggestions", [])]
    assert len(found) > 50
    yield from found


def actions(corpus: list[Exchange]) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    found = [(exchange, action) for exchange, suggestion in suggestions(corpus) for action in suggestion["actions"]]
    assert {action["type"] for _, action in found} == {"create", "update", "delete"}
    yield from found


def system_actions(corpus: list[Exchange]) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    found = [(exchange, action) for exchange in corpus for action in exchange.response.get("systemActions", [])]
    assert len(found) > 10
    yield from found


def empties(value: Any, path: str = "") -> Iterator[str]:
    if value in (None, "", [], {}):
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from empties(member, f"{path}.{name}")


@pytest.mark.proves("CH-JSON-02", "CH-JSON-03")
def test_nothing_is_empty_but_the_list_of_cards(corpus: list[Exchange]) -> None:
    for exchange in corpus:
        found = {path for path in empties(exchange.response) if path != ".cards"}
        if exchange.profile == "sandbox":  # its screen takes no update without a list of reasons (docs/integrate.md)
            found = {path for path in found if not path.endswith(".resource.reasonCode")}
        assert not found, exchange.name


@pytest.mark.proves("CH-RESP-01", "CH-ERR-01")
def test_there_is_always_a_list_of_cards(corpus: list[Exchange]) -> None:
    assert all(isinstance(exchange.response["cards"], list) for exchange in corpus)
    assert any(not exchange.response["cards"] for exchange in corpus)


@pytest.mark.proves("CH-CARD-01", "CH-CARD-02", "CH-CARD-03", "CH-SRC-02")
def test_summary_indicator_and_source(corpus: list[Exchange]) -> None:
    for exchange, card in cards(corpus):
        assert 0 < len(card["summary"]) < 140, exchange.name
        assert "\n" not in card["summary"]
        assert card["indicator"] in ("info", "warning", "critical")
        assert card["source"]["label"]
        topic = card["source"]["topic"]
        assert topic["code"]
        assert topic["system"]


@pytest.mark.proves("CH-SRC-01")
def test_a_source_has_absolute_addresses(corpus: list[Exchange]) -> None:
    for _, card in cards(corpus):
        for name in ("url", "icon"):
            if name in card["source"]:
                parts = urlsplit(card["source"][name])
                assert (parts.scheme, bool(parts.hostname)) == ("https", True)


@pytest.mark.proves("CH-CARD-04")
def test_a_detail_has_no_html(corpus: list[Exchange]) -> None:
    for exchange, card in cards(corpus):
        assert not re.search(r"<[a-zA-Z/!]", card.get("detail", "")), exchange.name


@pytest.mark.proves("CH-CARD-05", "CH-SUG-01")
def test_cards_and_suggestions_have_uuids_of_their_own(corpus: list[Exchange]) -> None:
    for exchange in corpus:
        shown = exchange.response["cards"]
        named = [*shown, *(suggestion for card in shown for suggestion in card.get("suggestions", []))]
        uuids = [item["uuid"] for item in named]
        assert len(uuids) == len(set(uuids)), exchange.name
        assert all(UUID.fullmatch(uuid) for uuid in uuids)
    assert all(suggestion["label"] for _, suggestion in suggestions(corpus))


@pytest.mark.proves("CH-CARD-06", "CH-CARD-07", "CH-CARD-10", "CH-SUG-02")
def test_how_suggestions_are_chosen(corpus: list[Exchange]) -> None:
    for _, card in cards(corpus):
        offered = card.get("suggestions", [])
        assert ("selectionBehavior" in card) == bool(offered)
        assert card.get("selectionBehavior", "any") in ("any", "at-most-one")
        if card.get("selectionBehavior") == "at-most-one":
            assert sum(suggestion.get("isRecommended", False) for suggestion in offered) <= 1
        assert not [suggestion for suggestion in offered if "actionSelectionBehavior" in suggestion]


@pytest.mark.proves("CH-CARD-08", "CH-CARD-09")
def test_override_reasons_are_whole_and_the_same_every_time(corpus: list[Exchange]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for _, card in cards(corpus):
        for reason in card.get("overrideReasons", []):
            assert reason["display"]
            assert seen.setdefault((reason["system"], reason["code"]), reason["display"]) == reason["display"]
    assert len(seen) > 2


@pytest.mark.proves("CH-ACT-01", "CH-ACT-02", "CH-ACT-03", "CH-ACT-04")
def test_actions_are_whole_and_touch_drafts_only(corpus: list[Exchange]) -> None:
    for exchange, action in actions(corpus):
        assert action["description"]
        if action["type"] == "delete":
            assert action["resourceId"] in exchange.drafts
            assert "resource" not in action
            continue
        resource = action["resource"]
        ServiceRequest.model_validate(resource)
        assert "resourceId" not in action
        assert (action["type"] == "update") == (f"ServiceRequest/{resource.get('id')}" in exchange.drafts)
        if action["type"] == "update":
            # A study of another region takes its body site away; nothing else is ever lost.
            draft = exchange.drafts[f"ServiceRequest/{resource['id']}"]
            assert {name for name, value in draft.items() if value} - {"bodySite"} <= set(resource)


@pytest.mark.proves("CH-SUG-03", "CH-ACT-04")
def test_actions_of_a_suggestion_can_be_applied_together(corpus: list[Exchange]) -> None:
    for exchange, suggestion in suggestions(corpus):
        kinds = [action["type"] for action in suggestion["actions"]]
        assert kinds == sorted(kinds, key=["delete", "create", "update"].index)
        targets = [action.get("resourceId") or action["resource"].get("id") for action in suggestion["actions"]]
        touched = [target for target in targets if target]
        assert len(touched) == len(set(touched))
        if exchange.profile.startswith("crd") and "delete" in kinds:
            assert "create" in kinds


@pytest.mark.proves("CH-LINK-01", "CH-LINK-02", "CH-LINK-03")
def test_links(corpus: list[Exchange]) -> None:
    for _, card in cards(corpus):
        assert not (card.get("links") and card.get("suggestions"))  # some clients show one of both
        for link in card.get("links", []):
            assert link["label"]
            assert link["type"] in ("absolute", "smart")
            assert urlsplit(link["url"]).scheme in ("https", "http")
            assert "autolaunchable" not in link
            assert isinstance(link.get("appContext", ""), str)
            assert link["type"] == "smart" or "appContext" not in link


@pytest.mark.proves("CH-SYS-01", "CH-SYS-02", "CH-SYS-03")
def test_system_actions_come_with_agreement_only(corpus: list[Exchange]) -> None:
    agreed = {exchange.profile for exchange, _ in system_actions(corpus)}
    assert agreed == {profile for profile in agreed if profile == "sandbox" or profile.endswith("+ratings")}
    for exchange, action in system_actions(corpus):
        assert action["type"] == "update"
        assert action["description"]
        assert f"ServiceRequest/{action['resource']['id']}" in exchange.drafts


@pytest.mark.proves("CH-EXT-01")
def test_extensions_are_objects_with_names_like_domains(corpus: list[Exchange]) -> None:
    found = [item["extension"] for exchange in corpus for item in (exchange.response, *exchange.response["cards"])
             if "extension" in item]  # fmt: skip
    assert len(found) > 100
    for extension in found:
        assert isinstance(extension, dict)
        assert all("." in name or name == "systemActions" for name in extension)


@pytest.mark.proves("CH-ERR-01", "CH-DISC-08")
def test_the_corpus_speaks_to_both_hooks(corpus: list[Exchange]) -> None:
    assert {exchange.request["hook"] for exchange in corpus} == {"order-sign", "order-select"}

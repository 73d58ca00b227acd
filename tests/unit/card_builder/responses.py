"""Builds responses in tests, and says what a well-formed one is: a JSON schema of a CDS Hooks card as we promise it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jsonschema

from cds_service.card_builder import Cards, build_cards
from cds_service.card_builder.build import Card
from cds_service.card_builder.examples import numbered_uuids
from cds_service.card_builder.templates import LONGEST_SUMMARY
from tests.unit.card_builder import reviews

UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
CODING = {
    "type": "object",
    "required": ["code", "system", "display"],
    "properties": {name: {"type": "string", "minLength": 1} for name in ("code", "system", "display")},
    "additionalProperties": False,
}
ACTION = {
    "type": "object",
    "required": ["type", "description"],
    "properties": {
        "type": {"enum": ["create", "update", "delete"]},
        "description": {"type": "string", "minLength": 1},
        "resource": {"type": "object"},
        "resourceId": {"type": "string", "pattern": "^[A-Za-z]+/.+$"},
    },
    "additionalProperties": False,
    "if": {"properties": {"type": {"const": "delete"}}},
    "then": {"required": ["resourceId"], "not": {"required": ["resource"]}},
    "else": {"required": ["resource"], "not": {"required": ["resourceId"]}},
}
CARD_SCHEMA = {
    "type": "object",
    "required": ["uuid", "summary", "detail", "indicator", "source"],
    "properties": {
        "uuid": {"type": "string", "pattern": UUID},
        "summary": {"type": "string", "minLength": 1, "maxLength": LONGEST_SUMMARY},
        "detail": {"type": "string", "minLength": 1},
        "indicator": {"enum": ["info", "warning", "critical"]},
        "source": {
            "type": "object",
            "required": ["label", "topic"],
            "properties": {
                "label": {"type": "string", "minLength": 1},
                "url": {"type": "string", "pattern": "^https?://"},
                "topic": CODING,
            },
            "additionalProperties": False,
        },
        "suggestions": {
            "type": "array",
            "minItems": 1,
            "maxItems": 3,
            "items": {
                "type": "object",
                "required": ["label", "uuid", "isRecommended", "actions"],
                "properties": {
                    "label": {"type": "string", "minLength": 1},
                    "uuid": {"type": "string", "pattern": UUID},
                    "isRecommended": {"type": "boolean"},
                    "actions": {"type": "array", "minItems": 1, "items": ACTION},
                },
                "additionalProperties": False,
            },
        },
        "selectionBehavior": {"enum": ["any", "at-most-one"]},
        "overrideReasons": {"type": "array", "minItems": 3, "maxItems": 5, "items": CODING},
        "links": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["label", "url", "type", "appContext"],
                "properties": {
                    "label": {"type": "string", "minLength": 1},
                    "url": {"type": "string"},
                    "type": {"const": "smart"},
                    "appContext": {"type": "string"},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
    "dependentRequired": {"suggestions": ["selectionBehavior"], "selectionBehavior": ["suggestions"]},
    "not": {"required": ["suggestions", "links"]},
}
VALIDATOR = jsonschema.Draft202012Validator(CARD_SCHEMA)


def build(outcomes: Sequence[Any], *, hook: str = "order-sign", profile: str = "default", **members: Any) -> Cards:
    return build_cards(
        outcomes, hook=hook, profile=profile, templates=reviews.TEMPLATES, new_uuid=numbered_uuids(), **members
    )


def one(outcome: Any, **members: Any) -> dict[str, Any]:
    [card] = build([outcome], **members).cards
    return card.body


def assert_wellformed(cards: Sequence[Card]) -> None:
    for card in cards:
        VALIDATOR.validate(card.body)
        suggestions = card.body.get("suggestions", [])
        assert sum(suggestion["isRecommended"] for suggestion in suggestions) <= 1
    uuids = [card.body["uuid"] for card in cards]
    uuids += [s["uuid"] for card in cards for s in card.body.get("suggestions", [])]
    assert len(set(uuids)) == len(uuids)
    severity = ["critical", "warning", "info"]
    places = [severity.index(card.body["indicator"]) for card in cards if "links" not in card.body]
    assert places == sorted(places)

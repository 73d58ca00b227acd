"""The approved card of every kind. `python -m tests.unit.card_builder.golden` rewrites them and the demo's requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cds_service import resources
from cds_service.card_builder import build_cards
from cds_service.card_builder.examples import numbered_uuids, write_examples
from cds_service.web.demo.hook_requests import write_requests
from tests.unit.card_builder import reviews

FOLDER: Path = resources.cards_dir() / "examples" / "kinds"
APP = "https://app.example.org/launch"


def examples() -> dict[str, Any]:
    """The cards of each hand-built review, at order-sign."""
    return {name: _cards(name, outcome) for name, outcome in reviews.one_of_each_kind().items()}


def _cards(name: str, outcome: Any) -> list[dict[str, Any]]:
    built = build_cards(
        [outcome],
        hook="order-sign",
        profile="default",
        templates=reviews.TEMPLATES,
        new_uuid=numbered_uuids(),
        app_url=APP if name == "needs_information" else None,
    )
    return [card.body for card in built.cards]


if __name__ == "__main__":
    write_examples(FOLDER, examples())
    write_requests(resources.fixtures_dir())

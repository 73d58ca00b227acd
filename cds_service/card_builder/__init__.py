"""Review -> card or silence. Every word that a clinician reads stands in `cards/`."""

from cds_service.card_builder.build import Card, Cards, Silence, build_cards
from cds_service.card_builder.choice import Indicator, SilenceReason
from cds_service.card_builder.suggestions import PROFILES
from cds_service.card_builder.templates import CardTemplates, Kind, OverrideReason, load_templates

__all__ = [
    "PROFILES",
    "Card",
    "CardTemplates",
    "Cards",
    "Indicator",
    "Kind",
    "OverrideReason",
    "Silence",
    "SilenceReason",
    "build_cards",
    "load_templates",
]

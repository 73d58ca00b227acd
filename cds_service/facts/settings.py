"""Policy numbers that decide what counts as evidence where no guideline prints one.

Thresholds of criteria do not belong here: they stand in the guideline data.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from cds_service.core.errors import ConfigurationError


def _number(default: float, low: float, high: float, means: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "means": means})


def _days(default: int, means: str) -> Any:
    return _number(default, 1, 3650, means)


@dataclass(frozen=True, slots=True)
class Settings:
    """Days are calendar days up to the review date. What each number means stands beside it, and in the reference.

    Raises ConfigurationError for a number outside its bounds.
    """

    long_term_steroid_days: int = _days(90, "a course of systemic corticosteroid at least this long is long-term")
    recent_intervention_days: int = _days(90, "spinal surgery, injection or stimulator placement is recent this long")
    recent_infection_days: int = _days(
        90, "a bacterial infection elsewhere is recent this long after it began or was recorded"
    )
    ended_immunosuppressant_days: int = _days(183, "a course still weakens the immune system this long after its end")
    low_bone_density_t_score: float = _number(-1.0, -5, 0, "at or below it, bone density is low (osteopenia)")
    fever_degf: float = _number(100.0, 97, 106, "at or above it, a temperature is fever")
    preterm_weeks: float = _number(37.0, 28, 40, "fewer completed weeks of gestation than this are preterm")
    newborn_record_days: int = _days(60, "a gestational age recorded this soon after birth is the child's own")
    open_window_months: float = _number(6.0, 0, 24, "up to this age the spine is taken to be open to ultrasound")
    injury_days: int = _days(
        92, "an injury code this old still speaks of the injury in question when nothing says otherwise"
    )
    new_finding_days: int = _days(180, "a deficit that began longer ago is not called new, however long the episode")
    acute_days: int = _days(
        30,
        "an injury this recent is acute; without a known start of the episode, a temperature or laboratory value this "
        "recent still counts",
    )
    recorded_onset_days: int = _days(
        365,
        "a problem first written down this recently began no later than that day; an older entry may be a chronic "
        "problem and says nothing about the present episode",
    )
    treatment_gap_days: int = _days(14, "treatment items further apart than this are not one course")
    answer_days_child: int = _days(60, "an answer about symptoms or examination of a child holds this long")
    answer_days_adult: int = _days(365, "an answer about symptoms or examination of an adult holds this long")

    def __post_init__(self) -> None:
        problems = [
            f"{setting.name} must be {_kind(setting.default)} from {setting.metadata['low']:g} "
            f"to {setting.metadata['high']:g}"
            for setting in fields(self)
            if not _fits(getattr(self, setting.name), setting.default, setting.metadata)
        ]
        if problems:
            raise ConfigurationError("facts: " + "; ".join(problems))


# The settings that a fact carries when they decided it (`Fact.limit`), so that the card can say so.
SHOWN: Final = (
    "long_term_steroid_days",
    "recent_intervention_days",
    "recent_infection_days",
    "ended_immunosuppressant_days",
    "low_bone_density_t_score",
    "fever_degf",
    "preterm_weeks",
    "open_window_months",
    "acute_days",
)


def read_settings(value: object) -> Settings:
    """The settings of a table such as {"long_term_steroid_days": 60}, or of its JSON text; what is left out keeps its
    default. Raises ConfigurationError for an unknown name or a number that cannot be.
    """
    if isinstance(value, Settings):
        return value
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise ConfigurationError("facts must be JSON, an object of numbers") from None
    if not isinstance(value, dict):
        raise ConfigurationError("facts must be a table of numbers, such as {long_term_steroid_days = 60}")
    known = [setting.name for setting in fields(Settings)]
    if strangers := sorted(str(name) for name in value if name not in known):
        raise ConfigurationError(f"facts: {', '.join(strangers)} is not a setting (known: {', '.join(known)})")
    return Settings(**value)


def as_json(settings: Settings) -> str:
    """Text from which `read_settings` makes the same settings."""
    return json.dumps(asdict(settings))


def changed(settings: Settings) -> dict[str, float]:
    """Those that are not at their default."""
    return {
        setting.name: value
        for setting in fields(settings)
        if (value := getattr(settings, setting.name)) != setting.default
    }


def default_of(name: str) -> float:
    return float(getattr(Settings(), name))


def _kind(default: object) -> str:
    return "a whole number" if isinstance(default, int) else "a number"


def _fits(value: object, default: object, bounds: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if isinstance(default, int) else int | float):
        return False
    return bool(bounds["low"] <= value <= bounds["high"])

"""Policy numbers that decide what counts as evidence where no guideline prints one.

Thresholds of criteria do not belong here: they stand in the guideline data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Days are calendar days up to the review date.

    `long_term_steroid_days`: a course of systemic corticosteroid at least this long is long-term.
    `recent_intervention_days`: spinal surgery, injection or stimulator placement is recent this long.
    `recent_infection_days`: a bacterial infection elsewhere is recent this long after it began or was recorded.
    `ended_immunosuppressant_days`: a course still weakens the immune system this long after its end.
    `low_bone_density_t_score`: at or below it, bone density is low (osteopenia).
    `fever_degf`: at or above it, a temperature is fever.
    `preterm_weeks`: fewer completed weeks of gestation than this are preterm.
    `newborn_record_days`: a gestational age recorded this soon after birth is the child's own.
    `open_window_months`: up to this age the spine is taken to be open to ultrasound.
    `injury_days`: an injury code this old still speaks of the injury in question when nothing says otherwise.
    `new_finding_days`: a deficit that began longer ago is not called new, however long the episode.
    `acute_days`: without a known start of the episode, a temperature or laboratory value this recent still counts.
    `recorded_onset_days`: a problem first written down this recently began no later than that day; an older entry
    may be a chronic problem and says nothing about the present episode.
    `treatment_gap_days`: treatment items further apart than this are not one course.
    `answer_days_child`, `answer_days_adult`: an answer about symptoms or examination holds this long.
    """

    long_term_steroid_days: int = 90
    recent_intervention_days: int = 90
    recent_infection_days: int = 90
    ended_immunosuppressant_days: int = 183
    low_bone_density_t_score: float = -1.0
    fever_degf: float = 100.0
    preterm_weeks: float = 37.0
    newborn_record_days: int = 60
    open_window_months: float = 6.0
    injury_days: int = 92
    new_finding_days: int = 180
    acute_days: int = 30
    recorded_onset_days: int = 365
    treatment_gap_days: int = 14
    answer_days_child: int = 60
    answer_days_adult: int = 365

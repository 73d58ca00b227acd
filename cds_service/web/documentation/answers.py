"""A filled-in form -> QuestionnaireResponse. What was left open is left out: open is not the same as no."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

from cds_service.web.documentation.questionnaire import CANONICAL, questions

LARGEST: Final = 100_000
LONGEST_TEXT: Final = 200
_NUMBER: Final = re.compile(r"\d{1,6}(?:[.,]\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Filled:
    """`items` are the answered items of the response, `wrong` says per linkId what cannot be read."""

    items: tuple[dict[str, Any], ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)


def read_form(questionnaire: dict[str, Any], form: Mapping[str, str], today: date) -> Filled:
    items: list[dict[str, Any]] = []
    wrong: dict[str, str] = {}
    for item in questions(questionnaire):
        given = form.get(item["linkId"], "").strip()
        if not given:
            continue
        try:
            answer = _answer(item, given, today)
        except ValueError as problem:
            wrong[item["linkId"]] = str(problem)
        else:
            items.append({"linkId": item["linkId"], "text": item["text"], "answer": [answer]})
    return Filled(tuple(items), wrong)


def response(
    items: tuple[dict[str, Any], ...], *, patient: str, authored: datetime, author: str | None, encounter: str | None
) -> dict[str, Any]:
    """A QuestionnaireResponse ready to be sent. `patient` and `encounter` are ids, `author` a reference."""
    made: dict[str, Any] = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": CANONICAL,
        "status": "completed",
        "subject": {"reference": f"Patient/{patient}"},
        "authored": authored.isoformat(timespec="seconds"),
        "item": list(items),
    }
    if encounter:
        made["encounter"] = {"reference": f"Encounter/{encounter}"}
    if author:
        made["author"] = {"reference": author}
    QuestionnaireResponse.model_validate(made)
    return made


def _answer(item: dict[str, Any], given: str, today: date) -> dict[str, Any]:
    """Raises ValueError with a sentence for the person who answers."""
    match item["type"]:
        case "boolean":
            if given not in ("true", "false"):
                raise ValueError("Please choose yes or no, or leave it open.")
            return {"valueBoolean": given == "true"}
        case "decimal":
            return {"valueDecimal": _number(given)}
        case "date":
            return {"valueDate": _day(given, today).isoformat()}
        case "choice":
            for option in item["answerOption"]:
                if option["valueCoding"]["code"] == given:
                    return {"valueCoding": option["valueCoding"]}
            raise ValueError("Please choose one of the answers.")
        case _:
            if len(given) > LONGEST_TEXT or not given.isprintable():
                raise ValueError(f"Please use at most {LONGEST_TEXT} characters on one line.")
            return {"valueString": given}


def _number(given: str) -> float | int:
    if not _NUMBER.fullmatch(given):
        raise ValueError("Please write a number, such as 7 or 7.5.")
    number = float(given.replace(",", "."))
    if number > LARGEST or not math.isfinite(number):
        raise ValueError("This number is too large.")
    return int(number) if number.is_integer() else number


def _day(given: str, today: date) -> date:
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise ValueError("Please write a date, such as 2026-11-03.") from None
    if day > today:
        raise ValueError("This day has not come yet.")
    return day

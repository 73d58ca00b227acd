"""Facts as a FHIR Questionnaire (R4): linkId = fact id with its argument, so that every answer is a stated fact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cds_service.card_builder.words import Words
from cds_service.core.vocabulary import FactDefinition, FactType, Vocabulary
from cds_service.fhir.codes import FACT, FACT_VALUE

CANONICAL: Final = "urn:spine-imaging-review:questionnaire:spine-facts"
UNIT: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
UCUM: Final = "http://unitsofmeasure.org"
NONE: Final = "none"  # asked, and none of the values

_TYPES: Final = {FactType.BOOLEAN: "boolean", FactType.NUMBER: "decimal", FactType.DATE: "date"}
_UCUM: Final = {
    "cm": "cm", "mm": "mm", "count": "1", "score": "{score}", "stairs": "{stairs}", "degF": "[degF]", "degrees": "deg",
    "feet": "[ft_i]", "hours": "h", "days": "d", "weeks": "wk", "months": "mo", "years": "a",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Questions under one heading. `closed` ones are folded away until somebody wants them.

    With `pick`, yes-or-no facts are picked from a list: what is not picked is left open, and not answered with no.
    """

    heading: str
    refs: tuple[str, ...]
    closed: bool = False
    pick: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """Puts facts into questions, in the words of `cards/fact_words.yaml`."""

    vocabulary: Vocabulary
    words: Words

    def knows(self, ref: str) -> bool:
        """Whether `ref` is a fact of the vocabulary, with an argument where it takes one."""
        return self._definition(ref) is not None and ref in self.words.phrases

    def label(self, ref: str) -> str:
        """The fact as an entry of a list."""
        statement = self.words.phrase(ref).statement
        return statement[:1].upper() + statement[1:]

    def questionnaire(self, title: str, groups: Iterable[Group]) -> dict[str, Any]:
        """A Questionnaire resource with one group item for each group that has questions."""
        items = [
            {"linkId": f"group-{number}", "type": "group", "text": group.heading, "item": questions}
            for number, group in enumerate(groups, start=1)
            if (questions := [self._item(ref) for ref in group.refs if self.knows(ref)])
        ]
        return {
            "resourceType": "Questionnaire",
            "url": CANONICAL,
            "title": title,
            "status": "active",
            "subjectType": ["Patient"],
            "item": items,
        }

    def every_question(self) -> dict[str, Any]:
        """The whole vocabulary as one Questionnaire, for clients with a form filler of their own."""
        refs = tuple(ref for ref in self.words.phrases if self.knows(ref) and not ref.endswith("(requested_region)"))
        return self.questionnaire("Facts for the review of spine imaging", [Group("Facts", refs)])

    def _definition(self, ref: str) -> FactDefinition | None:
        name, _, rest = ref.partition("(")
        definition = self.vocabulary.get(name)
        if definition is None:
            return None
        argument = rest.removesuffix(")")
        fits = argument in definition.arguments if definition.arguments else not rest
        return definition if fits else None

    def _item(self, ref: str) -> dict[str, Any]:
        definition = self._definition(ref)
        if definition is None:
            raise ValueError(f"{ref} is no fact")
        phrase = self.words.phrases[ref]
        item: dict[str, Any] = {
            "linkId": ref,
            "code": [{"system": FACT, "code": ref}],
            "text": phrase.question,
            "type": _TYPES.get(definition.type, "choice" if definition.codes else "string"),
        }
        if item["type"] == "choice":
            codes = dict.fromkeys((*definition.codes, NONE))
            shown = {NONE: "None of these"} | dict(phrase.values or {})
            item["answerOption"] = [_option(code, shown.get(code, code.replace("_", " "))) for code in codes]
        if definition.unit and item["type"] == "decimal":
            coding = {"system": UCUM, "code": _UCUM.get(definition.unit, "1")}
            if phrase.unit and phrase.unit[1]:
                coding["display"] = phrase.unit[1]
            item["extension"] = [{"url": UNIT, "valueCoding": coding}]
        return item


def questions(questionnaire: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """The items that are answered, groups left out, in print order."""
    return [item for group in questionnaire["item"] for item in group["item"]]


def unit_of(item: dict[str, Any]) -> str:
    """The unit's display; "" for an item without one."""
    return next((str(part["valueCoding"].get("display", "")) for part in item.get("extension", ())), "")


def _option(code: str, display: str) -> dict[str, Any]:
    return {"valueCoding": {"system": FACT_VALUE, "code": code, "display": display}}

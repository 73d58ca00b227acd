"""Ids of a review in words: criteria, facts, sections, studies and documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.card_builder.words import Words
from cds_service.guidelines.load import Guidelines


@dataclass(frozen=True, slots=True)
class Glossary:
    """`words` is what the page's script looks ids up in; `documents` are (title, edition) of what judges."""

    words: Mapping[str, Mapping[str, Any]]
    documents: tuple[tuple[str, str], ...]


def glossary(guidelines: Guidelines, words: Words) -> Glossary:
    sections = guidelines.sections.values()
    return Glossary(
        words={
            "criteria": {criterion.id: criterion.says for section in sections for criterion in section.criteria},
            "sections": {section.id: section.title for section in sections},
            "facts": {
                ref: [phrase.statement, phrase.question, phrase.unit[1] if phrase.unit else ""]
                for ref, phrase in words.phrases.items()
            },
            "studies": {study.id: study.label for study in guidelines.studies.studies.values()},
            "documents": {
                document.guideline.id: document.guideline.title for document in guidelines.documents.values()
            },
        },
        documents=tuple(
            (document.guideline.title, document.guideline.version) for document in guidelines.documents.values()
        ),
    )

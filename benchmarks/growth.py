"""How the cost of one request grows: with the chart, with the draft orders, with the guideline sections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.corpus import MAIN, request
from benchmarks.stages import answer, check, cpu
from cds_service.core.criterion import Criterion, Section
from cds_service.guidelines.load import Guidelines
from cds_service.hooks.consult import Desk, respond
from cds_service.hooks.request import read_request

CHARTS = (10, 90, 200, 500, 1000, 2000, 5000)
DRAFTS = (1, 2, 5, 10, 20)
COPIES = (1, 2, 5, 10)


def by_chart(desk: Desk, repetitions: int) -> Iterator[tuple[int, float]]:
    """(resources, CPU milliseconds of the whole request)"""
    for resources in CHARTS:
        asked = request(MAIN, resources)
        check(asked, desk)
        yield resources, _whole(asked.body, desk, max(repetitions * 90 // (resources + 90), 5))


def by_drafts(desk: Desk, repetitions: int) -> Iterator[tuple[int, float]]:
    for drafts in DRAFTS:
        asked = request(MAIN, 90, drafts)
        check(asked, desk)
        yield drafts, _whole(asked.body, desk, max(repetitions // drafts, 5))


def by_sections(desk: Desk, repetitions: int) -> Iterator[tuple[int, float]]:
    """(copies of every section, CPU milliseconds)"""
    asked = request(MAIN, 90)
    for copies in COPIES:
        copied_desk = replace(desk, guidelines=copied(desk.guidelines, copies))
        found = answer(asked.body, copied_desk)[0]["determination"]
        if found != asked.determination:
            raise ValueError(f"{copies} copies of each section: {found}")
        yield copies, _whole(asked.body, copied_desk, repetitions)


def copied(guidelines: Guidelines, copies: int) -> Guidelines:
    """The same guidelines, with each section there so many times under other names."""
    sections = dict(guidelines.sections)
    for number in range(1, copies):
        for name, section in guidelines.sections.items():
            sections[f"{name}#{number}"] = _renamed(section, number)
    return replace(guidelines, sections=sections, _facts={}, _plans={}, _editions={})


def _renamed(section: Section, number: int) -> Section:
    def name(criterion: Criterion) -> Criterion:
        citation = replace(criterion.citation, section=f"{criterion.section}#{number}")
        return replace(criterion, id=f"{criterion.id}#{number}", citation=citation)

    return replace(section, id=f"{section.id}#{number}", criteria=tuple(map(name, section.criteria)))


def _whole(body: bytes, desk: Desk, repetitions: int) -> float:
    return cpu(lambda: respond(read_request(body), "benchmark", desk), repetitions)

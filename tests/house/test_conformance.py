"""Every requirement has a test that proves it, or a reason why it does not bind us, and the page says which."""

from __future__ import annotations

import runpy
from typing import Any

from tests.house import source_tree

GENERATOR: dict[str, Any] = runpy.run_path(str(source_tree.ROOT / "docs" / "conformance.py"))
REQUIREMENTS = GENERATOR["requirements"]()
PROVED: dict[str, list[str]] = GENERATOR["proofs"]()


def test_every_requirement_has_a_test_or_a_reason() -> None:
    assert not [wanted.id for wanted in REQUIREMENTS if wanted.id not in PROVED and not wanted.not_applicable]


def test_no_reason_stands_beside_a_test() -> None:
    assert not [wanted.id for wanted in REQUIREMENTS if wanted.id in PROVED and wanted.not_applicable]


def test_no_test_proves_what_nobody_asked_for() -> None:
    assert PROVED.keys() <= {wanted.id for wanted in REQUIREMENTS}


def test_the_list_is_whole() -> None:
    """The families of ids with their numbers, so that a line that gets lost is missed."""
    families = {
        "CH-JSON": 5, "CH-TLS": 2, "CH-DISC": 12, "CH-PF": 15, "CH-REQ": 11, "CH-ERR": 9, "CH-RESP": 1, "CH-CARD": 10,
        "CH-SRC": 2, "CH-SUG": 3, "CH-ACT": 4, "CH-LINK": 3, "CH-SYS": 5, "CH-FB": 7, "CH-EXT": 2, "CH-VER": 2,
        "CH-FHIR": 6, "CH-JWT": 9, "CH-CORS": 3, "CH-PERF": 3, "CH-STATE": 2, "CH-LOG": 2, "CH-FRESH": 1,
        "ENG-SSRF": 5,
    }  # fmt: skip
    wanted = {f"{family}-{number:02d}" for family, count in families.items() for number in range(1, count + 1)}
    assert {requirement.id for requirement in REQUIREMENTS} == wanted


def test_the_page_is_what_the_tests_say_today() -> None:
    assert source_tree.text("docs/conformance.md") == GENERATOR["page"](), "run `make docs`"

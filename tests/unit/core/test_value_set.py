"""What counts as a member of a value set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.core.value_set import CodeSet, Exclusion, Member

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
ATC = "http://www.whocc.no/atc"

SET = CodeSet(
    "mixed",
    "Mixed",
    (
        Member(ICD, "M54.2", "Neck pain"),
        Member(ICD, "M54.5", "Low back pain", below=True),
        Member(ICD, "M45", "Spondylitis", below=True, weak=True),
        Member(ICD, "M45.9", "Spondylitis, site unspecified"),
        Member(SNOMED, "279039007", "Low back pain", below=True),
        Member(ATC, "M01A", "Anti-inflammatory", below=True),
    ),
    (Exclusion(ICD, "M45.A"),),
)


@pytest.mark.parametrize(
    ("system", "code", "inside"),
    [
        (ICD, "M54.2", True),
        (ICD, "m542", True),  # charts drop the dot and the case
        (ICD, " M54.2 ", True),
        (ICD, "M54.21", False),  # not marked "and below"
        (ICD, "M54.5", True),
        (ICD, "M54.50", True),
        (ICD, "M5450", True),
        (ICD, "M54", False),  # broader than the member
        (ICD, "M45.A1", False),  # left out, with everything below
        (ICD, "M45.A", False),
        (ICD, "M45.1", True),
        (ICD, "", False),
        (SNOMED, "279039007", True),
        (SNOMED, "2790390071", False),  # a longer SNOMED code is another concept
        (SNOMED, "27903900", False),
        (ATC, "M01AE01", True),
        ("http://hl7.org/fhir/sid/icd-10", "M54.2", False),  # the same letters in another system
        ("", "M54.2", False),
    ],
)
def test_membership(system: str, code: str, inside: bool) -> None:
    assert ((system, code) in SET) is inside


def test_only_pairs_of_text_are_ever_members() -> None:
    assert "M54.2" not in SET
    assert (ICD, None) not in SET
    assert None not in SET


def test_the_most_specific_member_says_whether_a_code_is_weak() -> None:
    assert SET.is_weak(ICD, "M45.2")
    assert not SET.is_weak(ICD, "M45.9")
    assert not SET.is_weak(ICD, "M45.A1")
    assert not SET.is_weak(SNOMED, "1")


def test_members_come_in_the_order_of_the_codings() -> None:
    found = SET.members_among([(SNOMED, "279039007"), (SNOMED, "1"), (ICD, "M54.59")])
    assert [member.code for member in found] == ["279039007", "M54.5"]


@given(st.text(max_size=12))
def test_dots_and_case_never_matter_in_icd(code: str) -> None:
    bare = code.replace(".", "").lower()
    assert ((ICD, code) in SET) == ((ICD, bare) in SET)

"""The meaning of three truth values, as tables anyone can check."""

from __future__ import annotations

import pytest

from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth, all_of, any_of, at_least, negate

ALL = {
    (MET, MET): MET,
    (MET, UNKNOWN): UNKNOWN,
    (MET, NOT_MET): NOT_MET,
    (UNKNOWN, UNKNOWN): UNKNOWN,
    (UNKNOWN, NOT_MET): NOT_MET,
    (NOT_MET, NOT_MET): NOT_MET,
}
ANY = {
    (MET, MET): MET,
    (MET, UNKNOWN): MET,
    (MET, NOT_MET): MET,
    (UNKNOWN, UNKNOWN): UNKNOWN,
    (UNKNOWN, NOT_MET): UNKNOWN,
    (NOT_MET, NOT_MET): NOT_MET,
}


@pytest.mark.parametrize(("pair", "expected"), ALL.items())
def test_all_of(pair: tuple[Truth, Truth], expected: Truth) -> None:
    assert all_of(pair) is expected
    assert all_of(reversed(pair)) is expected


@pytest.mark.parametrize(("pair", "expected"), ANY.items())
def test_any_of(pair: tuple[Truth, Truth], expected: Truth) -> None:
    assert any_of(pair) is expected
    assert any_of(reversed(pair)) is expected


def test_nothing_to_hold_is_met_and_nothing_to_choose_is_not() -> None:
    assert all_of([]) is MET
    assert any_of([]) is NOT_MET


@pytest.mark.parametrize(("truth", "expected"), [(MET, NOT_MET), (NOT_MET, MET), (UNKNOWN, UNKNOWN)])
def test_negate(truth: Truth, expected: Truth) -> None:
    assert negate(truth) is expected


@pytest.mark.parametrize(
    ("count", "truths", "expected"),
    [
        (2, [MET, MET, NOT_MET], MET),
        (2, [MET, UNKNOWN, NOT_MET], UNKNOWN),
        (2, [MET, NOT_MET, NOT_MET], NOT_MET),
        (3, [MET, UNKNOWN, UNKNOWN], UNKNOWN),
        (0, [], MET),
    ],
)
def test_at_least(count: int, truths: list[Truth], expected: Truth) -> None:
    assert at_least(count, truths) is expected

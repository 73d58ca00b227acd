"""Numbers with units, and thresholds over numbers that are only bounded."""

from __future__ import annotations

import pytest

from cds_service.core.quantity import Quantity, Range, at_least, more_than
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("6 weeks", "days", 42),
        ("6 weeks", "weeks", 6),
        ("18 years", "months", 216),
        ("2.5 cm", "mm", 25),
        ("48 hours", "days", 2),
        ("4.5 mm", "mm", 4.5),
    ],
)
def test_units_of_one_dimension_convert(text: str, unit: str, expected: float) -> None:
    assert Quantity.parse(text).to(unit) == pytest.approx(expected)


@pytest.mark.parametrize(("text", "unit"), [("6 weeks", "months"), ("5 mm", "weeks"), ("3 feet", "mm")])
def test_units_of_different_dimensions_are_refused(text: str, unit: str) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        Quantity.parse(text).to(unit)


@pytest.mark.parametrize("text", ["6", "weeks", "six weeks", "6 fortnights", "6weeks", ""])
def test_a_quantity_is_a_number_and_a_known_unit(text: str) -> None:
    with pytest.raises(ValueError, match="unit"):
        Quantity.parse(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(6, MET), (5.99, NOT_MET), (Range(6, 9), MET), (Range(3, 5), NOT_MET), (Range(3, float("inf")), UNKNOWN)],
)
def test_at_least_six(value: float | Range, expected: Truth) -> None:
    assert at_least(value, 6) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(6, NOT_MET), (6.01, MET), (Range(6, 6), NOT_MET), (Range(6, 7), UNKNOWN), (Range(7, 8), MET)],
)
def test_more_than_six(value: float | Range, expected: Truth) -> None:
    assert more_than(value, 6) is expected


def test_a_range_reads_as_words() -> None:
    assert str(Range(3, 6)) == "3 to 6"
    assert str(Range(3, float("inf"))) == "at least 3"
    assert str(Quantity(6, "weeks")) == "6 weeks"

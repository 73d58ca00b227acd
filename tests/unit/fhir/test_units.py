"""Quantities in the units of facts."""

from __future__ import annotations

import math

import pytest

from cds_service.core.quantity import Range
from cds_service.fhir.units import bare_number, convert, pain_score, value_in, whole_grade


@pytest.mark.parametrize(
    ("value", "sent", "unit", "expected"),
    [
        (37.8, "Cel", "degF", 100.04),
        (37.7, "Cel", "degF", 99.86),
        (100.4, "[degF]", "degF", 100.4),
        (0.6, "cm", "mm", 6.0),
        (1, "[in_i]", "mm", 25.4),
        (25, "mm", "cm", 2.5),
        (1, "[in_i]", "cm", 2.54),
        (3, "m", "feet", 9.84252),
        (36, "[in_i]", "feet", 3.0),
        (1, "rad", "degrees", 57.2958),
        (1.2, "mg/dL", "mg/L", 12.0),
        (11, "10*9/L", "10*3/uL", 11.0),
        (11000, "/uL", "10*3/uL", 11.0),
        (40, "mm", "mm/h", 40.0),
        (6, "wk", "days", 42.0),
        (42, "d", "weeks", 6.0),
        (2, "a", "months", 24.0),
        (7, "{score}", "score", 7.0),
        (7, "1", "score", 7.0),
    ],
)
def test_units_are_converted(value: float, sent: str, unit: str, expected: float) -> None:
    assert convert({"value": value, "code": sent}, unit) == pytest.approx(expected)
    assert convert({"value": value, "unit": sent}, unit) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ({"value": 37.8}, "degF"),  # a temperature without a unit
        ({"value": 6}, "mm"),
        ({"value": 6, "code": "wk"}, "months"),  # a month is not a number of days
        ({"value": 6, "code": "mo"}, "days"),
        ({"value": 6, "code": "kg"}, "mm"),
        ({"value": 6, "code": "[lb_av]", "unit": 5}, "score"),
        ({"value": "6", "code": "mm"}, "mm"),
        ({"value": True, "code": "mm"}, "mm"),
        ({"value": math.nan, "code": "mm"}, "mm"),
        ({"value": 10**400, "code": "mm"}, "mm"),
        ({"value": 6, "code": "mm", "comparator": "ad"}, "mm"),
        ({"code": "mm"}, "mm"),
        ({"value": 6, "code": "mm"}, "parsec"),
        ([], "mm"),
        (None, "mm"),
    ],
)
def test_what_cannot_be_converted_is_unknown(quantity: object, unit: str) -> None:
    assert convert(quantity, unit) is None


def test_a_score_may_come_without_a_unit() -> None:
    assert convert({"value": 8}, "score") == 8.0


def test_a_comparator_bounds_the_value() -> None:
    assert convert({"value": 5, "code": "cm", "comparator": ">"}, "mm") == Range(50.0, math.inf)
    assert convert({"value": 5, "code": "cm", "comparator": "<="}, "mm") == Range(-math.inf, 50.0)


@pytest.mark.parametrize(
    ("element", "unit", "expected"),
    [
        ({"valueQuantity": {"value": 3, "code": "{score}"}}, "score", 3.0),
        ({"valueInteger": 4}, "score", 4.0),
        ({"valueString": " 12 "}, "score", 12.0),
        ({"valueString": "about 12"}, "score", None),
        ({"valueString": "1e5"}, "score", None),
        ({"valueInteger": 101}, "degF", None),
        ({"valueQuantity": {"value": 37, "code": "Cel"}, "valueInteger": 4}, "score", None),
        ({}, "score", None),
    ],
)
def test_the_number_of_an_observation(element: dict[str, object], unit: str, expected: float | None) -> None:
    assert value_in(element, unit) == expected


def test_a_bare_number_has_no_unit_to_read() -> None:
    assert bare_number({"valueDecimal": 2.5}) == 2.5
    assert bare_number({"valueInteger": False}) is None


@pytest.mark.parametrize(
    ("element", "score"),
    [
        ({"valueQuantity": {"value": 70, "code": "mm"}}, 7.0),
        ({"valueQuantity": {"value": 7, "code": "cm"}}, 7.0),
        ({"valueInteger": 9}, 9.0),
        ({"valueInteger": 70}, None),  # no scale says what 70 is
    ],
)
def test_pain_is_a_score_of_ten(element: dict[str, object], score: float | None) -> None:
    assert pain_score(element) == score


@pytest.mark.parametrize(
    ("element", "grade"),
    [
        ({"valueInteger": 3}, 3),
        ({"valueString": "4+"}, 4),
        ({"valueString": "4-"}, 4),
        ({"valueString": "3/5"}, 3),
        ({"valueString": "weak"}, None),
        ({"valueQuantity": {"value": 3.5}}, None),
        ({}, None),
    ],
)
def test_a_grade_is_a_whole_number(element: dict[str, object], grade: int | None) -> None:
    assert whole_grade(element) == grade

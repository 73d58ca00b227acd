"""The quick look accepts nothing that the schema refuses, and what clients send every day."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.hooks.request_schema import is_plain, validator
from tests.hook_requests import a_request

MEMBERS = [
    ("hook",), ("hookInstance",), ("context",), ("prefetch",), ("fhirServer",), ("fhirAuthorization",),
    ("fhirAuthorization", "access_token"), ("context", "userId"), ("context", "patientId"), ("context", "encounterId"),
    ("context", "selections"), ("context", "draftOrders"), ("context", "draftOrders", "resourceType"),
    ("context", "draftOrders", "entry"),
]  # fmt: skip
ENTRY = st.dictionaries(st.sampled_from(["resource", "x"]), st.none() | st.just({}))
ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "p1", "..", "p1\n", "Practitioner/1", "practitioner/1", "https://x/Practitioner/1", "Bundle",
                       "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea\n"])
    | st.text(max_size=5)
    | st.lists(st.none() | st.text(max_size=3) | ENTRY, max_size=3)
    | st.dictionaries(st.sampled_from(["entry", "access_token"]), st.none() | st.text(max_size=2), max_size=2)
)  # fmt: skip
GONE = object()


@settings(deadline=None)  # the first use of the schema imports its library
@given(
    hook=st.sampled_from(["order-sign", "order-select"]),
    changes=st.dictionaries(st.sampled_from(MEMBERS), ODD | st.just(GONE), max_size=3),
)
def test_the_quick_look_agrees_with_the_schema(hook: str, changes: dict[tuple[str, ...], Any]) -> None:
    body = a_request(hook=hook, fhirServer="https://x", fhirAuthorization={"access_token": "t"})
    for path, value in changes.items():
        change(body, path, value)
    assert is_plain(body, hook) == validator(hook).is_valid(body)


def change(body: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    holder: Any = body
    for name in path[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict):
        if value is GONE:
            holder.pop(path[-1], None)
        else:
            holder[path[-1]] = value


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
def test_an_ordinary_request_is_never_shown_to_the_schema(hook: str) -> None:
    assert is_plain(a_request(hook=hook), hook)

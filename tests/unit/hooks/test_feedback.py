"""Feedback comes in several shapes; each is kept, and what is no feedback is refused by name."""

from typing import Any

import orjson
import pytest

from cds_service.core.errors import RequestError
from cds_service.hooks.feedback import read_feedback
from cds_service.store.rows import Feedback

CARD = "1981d7cb-a2cc-4872-a0ef-b16b93836623"
AT = "2026-11-20T17:40:19.204Z"


def an_item(**members: Any) -> dict[str, Any]:
    return {"card": CARD, "outcome": "overridden", "outcomeTimestamp": AT, **members}


def read(*items: dict[str, Any]) -> tuple[Feedback, ...]:
    return read_feedback(orjson.dumps({"feedback": items}))


def test_an_accepted_suggestion() -> None:
    item = an_item(outcome="accepted", acceptedSuggestions=[{"id": "s1"}, {"id": "s2", "unknown": 1}])

    assert read(item) == (Feedback(CARD, "accepted", AT, ("s1", "s2")),)


@pytest.mark.proves("CH-FB-07")
@pytest.mark.parametrize(
    "reason",
    [
        {"reason": {"code": "red-flag", "system": "urn:r", "display": "Red flag"}},
        {"code": "red-flag", "system": "urn:r"},  # as clients sent it until 2020
    ],
)
def test_an_override_with_a_coded_reason(reason: dict[str, Any]) -> None:
    expected = Feedback(CARD, "overridden", AT, reason_code="red-flag", reason_system="urn:r")

    assert read(an_item(overrideReason=reason)) == (expected,)


@pytest.mark.parametrize("reason", [None, "absent"])
def test_an_override_without_reason(reason: str | None) -> None:
    item = an_item() if reason == "absent" else an_item(overrideReason=None)

    assert read(item) == (Feedback(CARD, "overridden", AT),)


def test_a_comment_is_kept_and_never_printed() -> None:
    (found,) = read(an_item(overrideReason={"userComment": "Mrs Example declined"}))

    assert found.comment == "Mrs Example declined"
    assert "Example" not in repr(found)


@pytest.mark.proves("CH-FB-02")
def test_several_cards_at_once_and_unknown_members() -> None:
    assert len(read(an_item(), an_item(unknown={"a": []}))) == 2


def test_the_same_report_has_the_same_digest_and_another_has_not() -> None:
    first, again, later = read(an_item(), an_item(), an_item(outcomeTimestamp="2026-11-20T17:41:00Z"))

    assert first.digest == again.digest
    assert first.digest != later.digest


def test_a_card_id_is_compared_without_regard_to_case() -> None:
    assert read(an_item(card=CARD.upper())) == read(an_item())


@pytest.mark.proves("CH-FB-03")
@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({}, "feedback[0].card"),
        (an_item(card="x"), "feedback[0].card"),
        (an_item(card=None), "feedback[0].card"),
        (an_item(outcome="ignored"), "feedback[0].outcome"),
        (an_item(outcomeTimestamp="yesterday"), "feedback[0].outcomeTimestamp"),
        (an_item(outcome="accepted"), "feedback[0].acceptedSuggestions"),
        (an_item(outcome="accepted", acceptedSuggestions=[]), "feedback[0].acceptedSuggestions"),
        (an_item(outcome="accepted", acceptedSuggestions=["s1"]), "feedback[0].acceptedSuggestions[0]"),
        (an_item(outcome="accepted", acceptedSuggestions=[{}]), "feedback[0].acceptedSuggestions[0].id"),
        (an_item(overrideReason={}), "feedback[0].overrideReason"),
        (an_item(overrideReason={"reason": {"system": "urn:r"}}), "feedback[0].overrideReason"),
        (an_item(overrideReason="busy"), "feedback[0].overrideReason"),
        ("text", "feedback[0]"),
    ],
)
def test_what_is_no_feedback_is_refused_by_name(item: Any, field: str) -> None:
    with pytest.raises(RequestError) as raised:
        read(item)
    assert (raised.value.status, raised.value.field) == (400, field)


@pytest.mark.parametrize(
    "at",
    [
        "2026-99-99T99:99:99Z", "2026-02-30T10:00:00Z", "2026-11-20T24:01:00Z", "2026-11-20T10:60:00Z",
        "2026-11-20T10:00:61Z", "2026-11-20T10:00:00+25:00", "0000-01-01T00:00:00Z", "٢٠٢٦-11-20T17:40:19Z",
    ],
)  # fmt: skip
def test_a_time_that_never_was_is_refused(at: str) -> None:
    with pytest.raises(RequestError) as raised:
        read(an_item(), an_item(outcomeTimestamp=at))
    assert (raised.value.status, raised.value.field) == (400, "feedback[1].outcomeTimestamp")


@pytest.mark.parametrize(
    "at",
    [
        "2026-11-20T17:40:19.204Z", "2026-11-20T17:40Z", "2026-11-20T17:40:19.123456789+14:00", "2024-02-29T00:00:00Z",
        "2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z", "9999-12-31T23:59:59-12:00", "2026-11-20T17:40:19.1Z",
    ],
)  # fmt: skip
def test_a_time_is_kept_as_it_was_sent(at: str) -> None:
    (found,) = read(an_item(outcomeTimestamp=at))
    assert found.at == at


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"feedback": []}', b'{"feedback": {}}', b'{"feedback": [NaN]}'])
def test_a_body_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        read_feedback(body)

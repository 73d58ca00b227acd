"""Bytes to JSON, refusing bodies that two readers could read as two different requests."""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from cds_service.core.errors import RequestError

# Members whose repetition would let two readers see two different patients or orders in one body.
_DECISIVE: Final = tuple(
    f'"{name}"'.encode()
    for name in ("hook", "context", "userId", "patientId", "encounterId", "selections", "draftOrders", "prefetch",
                 "fhirServer", "fhirAuthorization", "access_token")
)  # fmt: skip
_PREFETCH: Final = b'"prefetch"'


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises RequestError 400 for anything else, also for a decisive member sent twice."""
    value = _with_prefetch_last(body)
    if value is not None:
        return value
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestError(400, "invalid", "the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise RequestError(400, "structure", "the body must be a JSON object")
    if any(body.count(name) > 1 for name in _DECISIVE):
        _refuse_repeated_members(body)
    return value


def _with_prefetch_last(body: bytes) -> dict[str, Any] | None:
    """A body that ends with its prefetch, as clients write it: the chart and the little around it are read apart.

    What is around it is then short enough to look for repeated members (in a chart of 112 kB that look would take
    longer than decoding it). None for any other body, and for one with anything odd around the chart: those are read
    as a whole.
    """
    key = body.find(_PREFETCH)
    begin, end = body.find(b":", key) + 1, body.rfind(b"}")
    if key < 0 or not key < begin <= end:
        return None
    around = body[:begin] + b"null" + body[end:]
    # An escaped letter could hide a member's name from the count.
    if b"\\u" in around or any(around.count(name) > 1 for name in _DECISIVE):
        return None
    try:
        value = orjson.loads(around)
        # Both parts are valid JSON, so the whole is, and says the same. A prefetch that is not the last member, or
        # comes twice, leaves something behind that is not.
        prefetch = orjson.loads(memoryview(body)[begin:end])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict) or value.get("prefetch", prefetch) is not None:
        return None
    value["prefetch"] = prefetch
    return value


def _refuse_repeated_members(body: bytes) -> None:
    """The fast decoder keeps the last of two equal members without a word; this slower one sees both."""

    def unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(members)
        if len(read) < len(members):
            raise RequestError(400, "invalid", "an object in the body has two members of the same name")
        return read

    try:
        json.loads(body, object_pairs_hook=unique)
    except RecursionError:
        raise RequestError(400, "invalid", "the body is nested too deeply") from None

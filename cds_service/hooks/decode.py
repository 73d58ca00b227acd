"""Bytes to JSON, refusing bodies that two readers could read as two different requests."""

from __future__ import annotations

import json
from typing import Any

import orjson

from cds_service.core.errors import RequestError


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises RequestError 400 for anything else, and where an object repeats a name."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestError(400, "invalid", "the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise RequestError(400, "structure", "the body must be a JSON object")
    if not _all_there(body, value):
        _refuse_repeated_names(body)
    return value


def _all_there(body: bytes, value: object) -> bool:
    """Whether no string of the body is missing in what was read. False also where this quick look cannot tell.

    The decoder keeps the last of two members of the same name without a word, and the quotes of the other name are
    lost with it, however it was spelt. Only a quote that was written as an escape could make up for them.
    """
    if b"\\u0022" in body:
        return False
    try:
        return body.count(b'"') == orjson.dumps(value).count(b'"')
    except orjson.JSONEncodeError:  # more levels than it writes
        return False


def _refuse_repeated_names(body: bytes) -> None:
    """Reads the body again, three times as slowly, and sees both."""

    def unique(members: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in members}) < len(members):
            raise RequestError(400, "invalid", "an object in the body has two members of the same name")

    try:
        json.loads(body, object_pairs_hook=unique)
    except RecursionError:
        raise RequestError(400, "invalid", "the body is nested too deeply") from None

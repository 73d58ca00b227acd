"""Reading a request body: JSON by its media type, and never more of it than the limit."""

from __future__ import annotations

from typing import Final

from flask import g, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

_JSON: Final = ("application/json", "application/fhir+json", "application/json+fhir")


def read_body() -> bytes:
    """Raises 415 for another media type or a compressed body, 413 for one over `MAX_CONTENT_LENGTH`.

    A length that is announced is believed before a byte is read; one that is not is counted while reading.
    """
    if request.mimetype not in _JSON or request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType
    limit, length = request.max_content_length or 0, request.content_length
    if length is None:
        # Past its limit the stream just ends, and a cut body could pass for a whole one: so it may give one byte more.
        request.max_content_length = limit + 1
    elif length > limit:
        raise RequestEntityTooLarge
    body = request.get_data(cache=False)
    if len(body) > limit:
        raise RequestEntityTooLarge
    g.sent = body  # for the audit, where there is one
    return body

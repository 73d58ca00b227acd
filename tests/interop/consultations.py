"""The committed request of a story with more or less of its prefetch, and the answer without what differs by chance."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from cds_service.hooks.chart_keys import TABLE
from cds_service.resources import fixtures_dir
from cds_service.web.demo.hook_requests import request_path
from cds_service.web.demo.stories import Story, load_stories
from tests.serving import SIGN, Serving

FIXTURES = fixtures_dir()
# A story about prefetch that failed says nothing about the server behind it.
STORIES = [story for story in load_stories(FIXTURES) if not story.unreadable]
KEYS = tuple(row.key for row in TABLE)

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def answer(service: Serving, story: Story, fhir: str | None, keys: Collection[str] = KEYS) -> Any:
    """What the service says when these keys come as prefetch and the rest stands on the server at `fhir`."""
    request = json.loads(request_path(FIXTURES, story.slug, "order-sign").read_text(encoding="utf-8"))
    request["prefetch"] = {key: value for key, value in request["prefetch"].items() if key in keys}
    request["fhirServer"] = fhir
    if not request["prefetch"]:
        del request["prefetch"]
    response = service.post(SIGN, {name: value for name, value in request.items() if value is not None})
    assert response.status_code == 200, response.text
    return json.loads(_UUID.sub("-", response.text))

"""A body is read the same whether its chart stands last or not, and nothing hides in the shorter way."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.core.errors import RequestError
from cds_service.hooks.decode import decode
from tests.hook_requests import a_request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('ab"\\{}[]:,prefetch ', max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "prefetch", "hook"]), inner),
    max_leaves=12,
)


@given(
    before=st.dictionaries(st.sampled_from(["a", "context", "b"]), JSON), prefetch=JSON, after=JSON, last=st.booleans()
)
def test_any_body_reads_as_the_plain_decoder_reads_it(before: Any, prefetch: Any, after: Any, last: bool) -> None:
    body = {**before, "prefetch": prefetch, **({} if last else {"after": after})}
    for written in (orjson.dumps(body), json.dumps(body, indent=1).encode()):
        assert read_or_refused(written) in (orjson.loads(written), "refused")


def read_or_refused(body: bytes) -> Any:
    try:
        return decode(body)
    except RequestError:  # for a repeated decisive name, which json.dumps cannot tell from a nested one
        return "refused"


@pytest.mark.parametrize(
    "body",
    [
        b'{"hook":"a","prefetch":{},"hook":"b"}',
        b'{"hook":"a","hook":"b","prefetch":{}}',
        b'{"prefetch":{"p":1},"prefetch":{"p":2}}',
        b'{"context":{"patientId":"1","patientId":"2"},"prefetch":{}}',
        b'{"context":{"patientId":"1"},"prefetch":{},"context":{"patientId":"2"}}',
        b'{"prefetch":null,"context":{"patientId":"1"},"context":{"patientId":"2"}}',
    ],
)
def test_a_decisive_member_cannot_come_twice_on_either_side_of_the_chart(body: bytes) -> None:
    with pytest.raises(RequestError) as raised:
        decode(body)
    assert raised.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"prefetch":{}',
        b'{"prefetch":{}}}',
        b'{"prefetch":}',
        b'{"prefetch":{"a":1,}}',
        b'{"a":1 "prefetch":{}}',
        b'"prefetch":{}',
    ],
)
def test_what_is_no_json_stays_none(body: bytes) -> None:
    with pytest.raises(RequestError):
        decode(body)


def test_a_nested_prefetch_is_not_taken_for_the_chart() -> None:
    body = b'{"context":{"prefetch":null,"a":1},"pre\\u0066etch":{"patient":null}}'
    assert decode(body) == {"context": {"prefetch": None, "a": 1}, "prefetch": {"patient": None}}


def test_a_request_reads_the_same_in_any_order_of_its_members() -> None:
    request = a_request(hook="order-sign")
    turned = dict(reversed(request.items()))
    assert decode(orjson.dumps(request)) == decode(orjson.dumps(turned)) == request

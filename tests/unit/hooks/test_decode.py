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
        assert read_or_refused(written) == orjson.loads(written)


def read_or_refused(body: bytes) -> Any:
    try:
        return decode(body)
    except RequestError:
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
        b'{"context":{"patientId":"zz","patient\\u0049d":"p1"}}',
        b'{"fhirServer":"https://a","fhir\\u0053erver":"https://b","prefetch":{}}',
        b'{"prefetch":{"conditions":1,"conditions":2}}',
        b'{"prefetch":{"conditions":1,"condition\\u0073":2},"hook":"a"}',
        b'{"prefetch":{"patient":{"id":"p1","id":"p2"}}}',
        b'{"context":{"draftOrders":{"entry":[{"resource":{"subject":{},"subject":{}}}]}}}',
        b'{"feedback":[{"card":"a","outcome":"accepted","card":"b"}]}',
        # The two quotes that the lost name takes with it come back from an escape.
        b'{"id":1,"id":2,"text":"\\u0022\\u0022"}',
        b'{"id":1,"id":2,"text":"\\u0022\\u0022","big":' + b"1" * 300 + b"}",
        b'{"id":1,"id":2,"deep":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"":1,"":2}',
    ],
)
def test_no_member_can_come_twice_however_it_is_spelt(body: bytes) -> None:
    with pytest.raises(RequestError, match="two members of the same name"):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":{"id":1},"b":{"id":2},"text":"say \\"id\\":1"}',
        b'{"text":"\\u0022 and \\\\u0022","caf\\u00e9":"\\u00e9"}',
        b'{"deep":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"big":' + b"1" * 300 + b',"text":"\\u0022"}',
        b'{"a":1e300}',
    ],
)
def test_what_is_said_once_is_read(body: bytes) -> None:
    assert decode(body) == orjson.loads(body)


def test_what_nobody_can_look_through_is_refused() -> None:
    with pytest.raises(RequestError, match="too deeply"):
        decode(b'{"deep":' + b"[" * 1000 + b"]" * 1000 + b"}")


NAMES = st.sampled_from(['"a"', '"b"', '"\\u0061"', '"\\""', '"\\u0022"'])


@given(members=st.lists(st.tuples(NAMES, JSON), max_size=4))
def test_any_object_with_a_name_twice_is_refused_and_no_other(members: list[tuple[str, Any]]) -> None:
    body = "{" + ",".join(f"{name}:{json.dumps(value)}" for name, value in members) + "}"
    repeats = len({json.loads(name) for name, _ in members}) < len(members)
    assert (read_or_refused(body.encode()) == "refused") is repeats


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

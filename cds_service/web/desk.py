"""Puts together, once per process, what every consultation needs: guidelines, cards, chart reader, clock."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Final
from uuid import UUID

from cds_service import resources
from cds_service.card_builder import load_templates
from cds_service.config import Settings
from cds_service.facts.registry import ANSWERS, REGISTRY
from cds_service.fhir.client import FhirClient, origin
from cds_service.fhir.connections import Reach, networks, new_session
from cds_service.fhir.servers import Servers
from cds_service.guidelines.load import load
from cds_service.hooks.chart_keys import keys_for
from cds_service.hooks.consult import Desk
from cds_service.hooks.prefetch import ChartReader
from cds_service.hooks.request import FhirAccess


def make_desk(settings: Settings) -> Desk:
    """Raises GuidelineError or ConfigurationError: better no service than one with half its guidelines."""
    return Desk(
        guidelines=load(),
        templates=load_templates(resources.cards_dir()),
        resource_types=types_read(),
        read_chart=chart_reader(settings),
        now=now,
        new_uuid=new_uuid,
        profile=settings.client_profile,
        app_url=settings.app_url,
        fact_settings=settings.facts,
    )


def chart_reader(settings: Settings) -> ChartReader:
    """Connections, threads and breakers are shared by all requests of the process; tokens are not."""
    session = new_session(reach(settings), ca_file=settings.ca_file)
    servers = Servers()

    def connect(fhir: FhirAccess, patient_id: str) -> FhirClient:
        server = servers.of(origin(fhir.base_url))
        return FhirClient(session, server.executor, fhir.base_url, patient_id, fhir.token, breaker=server.breaker)

    return ChartReader(keys_for(types_read()), settings.fhir_access, connect, settings.fhir_deadline)


def reach(settings: Settings) -> Reach:
    """Which addresses this installation's outgoing connections may go to."""
    return Reach(networks(settings.private_networks), loopback=settings.demo)


def types_read() -> frozenset[str]:
    """Every resource type that some fact reads. Prefetch is asked for by this and by nothing else."""
    return frozenset(ANSWERS).union(*(reader.reads for reader in REGISTRY.values()))


def now() -> datetime:
    """The server's local time with its zone: an order without a date is reviewed on the clinician's calendar day."""
    return datetime.now().astimezone()


_spare: Final[list[bytes]] = []
os.register_at_fork(after_in_child=_spare.clear)  # else two processes would give out the same


def new_uuid() -> str:
    """A random one. Randomness is fetched for many at once, for each fetch lets other threads cut in."""
    try:
        drawn = _spare.pop()
    except IndexError:
        fetched = os.urandom(256 * 16)
        drawn, *others = (fetched[start : start + 16] for start in range(0, len(fetched), 16))
        _spare.extend(others)
    return str(UUID(bytes=drawn, version=4))

"""The CapabilityStatement of the embedded FHIR server."""

from __future__ import annotations

from typing import Final

from cds_service import __version__
from cds_service.web.demo.resource_store import Resource
from cds_service.web.demo.search_parameters import BY_TYPE, Kind

# SMART launchers look for the security element, even on an open server.
SECURITY: Final = {
    "cors": True,
    "description": "Open: synthetic patients only, on this machine only. No authorization is asked for.",
}


def capability_statement(base: str) -> Resource:
    """`base` is the server's URL without a trailing slash."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-10",
        "kind": "instance",
        "software": {"name": "spine-imaging-cds demo record system", "version": __version__},
        "implementation": {"description": "Synthetic patients, kept in memory", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{"mode": "server", "security": SECURITY, "resource": [_resource(name) for name in BY_TYPE]}],
    }


def _resource(resource_type: str) -> Resource:
    interactions = ("read", "search-type", "create", "update", "delete")
    parameters = [{"name": "_id", "type": Kind.TOKEN.value}]
    parameters += [{"name": own.name, "type": own.kind.value} for own in BY_TYPE[resource_type].values()]
    return {
        "type": resource_type,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "no-version",
        "updateCreate": True,
        "searchParam": parameters,
    }

"""The EHR's side of the demo: a FHIR R4 server over the fixtures, and a scratch pad for clients that write.

It is an application of its own, mounted beside the service at /fhir: what browsers may do, how large a body may be and
how errors look differ on the two sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from cds_service.web import errors
from cds_service.web.demo import search
from cds_service.web.demo.capability import capability_statement
from cds_service.web.demo.outcome import FhirError, operation_outcome
from cds_service.web.demo.resource_store import FHIR_ID, MOST_WRITES, Resource, ResourceStore, StoreFull
from cds_service.web.demo.search_parameters import BY_TYPE
from cds_service.web.demo.smart_server import add_smart

LARGEST_BODY: Final = 256_000

# Browsers show this one and offer the other for download.
_PLAIN_JSON: Final = "application/json"
_FHIR_JSON: Final = "application/fhir+json"

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_CORS: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, If-Match, If-None-Match, Prefer",
    "Access-Control-Expose-Headers": "Content-Location, ETag, Location",
    "Access-Control-Max-Age": "600",
}


def record_system(store: ResourceStore) -> Flask:
    """The FHIR server as an application over `store`, which the caller owns."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    errors.register(app)  # a program fault is logged without what the chart says
    app.before_request(_answer_preflight)
    app.after_request(_allow_browsers)
    app.register_error_handler(FhirError, _refuse)
    app.register_error_handler(StoreFull, _refuse_more)
    app.register_error_handler(HTTPException, _refuse_http)
    _add_reading(app, store)
    _add_writing(app, store)
    add_smart(app, store, _base)

    @app.route("/", defaults={"rest": ""}, methods=_METHODS)
    @app.route("/<path:rest>", methods=_METHODS)
    def nothing_here(rest: str) -> Response:
        raise FhirError(404, "not-supported", "the server does not offer this interaction")

    return app


def _answer_preflight() -> Response | None:
    return Response(status=204) if request.method == "OPTIONS" else None


def _add_reading(app: Flask, store: ResourceStore) -> None:
    @app.get("/metadata")
    def metadata() -> Response:
        return _json(capability_statement(_base()))

    @app.get("/<resource_type>")
    def search_type(resource_type: str) -> Response:
        return _search(store, resource_type)

    @app.post("/<resource_type>/_search")
    def search_by_post(resource_type: str) -> Response:
        return _search(store, resource_type)

    @app.get("/<resource_type>/<ident>")
    def read(resource_type: str, ident: str) -> Response:
        _check_type(resource_type)
        found = store.read(resource_type, ident)
        if found is None:
            raise FhirError(404, "not-found", "no such resource")
        return _json(found)


def _add_writing(app: Flask, store: ResourceStore) -> None:
    @app.post("/<resource_type>")
    def create(resource_type: str) -> Response:
        created = store.create(_sent(resource_type))
        return _json(created, 201, _location(created))

    @app.put("/<resource_type>/<ident>")
    def update(resource_type: str, ident: str) -> Response:
        sent = _sent(resource_type)
        if not FHIR_ID.fullmatch(ident) or sent.get("id") != ident:
            raise FhirError(400, "invalid", "the id in the body must be that of the URL, and a valid FHIR id")
        kept, new = store.put(sent)
        return _json(kept, 201 if new else 200, _location(kept))

    @app.delete("/<resource_type>/<ident>")
    def delete(resource_type: str, ident: str) -> Response:
        _check_type(resource_type)
        store.delete(resource_type, ident)
        return Response(status=204)


def _base() -> str:
    """Our address as this client wrote it, so that a proxy can put its own in its place."""
    return request.root_url.rstrip("/")


def _check_type(resource_type: str) -> None:
    if resource_type not in BY_TYPE:
        raise FhirError(404, "not-supported", "the server does not keep this resource type")


def _search(store: ResourceStore, resource_type: str) -> Response:
    _check_type(resource_type)
    strict = "handling=strict" in request.headers.get("Prefer", "").replace(" ", "")
    try:
        query = search.read_query(resource_type, _pairs(), strict)
    except search.SearchError as fault:
        raise FhirError(400, fault.code, fault.problem) from fault
    return _json(search.run(store, resource_type, query, _base()))


def _pairs() -> Iterator[tuple[str, str]]:
    """Parameters of the URL, then those of a form, each in the order in which it was written."""
    yield from request.args.items(multi=True)
    if request.method == "POST":
        yield from request.form.items(multi=True)


def _sent(resource_type: str) -> Resource:
    """The resource in the body. Raises FhirError 400 when it is not one of the type of the URL."""
    _check_type(resource_type)
    try:
        sent: Any = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        raise FhirError(400, "structure", "the body is not valid JSON") from None
    if not isinstance(sent, dict) or sent.get("resourceType") != resource_type:
        raise FhirError(400, "invalid", "the body must be a resource of the type of the URL")
    return sent


def _location(resource: Resource) -> dict[str, str]:
    return {"Location": f"{_base()}/{resource['resourceType']}/{resource['id']}"}


def _json(resource: Resource, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    shown = "text/html" in request.headers.get("Accept", "")
    body = json.dumps(resource, indent=2, ensure_ascii=False).encode() if shown else orjson.dumps(resource)
    return Response(body, status, headers, content_type=_PLAIN_JSON if shown else _FHIR_JSON)


def _allow_browsers(response: Response) -> Response:
    """Clients that run in a browser may come from any origin: the data is synthetic and no cookie is involved."""
    response.headers.update(_CORS)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "no-store"
    return response


def _refuse(fault: FhirError) -> Response:
    return _json(operation_outcome(fault.code, fault.problem), fault.status)


def _refuse_more(_: StoreFull) -> Response:
    problem = f"this demo keeps {MOST_WRITES} writes; restart it to begin again"
    return _json(operation_outcome("too-costly", problem), 507)


def _refuse_http(fault: HTTPException) -> Response:
    code = "too-long" if fault.code == 413 else "processing"
    return _json(operation_outcome(code, fault.name.lower()), fault.code or 500)

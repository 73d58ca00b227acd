"""Hands hook requests and responses to the audit, where an installation has switched it on."""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, Response, g, request

from cds_service.audit.sink import AuditSink
from cds_service.web.security import caller

log = logging.getLogger(__name__)

AUDITED: Final = "hooks.consult"


def register(app: Flask, sink: AuditSink | None) -> None:
    """Calls that were refused at the gate are left out: anybody could fill the disk with them."""
    if sink is None:
        return

    @app.after_request
    def keep(response: Response) -> Response:
        who = caller()
        if request.endpoint == AUDITED and who is not None:
            about = {
                "request_id": g.request_id,
                "client": who.client.label,
                "token_id": who.token_id,
                "service": (request.view_args or {}).get("service_id"),
                "status": response.status_code,
            }
            try:
                sink.keep(about, g.get("sent", b""), response.get_data())
            except OSError as fault:
                # A full disk must not keep a card from a clinician; that a record is missing must not stay unseen.
                log.warning("not audited", extra={"request_id": g.request_id, "fault": type(fault).__name__})
        return response

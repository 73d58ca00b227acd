"""Addresses as clients build them: a configured "…/cds-services/" gives "…/cds-services//id" and must still work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def tolerant(application: Application) -> Application:
    """Doubled and trailing slashes under /cds-services mean nothing. No redirect: a preflight may not be redirected."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if "//" in path or path.endswith("/"):
            plain = re.sub(r"/+", "/", path).rstrip("/")
            if plain == "/cds-services" or plain.startswith("/cds-services/"):
                environ["PATH_INFO"] = plain
        return application(environ, start_response)

    return serve

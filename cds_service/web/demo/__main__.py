"""`python -m cds_service.web.demo`: writes the hook requests of the fixtures anew from their charts."""

from __future__ import annotations

from cds_service.resources import fixtures_dir
from cds_service.web.demo.hook_requests import write_requests

if __name__ == "__main__":
    write_requests(fixtures_dir())

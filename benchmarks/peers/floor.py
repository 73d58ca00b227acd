"""The floor under our own service: the same server, framework, collector and decoding, and an answer that is constant.

The answer is the file named by BENCHMARK_ANSWER.
"""

import gc
import os
from pathlib import Path

from flask import Flask, Response, request

from cds_service.hooks.request import read_request

ANSWER = Path(os.environ["BENCHMARK_ANSWER"]).read_bytes()

app = Flask(__name__)


@app.get("/readyz")
def ready() -> str:
    return "ready"


@app.post("/cds-services/<service_id>")
def answer(service_id: str) -> Response:
    read_request(request.get_data(), "order-sign")
    return Response(ANSWER, content_type="application/json")


gc.collect()
gc.freeze()
gc.set_threshold(50_000, 50, 100)

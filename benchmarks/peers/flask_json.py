"""What a first afternoon gives: Flask, its own JSON, one if-statement. Nothing is tuned, nothing is checked."""

from typing import Any

from flask import Flask, request

app = Flask(__name__)


@app.get("/readyz")
def ready() -> str:
    return "ready"


@app.post("/cds-services/<service_id>")
def answer(service_id: str) -> dict[str, Any]:
    asked = request.get_json()
    draft = asked["context"]["draftOrders"]["entry"][0]["resource"]
    if draft["code"]["coding"][0]["code"] == "72148":
        card = {"summary": "Is this MRI needed?", "indicator": "info", "source": {"label": "benchmark"}}
        return {"cards": [card]}
    return {"cards": []}

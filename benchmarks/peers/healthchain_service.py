"""HealthChain's smallest CDS Hooks service: one hook, three cards that are always the same. Run in its own environment.

`python healthchain_service.py PORT`
"""

import sys

import uvicorn
from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.models import Card, CDSRequest, CDSResponse

cds = CDSHooksService()


@cds.hook("order-sign", id="order-sign", title="Three cards")
def three_cards(request: CDSRequest) -> CDSResponse:
    card = Card(summary="A card", indicator="info", source={"label": "benchmark"}, detail="Always the same. " * 40)
    return CDSResponse(cards=[card, card, card])


app = HealthChainAPI()
app.register_service(cds, path="/cds")

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)

"""The analytics page: numbers and plots over a range of days, CSV, and who may see them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.store.report import report
from cds_service.store.rows import Basis, Feedback, IssuedCard, KeptSilence
from cds_service.web.analytics import charts
from cds_service.web.analytics.access import Access
from cds_service.web.analytics.pages import analytics_pages
from cds_service.web.analytics.tables import Names
from cds_service.web.pages import use_site
from tests.serving import NOON, a_desk, a_store, serving

TOKEN = "a-token-of-sufficient-length"
ASKED = Basis("needs_information", ("SP-4.1/prereq-xray",), (), ("plain_xray_available(thoracic)", "indication"))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with serving(tmp_path) as service:
        service.store.keep_issued([
            IssuedCard("one", "q1", NOON, "sign", "xray_first", ASKED, 4.0),
            IssuedCard("two", "q2", NOON, "sign", "not_recognised", Basis(), 30.0),
            KeptSilence("q3", NOON, "sign", "fits", Basis("supported"), 8.0),
        ])  # fmt: skip
        reasons = [("=cmd()", "urn:x"), ("local-protocol", "urn:spine-imaging-review:override-reason")]
        said = [
            Feedback("one", "overridden", f"t{code}", (), code, system, "about Mrs Smith") for code, system in reasons
        ]
        assert service.store.keep_feedback("sign", said, NOON, timeout=5)
        yield service.client


def rows(client: FlaskClient, name: str) -> list[list[str]]:
    answer = client.get(f"/analytics/{name}.csv")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/csv")
    return list(csv.reader(io.StringIO(answer.get_data(as_text=True))))


def test_the_page_says_the_numbers_and_draws_them(client: FlaskClient) -> None:
    text = client.get("/analytics").get_data(as_text=True)
    assert "66.7 %" in text  # 2 of 3 orders have a guideline
    assert text.count('<svg class="plot"') == 5
    assert "Plain x-ray of the thoracic spine" in text
    assert "Smith" not in text
    assert "style=" not in text


def test_each_table_can_be_had_as_csv(client: FlaskClient) -> None:
    assert rows(client, "determinations")[1:] == [
        ["needs information", "1", "33.3"], ["supported", "1", "33.3"], ["not recognised", "1", "33.3"],
    ]  # fmt: skip
    assert rows(client, "kinds")[0] == ["Card", "Shown", "Accepted", "Overridden", "No answer", "Percent overridden"]
    assert ["X-ray before advanced imaging", "1", "0", "1", "0", "100.0"] in rows(client, "kinds")
    assert rows(client, "criteria")[1][0] == "SP-4.1/prereq-xray"
    assert ["The reason for this study", "1", "33.3", "indication"] in rows(client, "missing-facts")
    assert rows(client, "latency")[1:] == [
        ["median", "8.0"],
        ["95 of 100", "30.0"],
        ["99 of 100", "30.0"],
        ["slowest", "30.0"],
    ]
    assert len(rows(client, "days")) == 31
    assert client.get("/analytics/none.csv").status_code == 404


def test_reasons_that_are_not_ours_are_not_repeated(client: FlaskClient) -> None:
    found = rows(client, "reasons")
    assert ["other", "1"] in found
    assert ["with a free text", "2"] in found
    assert not [cell for row in found for cell in row if "cmd" in cell]


def test_days_without_an_override_have_no_reasons(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        assert rows(service.client, "reasons") == [["Reason", "Overrides"]]


def test_the_range_of_days_comes_from_the_address(client: FlaskClient) -> None:
    later = (NOON + timedelta(5)).date().isoformat()
    assert "No spine order was reviewed" in client.get(f"/analytics?first={later}&last={later}").get_data(as_text=True)
    for wrong in ("first=yesterday", "first=2026-02-02&last=2026-02-01", "first=1990-01-01", "last=0001-01-01"):
        assert client.get(f"/analytics?{wrong}").status_code == 400


def closed(tmp_path: Path, token: str | None) -> FlaskClient:
    store, desk = a_store(tmp_path), a_desk()
    app = Flask(__name__)
    use_site(app)
    names = Names(desk.guidelines, desk.templates)
    app.register_blueprint(
        analytics_pages(lambda first, last: report(store.engine, first, last), names, Access(False, token), desk.now)
    )
    store.writer.close()
    return app.test_client()


def test_production_asks_for_the_token(tmp_path: Path) -> None:
    client = closed(tmp_path, TOKEN)
    refused = client.get("/analytics")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert client.get("/analytics/days.csv").status_code == 401
    assert client.get("/analytics", auth=("anybody", "another-token-of-some-length")).status_code == 401
    assert client.get("/analytics", auth=("anybody", TOKEN)).status_code == 200
    assert client.get("/analytics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_without_a_token_production_has_no_such_page(tmp_path: Path) -> None:
    assert closed(tmp_path, None).get("/analytics").status_code == 404
    assert closed(tmp_path, None).get("/analytics", auth=("anybody", "")).status_code == 404


def test_plots_are_well_formed_and_escape_what_they_show() -> None:
    drawn = [
        charts.bars("Title <1>", [("<b>", 3, "3"), ("x" * 99, 1, "1"), ("none", 0, "0")]),
        charts.stacked("Stacked", [("a", (1, 2, 0), "3")]),
        charts.over_time("Days", [("1 Nov", (2, 1)), ("2 Nov", (0, 0))]),
        charts.bars("Empty", []),
    ]
    trees = [ElementTree.fromstring(plot) for plot in drawn]  # noqa: S314 - our own markup
    assert trees[0].attrib["aria-label"] == "Title <1>"
    assert trees[0].find("text").text == "<b>"  # type: ignore[union-attr]
    widths = [float(each.attrib["width"].rstrip("%")) for each in trees[0].iter("rect")]
    assert widths == pytest.approx([100, 33.333], abs=0.001)
    lefts = [float(each.attrib["x"].rstrip("%")) for each in trees[1].iter("rect")]
    assert lefts == pytest.approx([0, 33.333], abs=0.001)
    assert len(list(trees[2].iter("rect"))) == 2

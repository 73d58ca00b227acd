"""The order-entry screen in a real browser: order, card, suggestion, silence; dismissal; what cannot be checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.functional.browsing import a_page, axe_findings, is_wider_than_the_window

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(demo_with_app: str) -> str:
    return demo_with_app


@pytest.fixture
def page(page: Page, demo: str) -> Iterator[Page]:
    """With axe and the layout clean at the end."""
    yield page
    if page.url.startswith(demo) and "/fhir" not in page.url:
        assert axe_findings(page) == []
        assert not is_wider_than_the_window(page)


def open_patient(page: Page, slug: str, hook: str = "order-select") -> None:
    page.goto(f"/?story={slug}&hook={hook}")
    answered(page, hook)


def answered(page: Page, hook: str) -> None:
    """Waits until the hook has been answered and the WHY panel stands beside it."""
    expect(page.locator("#status")).to_contain_text(f"{hook}: HTTP 200")
    expect(page.locator("#review")).to_contain_text("Inside the service")


def sent(page: Page) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(page.locator("#request").text_content() or "")
    return body


def pick(page: Page, label: str, typed: str, option: str) -> None:
    field = page.get_by_label(label, exact=True).first
    field.fill(typed)
    page.get_by_role("option", name=option).first.click()


def test_the_first_page_shows_the_patients_and_what_runs(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="What runs here")).to_be_visible()
    expect(page.locator(".notice")).to_contain_text("not been clinically approved")
    expect(page.locator("main")).to_contain_text("v2.0.2026")
    page.get_by_role("link", name="Infant with a dermal sinus, MRI ordered").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Wren Mockridge, 3 months")
    answered(page, "order-select")


def test_order_card_suggestion_silence(page: Page) -> None:
    open_patient(page, "infant-dermal-sinus")
    card = page.locator("article.card")
    expect(card).to_have_count(1)
    expect(card).to_have_class("card warning")
    expect(card.get_by_role("heading")).to_contain_text("Ultrasound first")
    with page.expect_response(lambda answer: answer.url.endswith("/feedback")) as feedback:
        card.get_by_role("button", name="76800").click()
    assert feedback.value.status == 200
    reported = feedback.value.request.post_data_json["feedback"][0]
    assert reported["outcome"] == "accepted"
    assert reported["acceptedSuggestions"][0]["id"]
    expect(page.locator("#cards")).to_contain_text("No card")
    expect(page.get_by_label("Study", exact=True)).to_have_value("Spinal ultrasound (76800)")
    expect(page.locator("article.order")).to_contain_text("changed by the suggestion")
    expect(page.locator("#review")).to_contain_text("Supported")
    assert page.evaluate("document.activeElement.id") == "cards-title"


def test_a_second_order_comes_beside_the_first(page: Page) -> None:
    """An x-ray first: the suggestion adds an order, and signing then says only what remains."""
    open_patient(page, "thoracic-xray-first", "order-sign")
    page.locator("article.card").get_by_role("button", name="72070").click()
    expect(page.locator("article.order")).to_have_count(2)
    expect(page.locator("article.order").nth(1)).to_contain_text("changed by the suggestion")
    answered(page, "order-sign")
    expect(page.locator("article.card").get_by_role("button", name="72070")).to_have_count(0)


def test_an_override_takes_a_reason_and_own_words(page: Page) -> None:
    open_patient(page, "infant-dermal-sinus")
    card = page.locator("article.card")
    card.locator("select").select_option(index=1)
    card.get_by_label("Comment to dismiss").fill("seen elsewhere")
    with page.expect_response(lambda answer: answer.url.endswith("/feedback")) as feedback:
        card.get_by_role("button", name="Dismiss").click()
    assert feedback.value.status == 200
    reported = feedback.value.request.post_data_json["feedback"][0]
    assert reported["outcome"] == "overridden"
    assert set(reported["overrideReason"]["reason"]) == {"code", "system"}
    assert reported["overrideReason"]["userComment"] == "seen elsewhere"
    expect(card).to_contain_text("Dismissed")
    page.get_by_role("link", name="Analytics").click()
    reasons = page.get_by_role("region", name="Reasons for overriding", exact=True)
    expect(reasons).to_contain_text("with a free text")


def test_an_override_needs_no_reason(wide: Page) -> None:
    open_patient(wide, "infant-dermal-sinus")
    with wide.expect_response(lambda answer: answer.url.endswith("/feedback")) as feedback:
        wide.get_by_role("button", name="Dismiss").click()
    assert "overrideReason" not in feedback.value.request.post_data_json["feedback"][0]


def test_missing_facts_are_asked_for(page: Page) -> None:
    open_patient(page, "low-back-pain-undocumented", "order-sign")
    expect(page.locator("article.card.warning").first).to_be_visible()
    expect(page.locator("#review")).to_contain_text("Needs information")
    expect(page.locator("#review").get_by_role("heading", name="What is asked")).to_be_visible()
    expect(page.locator("#review .badge.unknown").first).to_be_visible()


def test_questions_answered_in_the_app_change_the_next_answer(wide: Page, demo: str) -> None:
    open_patient(wide, "low-back-pain-undocumented", "order-sign")
    with wide.expect_popup() as opened:
        wide.get_by_role("button", name="Answer the questions").click()
    app = opened.value
    expect(app.get_by_role("heading", level=1)).to_contain_text("Questions")
    for yes in app.get_by_label("Yes", exact=True).all():
        yes.check()
    app.get_by_label("How many weeks", exact=False).first.fill("7")
    app.get_by_role("button", name="Record in the chart").click()
    expect(app.locator("main")).to_contain_text("ecorded")
    app.close()
    answers = f"{demo}/today/fhir/QuestionnaireResponse"
    found = wide.request.get(f"{answers}?patient=pat-low-back-pain-undocumented").json()
    [written] = [entry["resource"]["id"] for entry in found["entry"]]
    wide.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(wide.locator("#review")).to_contain_text("Supported")
    expect(wide.locator("#cards")).to_contain_text("No card")
    wide.request.delete(f"{answers}/{written}")


def test_what_the_record_system_did_not_answer_could_not_be_checked(page: Page) -> None:
    open_patient(page, "thoracic-xray-first", "order-sign")
    page.get_by_text("How the chart travels").click()
    page.get_by_label("The record system fails to answer for").select_option("diagnosticReports")
    expect(page.locator("#review")).to_contain_text("Could not be read")
    expect(page.locator("article.card").first).to_contain_text("could not be read")
    assert sent(page)["prefetch"]["diagnosticReports"]["resourceType"] == "OperationOutcome"


def test_a_chart_that_could_not_be_read_says_so_from_the_start(wide: Page) -> None:
    open_patient(wide, "chart-not-readable", "order-sign")
    expect(wide.locator("article.card.info")).to_contain_text("could not be read")
    expect(wide.locator("#review")).to_contain_text("DiagnosticReport")


def test_study_and_reason_are_searched_with_the_keyboard(wide: Page) -> None:
    open_patient(wide, "infant-dermal-sinus")
    study = wide.get_by_label("Study", exact=True)
    study.fill("ultrasound spinal")
    expect(wide.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    study.press("ArrowDown")
    assert study.get_attribute("aria-activedescendant")
    study.press("Enter")
    expect(wide.locator("#cards")).to_contain_text("No card")
    assert sent(wide)["context"]["draftOrders"]["entry"][0]["resource"]["code"]["coding"][0]["code"] == "76800"
    reason = wide.get_by_label("Add a reason", exact=True)
    reason.fill("M54.6")
    reason.press("Enter")
    expect(wide.get_by_role("button", name="Remove reason: Pain in thoracic spine")).to_be_visible()
    answered(wide, "order-select")
    with wide.expect_response(lambda answer: answer.url.endswith("order-select")):
        wide.get_by_role("button", name="Remove reason: Pain in thoracic spine").press("Enter")


def test_escape_leaves_the_order_as_it_is(wide: Page) -> None:
    open_patient(wide, "infant-dermal-sinus")
    study = wide.get_by_label("Study", exact=True)
    before = study.input_value()
    study.fill("CT")
    study.press("Escape")
    expect(wide.get_by_role("listbox").get_by_role("option")).to_have_count(0)
    study.blur()
    expect(study).to_have_value(before)


def test_orders_can_be_added_and_removed(wide: Page) -> None:
    open_patient(wide, "foot-drop")
    wide.get_by_role("button", name="Add an order").click()
    expect(wide.locator("article.order")).to_have_count(2)
    second = wide.locator("article.order").nth(1)
    second.get_by_label("Study", exact=True).fill("72131")
    second.get_by_role("option").first.click()
    expect(wide.locator("#review")).to_contain_text("CT lumbar spine without contrast (72131)")
    assert sent(wide)["context"]["selections"] == ["ServiceRequest/added-1"]
    for _ in range(2):
        wide.get_by_role("button", name="Remove order 1").click()
    expect(wide.locator("#orders")).to_contain_text("No draft order")
    expect(wide.locator("#cards")).to_contain_text("No study is ordered yet")
    wide.get_by_role("button", name="Start over").click()
    expect(wide.locator("article.order")).to_have_count(1)


def test_signing_without_a_card_is_told(wide: Page) -> None:
    open_patient(wide, "infant-ultrasound")
    wide.get_by_role("button", name="Sign orders").click()
    expect(wide.locator("#cards")).to_contain_text("the orders are signed")


def test_without_prefetch_the_service_reads_the_chart_itself(wide: Page) -> None:
    open_patient(wide, "infant-dermal-sinus")
    wide.get_by_text("How the chart travels").click()
    wide.get_by_label("Send the chart with the request").uncheck()
    expect(wide.locator("#status")).to_contain_text("chart left to the service")
    expect(wide.locator("article.card.warning")).to_contain_text("Ultrasound first")
    assert "prefetch" not in sent(wide)


def test_every_leaf_leads_to_the_chart_and_every_criterion_to_its_section(wide: Page, demo: str) -> None:
    open_patient(wide, "infant-dermal-sinus")
    review = wide.locator("#review")
    source = review.locator(".tree").get_by_role("link", name="Observation/infant-dermal-sinus-observation-1").first
    expect(source).to_have_attribute("href", "/today/fhir/Observation/infant-dermal-sinus-observation-1")
    assert wide.request.get(f"{demo}/today/fhir/Observation/infant-dermal-sinus-observation-1").status == 200
    for link in review.locator(".criterion > p > a").all():
        assert wide.request.get(f"{demo}{link.get_attribute('href')}").status == 200
    expect(review.locator(".tree .badge.met").first).to_be_visible()
    assert review.locator(".tree .badge.not_met").count() > 0


def test_the_request_can_be_copied_as_a_command(wide: Page, demo: str) -> None:
    open_patient(wide, "infant-dermal-sinus")
    wide.context.grant_permissions(["clipboard-read", "clipboard-write"])
    wide.get_by_text("Request and response").click()
    wide.get_by_role("button", name="Copy as curl").click()
    expect(wide.locator("#copied")).to_have_text("Copied")
    command = wide.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f"curl -s '{demo}/cds-services/spine-imaging-order-select'")
    body = command.split(" -d '", 1)[1].removesuffix("'").replace("'\\''", "'")
    assert json.loads(body) == sent(wide)


def test_a_refused_request_is_told_as_such(wide: Page, problems: list[str]) -> None:
    wide.route("**/cds-services/*order-select", lambda route: route.continue_(post_data="{}"))
    wide.goto("/?story=foot-drop")
    expect(wide.locator("#cards")).to_contain_text("No answer: hook is required.")
    assert [problem for problem in problems if "400" not in problem] == []
    problems.clear()


def test_a_late_answer_does_not_replace_a_newer_one(wide: Page) -> None:
    """The first call is held back until the second has been answered."""
    held: list[Any] = []
    wide.route("**/cds-services/*order-sign", lambda route: held.append(route) if not held else route.continue_())
    wide.goto("/?story=infant-dermal-sinus&hook=order-sign")
    expect(wide.get_by_label("Study", exact=True)).to_be_visible()
    pick(wide, "Study", "76800", "Spinal ultrasound")
    expect(wide.locator("#cards")).to_contain_text("No card")
    held[0].continue_()
    wide.wait_for_timeout(500)
    expect(wide.locator("#cards")).to_contain_text("No card")


def test_a_chart_cannot_put_markup_into_the_page(wide: Page) -> None:
    """Card text that tries: only the part of Markdown that cards use becomes elements, and only web addresses links."""
    wide.goto("/")
    shown = wide.evaluate(
        """async () => {
          const { renderMarkdown } = await import("/demo/markdown.js");
          const text = [
            "<img src=x onerror=alert(1)> &lt;b&gt; &#60;i&#62;",
            "- **bold** and *soft*",
            "- \\\\*plain\\\\* `a<b`",
            "",
            "[bad](javascript:alert(1)) [good](https://ehr.example/a) [odd](data:text/html,x)", "", "# Title",
          ].join("\\n");
          const box = document.createElement("div");
          box.append(...renderMarkdown(text));
          const links = [...box.querySelectorAll("a")].map((link) => link.href);
          const names = [...new Set([...box.querySelectorAll("*")].map((each) => each.localName))].sort();
          return { text: box.textContent, links, names };
        }"""
    )
    assert shown["names"] == ["a", "code", "em", "h4", "li", "p", "span", "strong", "ul"]
    assert shown["links"] == ["https://ehr.example/a"]
    assert "<img src=x onerror=alert(1)> <b> <i>" in shown["text"]
    assert "*plain* a<b" in shown["text"]


def test_everything_can_be_reached_with_the_keyboard(wide: Page) -> None:
    open_patient(wide, "infant-dermal-sinus")
    reached = set()
    wide.keyboard.press("Tab")
    for _ in range(60):
        reached.add(
            wide.evaluate(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"
                " || document.activeElement.id"
            )
        )
        wide.keyboard.press("Tab")
    assert {"Skip to content", "Check now", "Sign orders", "Dismiss", "Start over"} <= reached
    assert any("76800" in text for text in reached)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["/", "/?story=thoracic-xray-first&hook=order-sign", "/?story=known-cancer"])
def test_axe_finds_nothing_in_either_colour_scheme(
    browser: Browser, demo: str, problems: list[str], scheme: str, address: str
) -> None:
    with a_page(browser, demo, problems, color_scheme=scheme) as opened:
        opened.goto(address)
        if "story" in address:
            answered(opened, "order-sign" if "sign" in address else "order-select")
            for details in opened.locator("details > summary").all():
                if details.is_visible() and details.locator("..").get_attribute("open") is None:
                    details.click()
        assert axe_findings(opened) == []


def test_a_printed_page_keeps_cards_and_criteria(wide: Page) -> None:
    open_patient(wide, "infant-dermal-sinus")
    wide.emulate_media(media="print")
    expect(wide.locator("article.card")).to_be_visible()
    expect(wide.locator(".criterion").first).to_be_visible()
    expect(wide.get_by_role("button", name="Sign orders")).to_be_hidden()


def test_without_a_script_the_page_says_what_to_do(browser: Browser, demo: str) -> None:
    with browser.new_context(base_url=demo, java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto("/?story=thoracic-xray-first")
        expect(plain.locator("main")).to_contain_text("This screen needs scripts")
        expect(plain.locator("main")).to_contain_text("fhir_fixtures/requests")

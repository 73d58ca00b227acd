"""The demo page in a real browser: a story is chosen, sent, and its card acted on, without a word in the console."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.functional.demo_server import running_demo

pytestmark = pytest.mark.browser

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_demo(tmp_path_factory.mktemp("demo")) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def problems() -> list[str]:
    """What the page logged as an error or asked of anybody else. A test that provokes an error clears it."""
    return []


@pytest.fixture
def page(browser: Browser, demo: str, problems: list[str]) -> Iterator[Page]:
    """A page that talks to the demo only, and whose console stays clean."""
    context = browser.new_context(base_url=demo)
    opened = context.new_page()
    opened.set_default_timeout(15_000)

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            problems.append(message.text)

    opened.on("console", listen)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda asked: problems.append(asked.url) if not asked.url.startswith(demo) else None)
    yield opened
    context.close()
    assert problems == []


def open_story(page: Page, slug: str, hook: str = "order-sign") -> None:
    page.goto(f"/?story={slug}&hook={hook}")
    expect(page.locator("#status")).to_contain_text("HTTP 200")


def test_the_first_page_says_what_runs(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="What runs here")).to_be_visible()
    expect(page.locator("header")).to_contain_text("version 0.")
    expect(page.locator("header")).to_contain_text("not been clinically approved")
    expect(page.locator("main")).to_contain_text("v2.0.2026")
    expect(page.get_by_role("link", name="/fhir/metadata")).to_be_visible()


def test_a_story_shows_its_card_and_how_it_came_about(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Infant with a dermal sinus, MRI ordered").click()
    card = page.locator("article.card")
    expect(card).to_have_count(1)
    expect(card).to_have_class("card warning")
    expect(card.get_by_role("heading", level=3)).to_contain_text("Ultrasound first")
    expect(card.get_by_role("button", name="76800")).to_be_visible()
    review = page.locator("#review")
    expect(review).to_contain_text("Not supported")
    expect(review).to_contain_text("PEDSP-4.2")
    source = review.get_by_role("link", name="Observation/infant-dermal-sinus-observation-1").first
    expect(source).to_have_attribute("href", "/fhir/Observation/infant-dermal-sinus-observation-1")


def test_the_evidence_can_be_followed_into_the_chart(page: Page) -> None:
    open_story(page, "infant-dermal-sinus")
    page.locator("#review").get_by_role("link", name="Observation/infant-dermal-sinus-observation-1").first.click()
    expect(page.locator("body")).to_contain_text("skin_lesion(dermal_sinus)")


def test_taking_the_suggestion_changes_the_order_and_ends_in_silence(page: Page) -> None:
    open_story(page, "infant-dermal-sinus")
    with page.expect_response(lambda answer: answer.url.endswith("/feedback")) as feedback:
        page.get_by_role("button", name="76800").first.click()
    assert feedback.value.status == 200
    expect(page.locator("#cards")).to_contain_text("No card")
    expect(page.locator("#review")).to_contain_text("Supported")
    assert '"76800"' in page.locator("#request").input_value()


def test_dismissing_with_a_reason_is_reported(page: Page) -> None:
    open_story(page, "infant-dermal-sinus")
    page.locator("article.card select").select_option(index=1)
    with page.expect_response(lambda answer: answer.url.endswith("/feedback")) as feedback:
        page.get_by_role("button", name="Dismiss").click()
    assert feedback.value.status == 200
    sent = feedback.value.request.post_data_json["feedback"][0]
    assert sent["outcome"] == "overridden"
    assert sent["overrideReason"]["reason"]["code"]
    expect(page.locator("article.card")).to_contain_text("Dismissed")


def test_silence_is_shown_as_such(page: Page) -> None:
    open_story(page, "infant-ultrasound")
    expect(page.locator("#cards")).to_contain_text("No card")
    expect(page.locator("article.card")).to_have_count(0)


def test_the_hook_can_be_changed_and_the_request_edited(page: Page, problems: list[str]) -> None:
    open_story(page, "no-indication")
    expect(page.locator("article.card")).to_have_class("card warning")
    page.get_by_role("link", name="order-select").click()
    expect(page.locator("article.card")).to_have_class("card info")
    page.get_by_text("Hook request:").click()
    page.locator("#request").fill("{}")
    page.get_by_role("button", name="Send to the service").click()
    expect(page.locator("#status")).to_contain_text("HTTP 400")
    expect(page.locator("#cards")).to_contain_text("No answer: hook is required.")
    assert [problem for problem in problems if "400" not in problem] == []
    problems.clear()
    page.locator("#request").fill("not json")
    page.get_by_role("button", name="Send to the service").click()
    expect(page.locator("#status")).to_contain_text("Not sent")


def test_a_chart_cannot_put_markup_into_the_page(page: Page) -> None:
    """Card text that tries: only the part of Markdown that cards use becomes elements, and only web addresses links."""
    page.goto("/")
    shown = page.evaluate(
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


def test_everything_can_be_reached_with_the_keyboard(page: Page) -> None:
    open_story(page, "infant-dermal-sinus")
    reached = set()
    page.keyboard.press("Tab")
    for _ in range(80):
        reached.add(page.evaluate("document.activeElement.textContent.trim().split('\\n')[0]"))
        page.keyboard.press("Tab")
    assert "Skip to content" in reached
    assert "Send to the service" in reached
    assert "Dismiss" in reached
    assert any("76800" in text for text in reached)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_colour_schemes(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    open_story(page, "infant-dermal-sinus")
    ratios = page.evaluate(
        """() => {
          const light = (text) => {
            const [r, g, b] = text.match(/[\\d.]+/g).map((part) => {
              const share = Number(part) / 255;
              return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ground = (each) => {
            for (let at = each; at; at = at.parentElement) {
              const colour = getComputedStyle(at).backgroundColor;
              if (!colour.endsWith(", 0)")) return colour;
            }
          };
          const texts = "h1, h3, .notice, .why, .level, .result, .id, .quiet, button, nav a, small, .verdict";
          return [...document.querySelectorAll(texts)].map((each) => {
            const [one, other] = [light(getComputedStyle(each).color), light(ground(each))].sort((a, b) => b - a);
            return [each.className || each.localName, (one + 0.05) / (other + 0.05)];
          });
        }"""
    )
    assert len(ratios) > 20
    assert [name for name, ratio in ratios if ratio < 4.5] == []


def test_a_narrow_window_needs_no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    open_story(page, "infant-dermal-sinus")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_without_a_script_the_page_still_says_what_is_sent(browser: Browser, demo: str) -> None:
    context = browser.new_context(base_url=demo, java_script_enabled=False)
    plain = context.new_page()
    plain.goto("/?story=thoracic-xray-first")
    assert '"hook": "order-sign"' in plain.locator("#request").input_value()
    expect(plain.locator("main")).to_contain_text("without scripts, use any HTTP client")
    context.close()

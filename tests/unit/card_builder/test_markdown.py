"""Text from a chart stays text: checked with a CommonMark renderer, and for what GitHub's dialect links by itself."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cds_service.card_builder import markdown

RENDER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "<https://evil.example>",
    "https://evil.example/a",
    "www.evil.example",
    "someone@evil.example",
    "mailto:someone@evil.example",
    "**bold** _it_ `code` ~~gone~~",
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "2) item",
    "> quote",
    "=====",
    "---",
    "| a | b |\n|---|---|\n| c | d |",
    "line\n\n# second",
    "```\nfence",
    "    indented code",
    "&lt;b&gt; &copy;",
    "a\\*b\\",
    "[ref]: https://evil.example",
    "\u202ereversed\u200b",
    "{ordered} {0}",
]

text_of_any_kind = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from([*HOSTILE, "<", ">", "](", "[", "*", "_", "\n", "`", "\\", "&#60;", "://", "@"]), max_size=6
    ).map("".join),
)


def rendered(escaped: str) -> str:
    """The one paragraph that the text renders as, without its <p>."""
    page = str(RENDER.render(escaped)).strip()
    assert page.startswith("<p>"), page
    assert page.endswith("</p>")
    return page.removeprefix("<p>").removesuffix("</p>")


def assert_harmless(escaped: str) -> None:
    assert "\n" not in escaped
    if not escaped:
        return
    inner = rendered(escaped)
    assert "<" not in inner
    assert ">" not in inner
    shown = html.unescape(inner)
    assert not re.search(r"(?i)https?://|www\.\w|[\w.+-]+@[\w-]+\.\w|javascript:", shown)


@pytest.mark.proves("CH-CARD-04")
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_itself(text: str) -> None:
    assert_harmless(markdown.escape(text))


@pytest.mark.proves("CH-CARD-04")
@given(text_of_any_kind)
def test_no_text_becomes_markup_link_or_html(text: str) -> None:
    assert_harmless(markdown.escape(text))


@given(text_of_any_kind)
def test_no_text_leaves_its_list_item(text: str) -> None:
    page = RENDER.render(markdown.bullets([f"{markdown.escape(text)} end", "next"]))
    assert page.count("<li>") == 2
    assert page.count("<ul>") == 1
    assert not re.search(r"<(?!/?(ul|li)>)", page)


@pytest.mark.parametrize(
    "text", ["L4-L5 stenosis, 3 mm", "MRI spine (lumbar)", "Low back pain; worse at night", "6.5 cm"]
)
def test_ordinary_words_are_left_as_they_are(text: str) -> None:
    assert markdown.escape(text) == text


def test_no_items_make_no_list() -> None:
    assert markdown.bullets([]) == ""
    assert markdown.bullets(["a", "b"]) == "- a\n- b"


def test_a_note_is_cut_where_it_stops_naming_a_study() -> None:
    assert markdown.shorten("MRI\n spine") == "MRI spine"
    assert len(markdown.shorten("x" * 5000)) == markdown.LONGEST_TEXT + 1

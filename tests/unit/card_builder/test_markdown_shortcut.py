"""Text that is passed through untouched is text that the full way would not have changed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.card_builder import markdown

PIECES = st.sampled_from(
    ["a", " ", "1", "1.", "-", "+ ", "=", "*", "_", "#", "|", "~", "!", "$", "@", "://", "www.", "WWW.", "data:",
     "Mailto:", "&", "<", ">", "\\", "`", "[", "]", "{", "}", "\n", "\t", "\u200b", "\u202e", "é", "."]
)  # fmt: skip


def full_way(text: str) -> str:
    line = " ".join(
        "".join(" " if char.isspace() else char for char in text if char.isspace() or markdown._visible(char)).split()
    )
    for link, apart in markdown._LINKS:
        line = link.sub(apart, line)
    line = markdown._MARKUP.sub(r"\\\1", line.translate(markdown._HTML))
    return markdown._AT_LINE_START.sub(markdown._escape_start, line.strip())


@settings(deadline=None, max_examples=1000)
@given(st.lists(PIECES | st.characters(), max_size=8).map("".join))
def test_the_shortcut_changes_nothing(text: str) -> None:
    assert markdown.escape(text) == full_way(text)

"""Text from a chart or an order, made harmless inside Markdown.

Clients differ: some render CommonMark, some add tables, autolinks and raw HTML, some paste the text into a page. So
angle brackets and ampersands become entities, markup characters are escaped, and what clients turn into links by
themselves (addresses of pages and of mail) is taken apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

# Longer text on an order is a note, not the name of a study.
LONGEST_TEXT: Final = 160

_MARKUP = re.compile(r"([\\`*_\[\]{}#|~!$])")
# What any of the changes below looks for. Most text holds none of it, and one search is cheaper than seven.
_ANY: Final = re.compile(r"[\\`*_\[\]{}#|~!$&<>@]|://|(?i:www\.|(?:javascript|data|vbscript|mailto|xmpp):)|^[-+=\d]")
_AT_LINE_START = re.compile(r"^([-+=]|\d+(?=[.)](?:\s|$)))")
# Renderers of GitHub's Markdown look for these in the finished text as well, so that escaping alone does not help.
_LINKS: Final = (
    (re.compile(r"://"), ": //"),
    (re.compile(r"(?i)www\."), "www ."),
    (re.compile(r"(?i)(javascript|data|vbscript|mailto|xmpp):"), r"\1 :"),
    (re.compile(r"@"), " at "),
)
_HTML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def plain(text: str) -> str:
    """One line without control, formatting or unassigned characters (these can hide or reverse text)."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or _visible(char))
    return " ".join(kept.split())


def escape(text: str) -> str:
    """`text` as Markdown that renders as itself: no markup, no link, no HTML."""
    line = plain(text)
    if _ANY.search(line) is None:
        return line
    for link, apart in _LINKS:
        line = link.sub(apart, line)
    line = _MARKUP.sub(r"\\\1", line.translate(_HTML))
    return _AT_LINE_START.sub(_escape_start, line.strip())


def shorten(text: str) -> str:
    """Free text of an order, cut where it stops naming a study."""
    line = plain(text)
    return line if len(line) <= LONGEST_TEXT else line[:LONGEST_TEXT].rstrip() + "…"


def bullets(items: Iterable[str]) -> str:
    """A list of Markdown lines; "" for no items."""
    return "\n".join(f"- {item}" for item in items)


def _visible(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _escape_start(start: re.Match[str]) -> str:
    text = start[1]
    # "1." would begin a numbered list, and only its dot can be escaped.
    return f"{text}\\" if text[0].isdigit() else f"\\{text}"

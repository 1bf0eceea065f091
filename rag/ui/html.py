"""Text as HTML, and what is drawn. What comes from an article or a user is escaped, never interpreted."""

from __future__ import annotations

import html
from collections.abc import Mapping

THUMB = (
    '<svg viewBox="0 0 24 24" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.8" '
    'stroke-linejoin="round" aria-hidden="true"{}><path d="M3 10.5h4V21H3zM7 10.5 11.5 3c1.9 0 2.8 1.2 2.4 2.9L13 '
    '9.5h6a2 2 0 0 1 2 2.4l-1.4 7.2A2.3 2.3 0 0 1 17.4 21H7z"/></svg>'
)
"""Drawn, since not every machine has a font with thumbs."""
UP, DOWN = THUMB.format(""), THUMB.format(' style="transform: rotate(180deg)"')


def escaped(text: str) -> str:
    """`text` as HTML; braces and dollars too, since the page's templates give them a meaning."""
    return html.escape(text).replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;")


def short(text: str, most: int = 240) -> str:
    """The beginning of `text`, at most `most` characters of it."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"


def count_of(number: int, noun: str) -> str:
    """The number with its noun: "1 article", "2,000 articles"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def button(text: str, kind: str, data: Mapping[str, object], label: str = "", pressed: bool | None = None) -> str:
    """A button that tells the page its `data`; `text` is HTML.

    Args:
        text: what it shows.
        kind: its class.
        data: `event`, which handler is told, and what it is told.
        label: what it is called where `text` does not say it.
        pressed: whether it is in force; None for a button that stays as it is.
    """
    shown: dict[str, object] = {f"data-{name}": value for name, value in data.items()}
    if label:
        shown |= {"aria-label": label, "title": label}
    if pressed is not None:
        shown["aria-pressed"] = "true" if pressed else "false"
    return f'<button type="button" class="{kind}"{attributes(shown)}>{text}</button>'


def attributes(values: Mapping[str, object]) -> str:
    """HTML attributes, with a space before each."""
    return "".join(f' {name}="{escaped(str(value))}"' for name, value in values.items())

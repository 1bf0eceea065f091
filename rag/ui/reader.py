"""An article as HTML, a stretch of it highlighted."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.articles import Article, Paragraph
from rag.ui.conversation import Conversation, Place
from rag.ui.html import button, escaped
from rag.ui.transcript import NEAREST, place_of


def read_place(conversation: Conversation, place: Place) -> str | None:
    """The article that `place` of the conversation names; None when it names none."""
    hit = conversation.offered(place)
    if hit is not None:
        offered = len(conversation.turns[place.turn].hits[:NEAREST])
        steps = [Place(place.turn, hit=i) for i in range(offered)]
        return reader(hit.article, hit.start, hit.end, _steps(steps, place.hit or 0, "Nearest", "nearest paragraph"))
    found = conversation.cited(place)
    if found is None:
        return None
    cited, citations = found
    steps = [Place(place.turn, i) for i in range(len(conversation.turns[place.turn].sentences))]
    links = [
        button(place_of(other), "source", Place(place.turn, place.sentence, i).data())
        for i, other in enumerate(citations)
        if i != place.citation
    ]
    also = f'<p class="also">Also in {", ".join(links)}</p>' if links else ""
    return reader(cited.article, cited.start, cited.end, _steps(steps, place.sentence or 0), also)


def reader(article: Article, start: int = 0, end: int = 0, steps: str = "", also: str = "") -> str:
    """The whole article, `article.text[start:end]` highlighted; ways to other places stay in view above it."""
    facts = [escaped(part) for part in (article.author, article.date) if part]
    if re.match(r"https?://", article.url):
        facts.append(f'<a href="{escaped(article.url)}" target="_blank" rel="noopener noreferrer">original</a>')
    facts.append(escaped(article.id))
    close = button("×", "close", {"event": "shut"}, "Close the article")
    title = escaped(article.title)
    # In view wherever the article is scrolled to.
    above = f'<span class="above" aria-hidden="true" title="{title}">{title}</span>'
    return (
        f'<article class="reader" tabindex="0" aria-label="{title}">'
        f'<div class="bar"><p class="steps">{steps}{above}{close}</p>{also}</div>'
        f'<h2>{title}</h2><p class="facts">{" · ".join(facts)}</p>'
        f'<div class="text">{"".join(_blocks(article, start, end))}</div></article>'
    )


def _steps(places: Sequence[Place], at: int, name: str = "Citation", noun: str = "citation") -> str:
    """Buttons to the citation, or nearest paragraph, before and after this one."""
    if len(places) < 2:
        return ""
    before = button("‹", "step", places[at - 1].data(), f"Previous {noun}")
    after = button("›", "step", places[(at + 1) % len(places)].data(), f"Next {noun}")
    return f"{before}<span><i>{name} </i>{at + 1} of {len(places)}</span>{after}"


def _blocks(article: Article, start: int, end: int) -> list[str]:
    parts = []
    position = 0
    place = ""
    for paragraph in article.paragraphs:
        parts += _gap(article.text[position : paragraph.start], paragraph)
        position = paragraph.end
        if paragraph.place not in (place, paragraph.heading):
            # Above the heading it stands under, if that is new.
            at = len(parts) - 1 if parts and parts[-1].startswith("<h3>") else len(parts)
            parts.insert(at, f'<p class="place">{escaped(paragraph.place)}</p>')
        place = paragraph.place
        a, b = max(start, paragraph.start), min(end, paragraph.end)
        if a < b:
            text = (
                f"{escaped(article.text[paragraph.start : a])}<mark>{escaped(article.text[a:b])}</mark>"
                f"{escaped(article.text[b : paragraph.end])}"
            )
        else:
            text = escaped(paragraph.text)
        cited = ' class="cited"' if a < b else ""
        parts.append(f'<p{cited} data-number="{paragraph.number}">{text}</p>')
    return [*parts, *_gap(article.text[position:])]


def _gap(text: str, paragraph: Paragraph | None = None) -> list[str]:
    """Headings and asides before a paragraph."""
    heading = paragraph.heading if paragraph else ""
    blocks = [block.strip() for block in text.split("\n\n") if block.strip()]
    return [
        f"<h3>{escaped(block)}</h3>" if block == heading else f'<p class="aside">{escaped(block)}</p>'
        for block in blocks
    ]

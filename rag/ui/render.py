"""What the page shows, as HTML. Everything that comes from an article or a user is escaped, never interpreted."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering import Answer, Citation, Sentence
from rag.articles import Article

NEAREST = 3
"""Hits that a refusal shows."""
THUMB = (
    '<svg viewBox="0 0 24 24" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.8" '
    'stroke-linejoin="round" aria-hidden="true"{}><path d="M3 10.5h4V21H3zM7 10.5 11.5 3c1.9 0 2.8 1.2 2.4 2.9L13 '
    '9.5h6a2 2 0 0 1 2 2.4l-1.4 7.2A2.3 2.3 0 0 1 17.4 21H7z"/></svg>'
)
"""Drawn, since not every machine has a font with thumbs."""
UP, DOWN = THUMB.format(""), THUMB.format(' style="transform: rotate(180deg)"')


@dataclass(frozen=True)
class Turn:
    """A question of the conversation."""

    question: str
    answer: Answer | None = None
    """None while it is searched for."""
    judged: str = ""
    """What was thought of it: up, down, or "down" and what would be right: unsaid, or the number of a hit."""


def escaped(text: str) -> str:
    """`text` as HTML; braces and dollars too, since the page's templates give them a meaning."""
    return html.escape(text).replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;")


def transcript(turns: Sequence[Turn], notice: str = "", shown: int | None = None) -> str:
    """The conversation; of the last answer the first `shown` sentences, all when None."""
    parts = [_turn(number, turn, shown if number == len(turns) - 1 else None) for number, turn in enumerate(turns)]
    if notice:
        parts.append(f'<div class="notice" role="alert">{escaped(notice)}</div>')
    return f'<div class="transcript" role="log" aria-live="polite" aria-label="Conversation">{"".join(parts)}</div>'


def welcome_text(text: str) -> str:
    """What stands over an empty conversation."""
    return f'<p class="welcome">{escaped(text)}</p>'


def _turn(number: int, turn: Turn, shown: int | None) -> str:
    asked = f'<div class="question">{escaped(turn.question)}</div>'
    answer = turn.answer
    if answer is None:
        return f'<section class="turn">{asked}<div class="answer searching">Searching the articles …</div></section>'
    understood = ""
    if answer.searched != answer.question:
        understood = f'<p class="understood">Searched for: {escaped(answer.searched)}</p>'
    body = _answer(number, answer, shown) if answer.answered else _refusal(number, answer)
    judgement = _judgement(number, turn, answer) if shown is None else ""
    return f'<section class="turn">{asked}<div class="answer">{understood}{body}{judgement}</div></section>'


def _judgement(number: int, turn: Turn, answer: Answer) -> str:
    """Whether it was right, and if not, what would be."""

    def choice(verdict: str, label: str, text: str, kind: str) -> str:
        pressed = "true" if turn.judged == verdict or (verdict == "down" and turn.judged not in ("", "up")) else "false"
        return (
            f'<button type="button" class="{kind}" data-turn="{number}" data-judged="{verdict}" '
            f'aria-pressed="{pressed}" aria-label="{escaped(label)}" title="{escaped(label)}">{text}</button>'
        )

    right, wrong = ("This is right", "This is wrong") if answer.answered else ("Rightly refused", "The articles do say")
    shown = choice("up", right, UP, "thumb") + choice("down", wrong, DOWN, "thumb")
    if turn.judged:
        shown += '<span role="status">Noted for rag eval.</span>'
    if turn.judged not in ("", "up"):
        options = [choice("unsaid", "The articles don’t say it", "The articles don’t say it", "source")]
        options = options if answer.answered else []
        for i, hit in enumerate(answer.hits):
            place = f"{hit.article.title}, paragraph {hit.paragraphs[0].number}: {_short(hit.text, 90)}"
            options.append(choice(str(i), place, escaped(place), "source"))
        listed = "".join(f"<li>{option}</li>" for option in options)
        shown += f'<div class="instead">What would be right?<ul>{listed}</ul></div>'
    return f'<div class="judgement" role="group" aria-label="Is this right?">{shown}</div>'


def _answer(number: int, answer: Answer, shown: int | None) -> str:
    sources: dict[tuple[str, int], tuple[int, int]] = {}
    sentences = []
    for i, sentence in enumerate(answer.sentences[:shown]):
        marks = []
        for j, citation in enumerate(sentence.citations):
            key = (citation.article.id, citation.paragraph.number)
            sources.setdefault(key, (i, j))
            marks.append(_mark(number, i, j, list(sources).index(key) + 1, citation))
        sentences.append(f"<span>{escaped(sentence.text)}</span>{''.join(marks)}")
    separator = "<br>" if _is_list(answer.sentences) else " "
    items = "".join(
        f'<li><button type="button" class="source" {_opens(number, i, j)}>{_place(answer.sentences[i].citations[j])}'
        "</button></li>"
        for i, j in sources.values()
    )
    return f'<p class="sentences">{separator.join(sentences)}</p><ol class="sources" aria-label="Sources">{items}</ol>'


def _is_list(sentences: Sequence[Sentence]) -> bool:
    """Whether the sentences are lines of a list rather than running text."""
    return sum(sentence.text[-1:].isalnum() for sentence in sentences) > 1


def _refusal(number: int, answer: Answer) -> str:
    if not answer.hits:
        return '<p class="refusal">The articles don’t say.</p>'
    nearest = "".join(
        f'<li><button type="button" class="source" data-turn="{number}" data-hit="{i}">'
        f"<b>{escaped(hit.article.title)}</b>, paragraph {hit.paragraphs[0].number}</button>"
        f"<blockquote>{escaped(_short(hit.text))}</blockquote></li>"
        for i, hit in enumerate(answer.hits[:NEAREST])
    )
    return (
        '<p class="refusal">The articles don’t say.</p>'
        f'<p class="nearest">Nearest, though not an answer:</p><ol class="hits">{nearest}</ol>'
    )


def _short(text: str, most: int = 240) -> str:
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"


def _mark(turn: int, sentence: int, citation: int, number: int, cited: Citation) -> str:
    label = f"Source {number}: {cited.article.title}, paragraph {cited.paragraph.number}"
    return (
        f'<button type="button" class="mark" {_opens(turn, sentence, citation)} '
        f'title="{escaped(label)}" aria-label="{escaped(label)}">[{number}]</button>'
    )


def _opens(turn: int, sentence: int, citation: int) -> str:
    return f'data-turn="{turn}" data-sentence="{sentence}" data-citation="{citation}"'


def _place(citation: Citation) -> str:
    date = f" · {escaped(citation.article.date)}" if citation.article.date else ""
    return f"<b>{escaped(citation.article.title)}</b>, paragraph {citation.paragraph.number}{date}"


def reader(article: Article, start: int, end: int, others: str = "") -> str:
    """The whole article, `article.text[start:end]` highlighted."""
    facts = [escaped(part) for part in (article.author, article.date) if part]
    if re.match(r"https?://", article.url):
        facts.append(f'<a href="{escaped(article.url)}" target="_blank" rel="noopener noreferrer">original</a>')
    facts.append(escaped(article.path))
    return (
        f'<article class="reader" aria-label="{escaped(article.title)}">'
        '<button type="button" class="close" data-close="1" aria-label="Close the article">×</button>'
        f'<h2>{escaped(article.title)}</h2><p class="facts">{" · ".join(facts)}</p>{others}'
        f'<div class="text">{"".join(_blocks(article, start, end))}</div></article>'
    )


def other_places(turn: int, sentence: int, chosen: int, citations: Sequence[Citation]) -> str:
    """Links to the other places where a sentence stands."""
    links = [
        f'<button type="button" class="source" {_opens(turn, sentence, i)}>{_place(citation)}</button>'
        for i, citation in enumerate(citations)
        if i != chosen
    ]
    return f'<p class="also">Also in {", ".join(links)}</p>' if links else ""


def _blocks(article: Article, start: int, end: int) -> list[str]:
    parts = []
    position = 0
    for paragraph in article.paragraphs:
        parts += _gap(article.text[position : paragraph.start], paragraph.heading)
        position = paragraph.end
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
    return [*parts, *_gap(article.text[position:], "")]


def _gap(text: str, heading: str) -> list[str]:
    """Headings and asides between paragraphs."""
    blocks = [block.strip() for block in text.split("\n\n") if block.strip()]
    return [
        f"<h3>{escaped(block)}</h3>" if block == heading else f'<p class="aside">{escaped(block)}</p>'
        for block in blocks
    ]

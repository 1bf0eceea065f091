"""What the page shows, as HTML. Everything that comes from an article or a user is escaped, never interpreted."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from rag.answering import Answer, Citation, Sentence
from rag.articles import Article

NEAREST = 3
"""Hits that a refusal shows."""


def escaped(text: str) -> str:
    """`text` as HTML; braces and dollars too, since the page's templates give them a meaning."""
    return html.escape(text).replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;")


def transcript(turns: Sequence[tuple[str, Answer | None, int]], notice: str = "") -> str:
    """The conversation: each question with as many sentences of its answer as are to be seen, None while searching."""
    parts = [_turn(number, *turn) for number, turn in enumerate(turns)]
    if notice:
        parts.append(f'<div class="notice" role="alert">{escaped(notice)}</div>')
    return f'<div class="transcript" role="log" aria-live="polite" aria-label="Conversation">{"".join(parts)}</div>'


def welcome_text(text: str) -> str:
    """What stands over an empty conversation."""
    return f'<p class="welcome">{escaped(text)}</p>'


def _turn(number: int, question: str, answer: Answer | None, shown: int) -> str:
    asked = f'<div class="question">{escaped(question)}</div>'
    if answer is None:
        return f'<section class="turn">{asked}<div class="answer searching">Searching the articles …</div></section>'
    understood = ""
    if answer.searched != answer.question:
        understood = f'<p class="understood">Searched for: {escaped(answer.searched)}</p>'
    body = _answer(number, answer, shown) if answer.answered else _refusal(number, answer)
    return f'<section class="turn">{asked}<div class="answer">{understood}{body}</div></section>'


def _answer(number: int, answer: Answer, shown: int) -> str:
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

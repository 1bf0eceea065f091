"""Paragraphs → passages, by the embedder's own token count.

1. A paragraph that fits is kept whole. One that is shorter than `merge_tokens` takes in its neighbours under the same
   heading until the passage is long enough or full; a short one at the end joins the passage before it.
2. A paragraph that does not fit is windowed at sentence ends; each window repeats the last sentence of the one before
   it when there is room, so that a fact told over two sentences stands whole in one of them. A sentence longer than a
   passage is cut at spaces.
3. The room is `max_tokens` less what title and heading take, since they are embedded with the text (at most half the
   room, longer ones are cut by the model).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.articles import Article, Paragraph
from rag.sentences import split_sentences

CountTokens = Callable[[Sequence[str]], list[int]]

SPECIAL_TOKENS = 2
"""What the model adds around a text."""


@dataclass(frozen=True)
class Passage:
    """The unit of retrieval: whole paragraphs, or a window of a long one."""

    article_id: str
    start: int
    """Span in the article's text; `article.text[start:end] == text`."""
    end: int
    text: str
    heading: str
    paragraphs: tuple[int, ...]
    """Numbers of the paragraphs it covers or lies in, ascending."""


def embedded_text(title: str, heading: str, text: str) -> str:
    """What is embedded for a passage: its article's title and its heading give its pronouns a subject."""
    return "\n".join(part for part in (title, heading, text) if part)


def split_passages(article: Article, count_tokens: CountTokens, max_tokens: int, merge_tokens: int) -> list[Passage]:
    """The passages of `article`, in reading order.

    Args:
        article: what to split.
        count_tokens: tokens of each text, special ones not counted.
        max_tokens: the most of a passage with its title and heading, special ones counted.
        merge_tokens: shorter paragraphs are merged with neighbours.
    """
    sizes = count_tokens([paragraph.text for paragraph in article.paragraphs])
    headings = list(dict.fromkeys(paragraph.heading for paragraph in article.paragraphs))
    around = count_tokens([embedded_text(article.title, heading, "") for heading in headings])
    room = {
        heading: max(max_tokens - SPECIAL_TOKENS - size, max_tokens // 2)
        for heading, size in zip(headings, around, strict=True)
    }
    groups: list[list[int]] = []
    total = 0
    for i, paragraph in enumerate(article.paragraphs):
        same = groups and article.paragraphs[groups[-1][-1]].heading == paragraph.heading
        short = min(total, sizes[i]) < merge_tokens if same else False
        # A short paragraph introduces what follows more often than it closes what went before.
        if short and total < merge_tokens and total + sizes[i] <= room[paragraph.heading]:
            groups[-1].append(i)
            total += sizes[i]
        else:
            groups.append([i])
            total = sizes[i]
    groups = _join_short_ends(groups, article, sizes, room, merge_tokens)
    passages: list[Passage] = []
    for group in groups:
        first, last = article.paragraphs[group[0]], article.paragraphs[group[-1]]
        if len(group) == 1 and sizes[group[0]] > room[first.heading]:
            passages += _windows(article, first, count_tokens, room[first.heading])
        else:
            passages.append(_passage(article, first.start, last.end, article.paragraphs[group[0] : group[-1] + 1]))
    return passages


def _join_short_ends(
    groups: list[list[int]], article: Article, sizes: list[int], room: dict[str, int], merge_tokens: int
) -> list[list[int]]:
    """Groups still too short join the one before them under the same heading, where there is room."""
    joined: list[list[int]] = []
    for group in groups:
        heading = article.paragraphs[group[0]].heading
        size = sum(sizes[i] for i in group)
        if joined and size < merge_tokens and article.paragraphs[joined[-1][-1]].heading == heading:
            before = sum(sizes[i] for i in joined[-1])
            if before + size <= room[heading]:
                joined[-1] += group
                continue
        joined.append(list(group))
    return joined


def _windows(article: Article, paragraph: Paragraph, count_tokens: CountTokens, room: int) -> list[Passage]:
    pieces: list[tuple[int, int]] = []
    spans = split_sentences(paragraph.text)
    for (start, end), size in zip(spans, count_tokens([paragraph.text[a:b] for a, b in spans]), strict=True):
        pieces += [(start, end)] if size <= room else _cut(paragraph.text, start, end, count_tokens, room)
    sizes = count_tokens([paragraph.text[a:b] for a, b in pieces])
    passages = []
    first = 0
    while first < len(pieces):
        last, total = first, sizes[first]
        while last + 1 < len(pieces) and total + sizes[last + 1] <= room:
            last += 1
            total += sizes[last]
        start, end = paragraph.start + pieces[first][0], paragraph.start + pieces[last][1]
        passages.append(_passage(article, start, end, (paragraph,)))
        if last + 1 == len(pieces):
            break
        overlap = last > first and sizes[last] + sizes[last + 1] <= room
        first = last if overlap else last + 1
    return passages


def _cut(text: str, start: int, end: int, count_tokens: CountTokens, room: int) -> list[tuple[int, int]]:
    """Spans of at most `room` tokens that cover `text[start:end]`, cut at spaces where there are any."""
    spans = []
    while start < end:
        # A token is rarely shorter than a character, so this many characters can't be too few.
        stop = min(end, start + room * 8)
        while stop - start > 1 and count_tokens([text[start:stop]])[0] > room:
            middle = start + (stop - start) // 2
            space = text.rfind(" ", start + 1, middle)
            stop = space if space > start else middle
        if stop < end and (space := text.rfind(" ", start + 1, stop)) > start and not text[stop : stop + 1].isspace():
            stop = space
        spans.append((start, stop))
        start = stop
        while start < end and text[start].isspace():
            start += 1
    return spans


def _passage(article: Article, start: int, end: int, paragraphs: Sequence[Paragraph]) -> Passage:
    return Passage(
        article_id=article.id,
        start=start,
        end=end,
        text=article.text[start:end],
        heading=paragraphs[0].heading,
        paragraphs=tuple(paragraph.number for paragraph in paragraphs),
    )

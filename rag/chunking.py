"""Paragraphs → passages, by the embedder's own token count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.articles import Article


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


def split_passages(
    article: Article, count_tokens: Callable[[Sequence[str]], list[int]], max_tokens: int, merge_tokens: int
) -> list[Passage]:
    """The passages of `article`, in reading order."""
    raise NotImplementedError

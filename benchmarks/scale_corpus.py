"""A corpus of any size for benchmarks/scale.py: real text and vectors up to 10,000 passages, beyond made of these.

Real are the sentences of development sets in BEIR's layout, two and three of them together and whole paragraphs, with
their vectors by the embedded model, and the sets' questions, which are asked. A made passage has

- *text*: three to seven sentences of one real document, a tenth of their words replaced by words drawn as often as they
  stand in all the text, and the name of a person whom only its article knows, so that the vocabulary grows as it does
  in real text;
- *a vector*: that of a real passage of the same document, moved by a random mixture of differences between real
  neighbours (each the difference of a passage to one of its ten nearest), as far as real neighbours are apart. So
  vectors lie in clusters of the shape and the width of real ones, in the same few of the 384 dimensions.

An article has eight passages on average. Its tags and its date are drawn so that filters leave 50 %, 5 % and 0.1 % of
all articles; "topic" is a tag of the articles of a twentieth of the real documents, which lie in one region of space.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from rag.articles import Article, Paragraph
from rag.chunking import Passage
from rag.embedding import Embedder
from rag.sentences import split_sentences

REAL = 10_000
NEIGHBOURS = 10
MIXED = 6
"""Differences in a mixture."""
PER_ARTICLE = 8
SHARES = {"half": 0.5, "twentieth": 0.05, "thousandth": 0.001}
AUTHORS = 1000
BLOCK = 4096
_SYLLABLES = [
    a + b for a in ("b", "br", "d", "f", "gr", "h", "k", "l", "m", "n", "r", "s", "st", "t", "v") for b in "aeiou"
]


@dataclass(frozen=True)
class Made:
    """An article with its passages and their vectors."""

    article: Article
    passages: list[Passage]
    vectors: np.ndarray
    """(len(passages), 384) float32, of unit length."""


class Corpus:
    """Articles of `size` passages, the same ones every time."""

    def __init__(self, real: Real, size: int) -> None:
        self.real = real
        self.size = size

    def articles(self) -> Iterator[Made]:
        """One after another, in blocks; nothing is kept."""
        made = 0
        for number in range(self.size):
            if made == self.size:
                return
            draw = np.random.default_rng((1, number))
            count = min(self.size - made, int(draw.integers(1, 2 * PER_ARTICLE)))
            yield self.article(number, count)
            made += count

    def article(self, number: int, count: int, version: int = 0) -> Made:
        """Article `number` with `count` passages."""
        draw = np.random.default_rng((2, number, version))
        document = self.real.documents[draw.integers(len(self.real.documents))]
        name = " ".join("".join(draw.choice(_SYLLABLES, 3)).capitalize() for _ in range(2))
        texts = [self._text(document, name, draw) for _ in range(count)]
        starts = np.cumsum([0] + [len(text) + 2 for text in texts])
        paragraphs = tuple(
            Paragraph(i + 1, text, int(start), int(start) + len(text))
            for i, (text, start) in enumerate(zip(texts, starts, strict=False))
        )
        id_ = f"{number:07}.txt"
        drawn = np.random.default_rng((3, number))
        tags = tuple(name for name, share in SHARES.items() if drawn.random() < share)
        article = Article(
            id_,
            f"{document.title}, as {name} tells it",
            "\n\n".join(texts),
            paragraphs,
            f"made/{id_}",
            f"Author {int(AUTHORS * drawn.random() ** 2)}",
            str(np.datetime64("2005-01-01") + int(drawn.integers(7300))),
            "",
            tags + (("topic",) if document.in_topic else ()),
        )
        passages = [Passage(id_, p.start, p.end, p.text, "", (p.number,)) for p in paragraphs]
        return Made(article, passages, self._vectors(document, count, draw))

    def _text(self, document: Document, name: str, draw: np.random.Generator) -> str:
        sentences = [document.sentences[i] for i in draw.integers(len(document.sentences), size=draw.integers(3, 8))]
        words = " ".join(sentences).split()
        places = draw.integers(len(words), size=len(words) // 10)
        for place, word in zip(
            places, self.real.words[draw.integers(len(self.real.words), size=len(places))], strict=True
        ):
            words[place] = str(word)
        words[int(draw.integers(len(words)))] = name
        return " ".join(words)

    def _vectors(self, document: Document, count: int, draw: np.random.Generator) -> np.ndarray:
        centres = document.rows[draw.integers(len(document.rows), size=count)]
        return made_vectors(self.real, centres, draw)


def made_vectors(real: Real, centres: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A vector near each of the real passages in the rows `centres`, (n, 384) float32 of unit length."""
    vectors, near = real.vectors, real.neighbours
    moved = vectors[centres]
    for _ in range(MIXED):
        ends = draw.integers(len(vectors), size=len(centres))
        others = near[ends, draw.integers(near.shape[1], size=len(centres))]
        weights = draw.normal(size=(len(centres), 1)).astype(np.float32) / np.sqrt(MIXED)
        moved += (vectors[others] - vectors[ends]) * weights
    found: np.ndarray = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return found


@dataclass(frozen=True)
class Document:
    """A real document: the sentences of all its paragraphs."""

    title: str
    sentences: list[str]
    rows: np.ndarray
    """Of its real passages."""
    in_topic: bool


class Real:
    """What is real: passages and their vectors, questions and theirs."""

    def __init__(self, sets: list[Path], cache: Path) -> None:
        titles: dict[str, list[str]] = {}
        for folder in sets:
            for line in (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines():
                values = json.loads(line)
                titles.setdefault(values["title"], []).append(values["text"])
        passages: dict[str, int] = {}
        self.documents: list[Document] = []
        of_title = {
            title: [[text[a:b] for a, b in split_sentences(text)] for text in texts] for title, texts in titles.items()
        }
        rows: dict[str, list[int]] = {title: [] for title in titles}
        for length in (1, 2, 3, 100):
            for title, paragraphs in of_title.items():
                for sentences in paragraphs:
                    for first in range(max(1, len(sentences) - length + 1)):
                        text = " ".join(sentences[first : first + length])
                        if len(text.split()) >= 6 and text not in passages and len(passages) < REAL:
                            rows[title].append(passages.setdefault(text, len(passages)))
        for number, title in enumerate(title for title in titles if rows[title]):
            sentences = [sentence for paragraph in of_title[title] for sentence in paragraph]
            self.documents.append(Document(title, sentences, np.array(rows[title]), number % 20 == 0))
        self.texts = list(passages)
        self.words = np.array(re.findall(r"\w+", " ".join(self.texts)))
        asked = [
            json.loads(line)["text"]
            for folder in sets
            for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        self.questions = [asked[i] for i in np.random.default_rng(0).permutation(len(asked))[:400]]
        self._cache = cache

    @cached_property
    def vectors(self) -> np.ndarray:
        """Of the passages, (n, 384) float32."""
        return self._embedded(self.texts)

    @cached_property
    def question_vectors(self) -> np.ndarray:
        """Of the questions, (400, 384) float32."""
        return self._embedded(self.questions)

    @cached_property
    def neighbours(self) -> np.ndarray:
        """Rows of the ten passages nearest to each, (n, 10)."""
        near = np.empty((len(self.vectors), NEIGHBOURS), dtype=np.int64)
        for first in range(0, len(self.vectors), 1000):
            products = self.vectors[first : first + 1000] @ self.vectors.T
            near[first : first + 1000] = np.argsort(-products, axis=1)[:, 1 : NEIGHBOURS + 1]
        return near

    def _embedded(self, texts: list[str]) -> np.ndarray:
        name = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
        path = self._cache / f"{name}.npy"
        if not path.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            np.save(path, Embedder.load().encode(texts))
        found: np.ndarray = np.load(path)
        return found

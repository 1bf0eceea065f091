"""Labelled sets in BEIR's layout: paragraphs, questions with gold answers, and which paragraph holds them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.articles import Article, Paragraph, read_articles


@dataclass(frozen=True)
class LabelledQuestion:
    """A question with what is known of its answer."""

    id: str
    text: str
    answers: tuple[str, ...]
    """Gold strings; empty when the articles hold no answer."""
    evidence: tuple[str, ...]
    """Gold sentences, where the set has them."""
    paragraphs: frozenset[tuple[str, int]]
    """(article id, paragraph number) of the paragraphs that hold the answer."""
    group: str
    """The article it was written for: questions of one group are never in training and test at once."""
    history: tuple[tuple[str, str], ...] = ()
    """(question, answer) pairs asked before it."""


@dataclass(frozen=True)
class LabelledSet:
    """Articles and the questions on them."""

    name: str
    articles: tuple[Article, ...]
    questions: tuple[LabelledQuestion, ...]

    @classmethod
    def read(cls, folder: str | Path) -> LabelledSet:
        """The set in `folder`: corpus.jsonl, queries.jsonl, qrels.tsv."""
        folder = Path(folder)
        paragraphs: dict[str, list[dict[str, Any]]] = {}
        for row in _lines(folder / "corpus.jsonl"):
            paragraphs.setdefault(row.get("article_id") or row["_id"], []).append(row)
        articles, places = [], {}
        for article_id, rows in paragraphs.items():
            rows.sort(key=lambda row: row.get("position", 0))
            articles.append(_article(article_id, rows[0].get("title", ""), [row["text"] for row in rows]))
            places.update({row["_id"]: (article_id, number) for number, row in enumerate(rows, 1)})
        relevant: dict[str, set[tuple[str, int]]] = {}
        with (folder / "qrels.tsv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                if int(row["score"]) > 0:
                    relevant.setdefault(row["query-id"], set()).add(places[row["corpus-id"]])
        questions = tuple(_question(row, relevant, places) for row in _lines(folder / "queries.jsonl"))
        return cls(folder.name, tuple(articles), questions)

    @classmethod
    def over(cls, articles: str | Path, questions: str | Path) -> LabelledSet:
        """Questions (a line each: question, answers, evidence, history if any) over a folder of articles.

        Each of `answers` must stand in a right answer; any of `evidence`, parts of sentences, shows where it stands.
        """
        found = tuple(item for item in read_articles([articles]) if isinstance(item, Article))
        labelled = []
        for number, row in enumerate(_lines(Path(questions))):
            places = frozenset(
                (article.id, paragraph.number)
                for article in found
                for paragraph in article.paragraphs
                if any(part in paragraph.text for part in row["evidence"])
            )
            if bool(places) != bool(row["answers"]):
                raise ValueError(f"{questions}: no article has the evidence for {row['question']!r}")
            # Each its own group: questions on one article are in training and test.
            labelled.append(
                LabelledQuestion(
                    str(number),
                    row["question"],
                    tuple(row["answers"]),
                    tuple(row["evidence"]),
                    places,
                    str(number),
                    tuple((question, answer) for question, answer in row.get("history", ())),
                )
            )
        return cls(Path(questions).stem, found, tuple(labelled))


def _question(
    row: dict[str, Any], relevant: dict[str, set[tuple[str, int]]], places: dict[str, tuple[str, int]]
) -> LabelledQuestion:
    found = relevant.get(row["_id"], set())
    source = places.get(row.get("source_paragraph", ""), ("", 0))[0]
    group = row.get("article_id") or source or next(iter(sorted(found)), (row["_id"], 0))[0]
    evidence = tuple(sentence for one in row.get("evidence_sentences", ()) for sentence in one)
    return LabelledQuestion(row["_id"], row["text"], tuple(row.get("answers", ())), evidence, frozenset(found), group)


def _article(article_id: str, title: str, texts: list[str]) -> Article:
    paragraphs, start = [], 0
    for number, text in enumerate(texts, 1):
        paragraphs.append(Paragraph(number, text, start, start + len(text)))
        start += len(text) + 2
    return Article(article_id, title, "\n\n".join(texts), tuple(paragraphs), article_id)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)

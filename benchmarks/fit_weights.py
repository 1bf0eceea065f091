"""Fit `rag/weights.json` on labelled questions.

    python benchmarks/fit_weights.py SET… [--over ARTICLES QUESTIONS]… [--folds 6]

Two small models (see `rag.weights`), each fitted with a little ridge on all sets at once:

1. *passage*: listwise softmax over the passages read for a question, against the labelled ones.
2. *sentence*: listwise softmax over the sentences of the best passages, against those in a labelled paragraph that hold
   a gold answer (or are gold evidence).

Cross-validated figures are printed first, with the questions of one article always in the same fold (those of `--over`
one by one); then the weights are fitted on everything and written.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from rag.answering import READ
from rag.articles import Article, read_articles
from rag.building import build_articles
from rag.evaluation.labelled import LabelledQuestion, LabelledSet, read_questions, read_set
from rag.retrieval import Candidate, Retriever
from rag.settings import Settings
from rag.signals import PASSAGE_SIGNALS, SENTENCE_SIGNALS
from rag.weights import FILE

SENTENCE_NAMES = ("passage", *SENTENCE_SIGNALS)


@dataclass
class Example:
    """A labelled question with the passages read for it."""

    question: LabelledQuestion
    candidates: list[Candidate]
    passages: np.ndarray
    """(candidates, signals) float64."""
    right: np.ndarray
    """(candidates,) bool."""
    fold: int
    weight: float


def main() -> None:
    """Read, cross-validate, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--over", nargs=2, action="append", default=[], metavar=("ARTICLES", "QUESTIONS"))
    parser.add_argument("--folds", type=int, default=6)
    parser.add_argument("--output", type=Path, default=FILE)
    options = parser.parse_args()
    examples: dict[str, list[Example]] = {}
    sets = [(read_set(folder), False) for folder in options.sets]
    hand_written = [(over(*pair), True) for pair in options.over]
    for labelled, written in [*sets, *hand_written]:
        examples[labelled.name] = _examples(labelled, options.folds, written)
        print(f"{labelled.name}: {len(examples[labelled.name])} questions read", flush=True)
    everything = [example for of_set in examples.values() for example in of_set]
    held_out: dict[str, list[tuple[Example, dict[str, float]]]] = {name: [] for name in examples}
    for fold in range(options.folds):
        models = _fit([example for example in everything if example.fold != fold])
        for name, of_set in examples.items():
            held_out[name] += [(e, _measure(e, models)) for e in of_set if e.fold == fold]
    for name, measured in held_out.items():
        _report(name, measured)
    options.output.write_text(json.dumps(_fit(everything).as_json(), indent=2) + "\n", encoding="utf-8")
    print(f"written to {options.output}")


@dataclass
class Models:
    """The fitted models."""

    passage: np.ndarray
    passage_bias: float
    sentence: np.ndarray

    def as_json(self) -> dict[str, dict[str, float]]:
        """As `rag.weights` reads them."""
        return {
            "passage": {**_named(PASSAGE_SIGNALS, self.passage), "bias": round(self.passage_bias, 4)},
            "sentence": _named(SENTENCE_NAMES, self.sentence),
        }


def over(articles: str, questions: str) -> LabelledSet:
    """The questions in the file `questions` over the articles in a folder, or in a set in BEIR's layout."""
    if (Path(articles) / "corpus.jsonl").exists():
        return read_questions(Path(questions), read_set(Path(articles)).articles)
    return read_questions(Path(questions), [a for a in read_articles([articles]) if isinstance(a, Article)])


def _examples(labelled: LabelledSet, folds: int, hand_written: bool) -> list[Example]:
    with tempfile.TemporaryDirectory() as folder:
        # Paragraphs of the sets are labelled one by one, so none are merged.
        settings = Settings() if hand_written else Settings(merge_tokens=0)
        build_articles(labelled.articles, folder, settings=settings)
        retriever = Retriever.open(folder, settings)
        found = []
        for question in labelled.questions:
            _, candidates = retriever.read(question.text)
            right = [
                any((c.passage.article_id, n) in question.paragraphs for n in c.passage.paragraphs) for c in candidates
            ]
            found.append(
                Example(
                    question,
                    candidates,
                    np.array([c.signals.passage for c in candidates], dtype=np.float64),
                    np.array(right, dtype=bool),
                    zlib.crc32(question.group.encode()) % folds,
                    # Sets count by the root of their size, so that the largest doesn't decide alone.
                    len(labelled.questions) ** -0.5,
                )
            )
        return found


def _fit(examples: list[Example]) -> Models:
    listed = [(e.passages, e.right, e.weight) for e in examples if e.right.any()]
    passage = _listwise(listed, len(PASSAGE_SIGNALS), ridge=1e-4)
    scores = np.concatenate([rows @ passage for rows, _, _ in listed])
    truth = np.concatenate([right for _, right, _ in listed])
    bias = float(minimize_scalar(lambda b: np.logaddexp(0, -(2 * truth - 1) * (scores + b)).mean()).x)
    sentences = [(*_sentences(e, passage), e.weight) for e in examples if e.right.any()]
    sentence = _listwise([s for s in sentences if s[1].any()], len(SENTENCE_NAMES), ridge=1e-4)
    return Models(passage, bias, sentence)


def _listwise(lists: list[tuple[np.ndarray, np.ndarray, float]], size: int, ridge: float) -> np.ndarray:
    """Weights that maximise the probability of the right rows of each list under a softmax."""
    longest = max(len(rows) for rows, _, _ in lists)
    padded = np.zeros((len(lists), longest, size))
    right = np.zeros((len(lists), longest), dtype=bool)
    real = np.zeros((len(lists), longest), dtype=bool)
    for i, (rows, truth, _) in enumerate(lists):
        padded[i, : len(rows)], right[i, : len(rows)], real[i, : len(rows)] = rows, truth, True
    importance = np.array([weight for _, _, weight in lists])
    importance /= importance.sum()

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = np.where(real, padded @ w, -1e9)
        everything = np.exp(z - z.max(axis=1, keepdims=True))
        wanted = everything * right
        p, q = everything.sum(axis=1), np.maximum(wanted.sum(axis=1), 1e-300)
        towards = (everything / p[:, None] - wanted / q[:, None]) * importance[:, None]
        value = float(importance @ (np.log(p) - np.log(q))) + ridge * float(w @ w)
        return value, np.einsum("ij,ijk->k", towards, padded) + 2 * ridge * w

    return np.asarray(minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B").x)


def _sentences(example: Example, passage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signals and truth of the sentences of the best passages."""
    scores = example.passages @ passage
    probability = scores - np.logaddexp.reduce(scores)
    rows, truth = [], []
    for i in np.argsort(-scores)[:READ]:
        candidate = example.candidates[i]
        for (start, end), signals in zip(candidate.view.sentences, candidate.signals.sentences, strict=True):
            rows.append(np.concatenate([[probability[i]], signals]))
            truth.append(bool(example.right[i]) and holds(candidate.view.text[start:end], example.question))
    return np.array(rows), np.array(truth, dtype=bool)


def holds(sentence: str, question: LabelledQuestion) -> bool:
    """Whether `sentence` tells the answer, by the labels."""
    text = _plain(sentence)
    if question.evidence:
        # Sentences are split differently here than in the sets, so either may be part of the other.
        return any(text in _plain(gold) or _plain(gold) in text for gold in question.evidence)
    return any(_plain(answer) in text for answer in question.answers)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.lower()).strip()


def _measure(example: Example, models: Models) -> dict[str, float]:
    order = np.argsort(-(example.passages @ models.passage))
    rows, truth = _sentences(example, models.passage)
    return {
        "R@1": float(example.right[order[:1]].any()),
        "R@5": float(example.right[order[:5]].any()),
        "sentence": float(truth[int((rows @ models.sentence).argmax())]),
    }


def _report(name: str, measured: list[tuple[Example, dict[str, float]]]) -> None:
    answerable = [values for example, values in measured if example.question.answerable]
    means = {key: np.mean([values[key] for values in answerable]) for key in ("R@1", "R@5", "sentence")}
    shown = [f"{key} {value:.3f}" for key, value in means.items()]
    print(f"{name}: {', '.join(shown)}")


def _named(names: tuple[str, ...], values: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}


if __name__ == "__main__":
    main()

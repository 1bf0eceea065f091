"""Figures of asked questions: how well the paragraphs were found, the answers made, the refusals chosen.

Per question, where it applies (a mean over the questions is what is shown):

- *R@k*, *MRR@10*, *nDCG@10* of the hits against the labelled paragraphs, by ir-measures. R@k is the share of questions
  with a labelled paragraph in the first k hits; where one paragraph is labelled, that is recall.
- *holds*: of the questions that the articles answer, whether a cited sentence holds what it should: a gold string, or
  all of its several parts, or a gold sentence. Asked as if nothing were refused.
- *right if answered*: the same, and it cites a labelled paragraph; *right*: the same, and it is not refused.
- *F1*, *exact match*: of the answer's words and the nearest gold string's, normalised as SQuAD does (Rajpurkar et al.
  2016). Answers here are whole sentences, so both are low; they are for comparing with other systems.
- *citation precision*: the share of the cited paragraphs that are labelled; *citation recall*: of the labelled that are
  cited.
- *refused*: of the questions that the articles don't answer.

Over all questions:

- *AUROC* of the confidence: how often an answerable question has more of it than one that isn't;
- *refusal precision*, *recall*, *F1* at the threshold;
- *AURC*: the mean of the risk-coverage curve: were only the most confident share of the questions answered, how many of
  the answers would be wrong, for each share (Geifman and El-Yaniv 2017); lower is better.

Intervals are of 95 %, by bootstrap over the questions (Efron 1979); comparisons are permutation tests of pairs.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ir_measures
import numpy as np
from ir_measures import RR, Qrel, ScoredDoc, Success, nDCG
from scipy.stats import bootstrap, permutation_test
from sklearn.metrics import roc_auc_score

from rag.answering import Answer, Citation
from rag.evaluation.labelled import LabelledQuestion
from rag.hits import Place

HITS = 10
"""How many hits are looked at."""
RESAMPLES = 2000
"""Of the questions, for an interval."""
PERMUTATIONS = 5000
"""Of the pairs, for a comparison."""

RETRIEVAL = {
    "R@1": Success @ 1,
    "R@3": Success @ 3,
    "R@5": Success @ 5,
    "R@10": Success @ 10,
    "MRR@10": RR @ 10,
    "nDCG@10": nDCG @ 10,
}
FROM_CONFIDENCE = ("AUROC", "AURC", "refusal precision", "refusal recall", "refusal F1")
LOWER_IS_BETTER = frozenset({"AURC", "seconds p50", "seconds p95", "sentences"})

LOSSES = {
    "right": "answered rightly",
    "not found": "the paragraph was not among the first five hits",
    "not said": "the paragraph was found, but the answer does not hold what it should",
    "refused": "the right answer was there, and refused",
    "rightly refused": "refused, since the articles don't say",
    "not refused": "answered, though the articles don't say",
    "unlabelled": "nobody said what is right",
    "understood": "made to stand alone, with the words it needs and no others",
    "not understood": "not given all the words that it needs to stand alone",
    "overdone": "given the words that it needs, and others",
}
"""What can become of a question; each becomes one of them."""


@dataclass(frozen=True)
class Figure:
    """A figure with its interval."""

    value: float
    low: float
    high: float
    count: int
    """Questions it was taken over."""

    def to_dict(self) -> dict[str, Any]:
        """As in `eval --json`; what can't be told is null."""
        value, low, high = (None if math.isnan(v) else round(v, 4) for v in (self.value, self.low, self.high))
        return {"value": value, "low": low, "high": high, "count": self.count}


def measure(question: LabelledQuestion, answer: Answer, threshold: float) -> dict[str, float]:
    """The figures of one question that was asked as if nothing were refused."""
    values: dict[str, float] = {"seconds": answer.seconds, "confidence": answer.confidence}
    answered = answer.confidence >= threshold and bool(answer.sentences)
    if question.paragraphs:
        values |= _retrieval(question, answer)
    if question.answerable is False:
        values["refused"] = float(not answered)
    elif question.answerable:
        values["sentences"] = len(answer.sentences)
        cited = {_place(citation) for sentence in answer.sentences for citation in sentence.citations}
        if question.answers or question.parts or question.paragraphs:
            right = holds(question, answer) and (not question.paragraphs or bool(cited & question.paragraphs))
            values["holds"] = float(holds(question, answer))
            values["right if answered"] = float(right)
            values["right"] = float(right and answered)
        gold = question.answers or ((" ".join(question.parts),) if question.parts else ())
        if gold:
            values["F1"] = max(token_f1(answer.text, one) for one in gold)
            values["exact match"] = float(any(normalised(answer.text) == normalised(one) for one in gold))
        if question.paragraphs:
            values["citation precision"] = len(cited & question.paragraphs) / max(len(cited), 1)
            values["citation recall"] = len(cited & question.paragraphs) / len(question.paragraphs)
    return values


def lost(question: LabelledQuestion, values: dict[str, float], threshold: float) -> str:
    """What became of the question: a key of `LOSSES`."""
    if question.answerable is False:
        return "rightly refused" if values["refused"] else "not refused"
    if "right" not in values:
        return "unlabelled"
    if values["right"]:
        return "right"
    if values["right if answered"]:
        return "refused"
    return "not found" if values.get("R@5", 1.0) == 0 else "not said"


def holds(question: LabelledQuestion, answer: Answer) -> bool:
    """Whether the sentences of the answer hold what a right one does."""
    if question.free_text:
        # Sentences are split differently here than in the sets, so either may be part of the other.
        ours = [_plain(sentence.text) for sentence in answer.sentences]
        return any(s in _plain(gold) or _plain(gold) in s for gold in question.evidence for s in ours)
    text = _plain(" ".join(sentence.text for sentence in answer.sentences))
    if not all(_stands(part, text) for part in question.parts):
        return False
    return not question.answers or any(_stands(gold, text) for gold in question.answers)


def normalised(text: str) -> str:
    """Lower case, without punctuation, articles and surplus blanks, as SQuAD compares answers."""
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", text).split())


def token_f1(text: str, gold: str) -> float:
    """Harmonic mean of precision and recall of the words of `text` against those of `gold`."""
    found, wanted = normalised(text).split(), normalised(gold).split()
    common = sum((Counter(found) & Counter(wanted)).values())
    return 2 * common / (len(found) + len(wanted)) if common else 0.0


def summary(rows: Sequence[dict[str, Any]], threshold: float) -> dict[str, Figure]:
    """The figures over all questions; `rows` are those of `Evaluation`."""
    figures = {}
    for name in dict.fromkeys(name for row in rows for name in row["values"]):
        values = np.array([row["values"][name] for row in rows if name in row["values"]])
        if name not in ("seconds", "confidence"):
            figures[name] = _figure(np.mean, values)
    seconds = np.array([row["values"]["seconds"] for row in rows])
    if len(seconds):
        figures["seconds p50"] = _figure(np.median, seconds)
        figures["seconds p95"] = _figure(lambda v, axis=-1: np.percentile(v, 95, axis=axis), seconds)
    truth, confidence, right = outcomes(rows)
    if truth.any() and not truth.all():
        for name in FROM_CONFIDENCE:
            statistic = _statistic(name, threshold)
            low, high = _interval(
                np.arange(len(truth)), lambda i, of=statistic: of(truth[i], confidence[i], right[i]), vectorized=False
            )
            figures[name] = Figure(statistic(truth, confidence, right), low, high, len(truth))
    return figures


def outcomes(rows: Sequence[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each labelled question is answerable, its confidence, and whether its answer is right: (n,) each."""
    known = [row for row in rows if row["answerable"] is not None and row["lost"] != "unlabelled"]
    truth = np.array([row["answerable"] for row in known], dtype=bool)
    confidence = np.array([row["confidence"] for row in known], dtype=np.float64)
    right = np.array([bool(row["values"].get("right if answered", 0.0)) for row in known], dtype=bool)
    return truth, confidence, right


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n,) float64: share of wrong answers among the i + 1 most confident ones."""
    order = np.argsort(-confidence, kind="stable")
    return np.asarray(np.cumsum(~right[order].astype(bool)) / np.arange(1, len(order) + 1))


def compare(
    old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]], threshold: float
) -> dict[str, dict[str, Any]]:
    """By how much `new` differs from `old` on the questions of both, and how likely so much is by chance.

    Of each measure: `old`, `new`, `difference`, `p` (two-sided), `count`.
    """
    before = {row["id"]: row for row in old}
    pairs = [(before[row["id"]], row) for row in new if row["id"] in before]
    found = {}
    for name in dict.fromkeys(name for _, row in pairs for name in row["values"]):
        both = [(a["values"][name], b["values"][name]) for a, b in pairs if name in a["values"] and name in b["values"]]
        if both and name != "confidence":
            a, b = np.array(both, dtype=np.float64).T
            found[name] = _difference(a, b, lambda x, y, axis=-1: np.mean(y - x, axis=axis), np.mean, vectorized=True)
    known = [(a, b) for a, b in pairs if b["lost"] != "unlabelled"]
    truth, confidence, _ = outcomes([b for _, b in known])
    if truth.any() and not truth.all():
        earlier = np.array([a["confidence"] for a, _ in known], dtype=np.float64)
        found["AUROC"] = _difference(
            earlier,
            confidence,
            lambda x, y: roc_auc_score(truth, y) - roc_auc_score(truth, x),
            lambda x: roc_auc_score(truth, x),
            vectorized=False,
        )
    return found


def _retrieval(question: LabelledQuestion, answer: Answer) -> dict[str, float]:
    """A hit counts as the first labelled paragraph in it that no hit before it had."""
    left = set(question.paragraphs)
    run = []
    for rank, hit in enumerate(answer.hits[:HITS]):
        found = left & ({(hit.article.id, p.number) for p in hit.paragraphs} | {_place(place) for place in hit.places})
        left -= found
        run.append(ScoredDoc("q", str(min(found)) if found else f"hit {rank}", float(-rank)))
    labels = [Qrel("q", str(place), 1) for place in question.paragraphs]
    if not run:
        return dict.fromkeys(RETRIEVAL, 0.0)
    values = {metric.measure: metric.value for metric in ir_measures.iter_calc(RETRIEVAL.values(), labels, run)}
    return {name: float(values[of]) for name, of in RETRIEVAL.items()}


def _place(place: Citation | Place) -> tuple[str, int]:
    return place.article.id, place.paragraph.number


def _stands(gold: str, text: str) -> bool:
    """Whether `gold` stands in the plain `text`, and not only as a part of a word or a figure."""
    return bool(re.search(rf"(?<!\w){re.escape(_plain(gold))}(?!\w)", text))


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _figure(statistic: Callable[..., Any], values: np.ndarray) -> Figure:
    low, high = _interval(values, statistic, vectorized=True)
    return Figure(float(statistic(values)), low, high, len(values))


def _interval(values: np.ndarray, statistic: Callable[..., Any], vectorized: bool) -> tuple[float, float]:
    if len(values) < 2:
        return math.nan, math.nan
    found = bootstrap(
        (values,),
        statistic,
        vectorized=vectorized,
        n_resamples=RESAMPLES if vectorized else RESAMPLES // 4,
        batch=100,
        method="percentile",
        rng=0,
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _difference(
    old: np.ndarray, new: np.ndarray, statistic: Callable[..., Any], value: Callable[..., Any], vectorized: bool
) -> dict[str, Any]:
    tested = permutation_test(
        (old, new),
        statistic,
        permutation_type="samples",
        vectorized=vectorized,
        n_resamples=PERMUTATIONS if vectorized else PERMUTATIONS // 10,
        batch=100,
        rng=0,
    )
    return {
        "old": round(float(value(old)), 4),
        "new": round(float(value(new)), 4),
        "difference": round(float(value(new) - value(old)), 4),
        "p": round(float(tested.pvalue), 4),
        "count": len(old),
    }


def _statistic(name: str, threshold: float) -> Callable[..., float]:
    """The figure `name` as a function of (answerable, confidence, right)."""

    def refusal(truth: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> float:
        refused = confidence < threshold
        hit = float((refused & ~truth).sum())
        precision, recall = hit / max(refused.sum(), 1), hit / max((~truth).sum(), 1)
        both = 2 * precision * recall / max(precision + recall, 1e-9)
        return float({"refusal precision": precision, "refusal recall": recall, "refusal F1": both}[name])

    def ranking(truth: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> float:
        # A resample may have questions of one kind only.
        return 0.5 if truth.all() or not truth.any() else float(roc_auc_score(truth, confidence))

    def risk(truth: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> float:
        return float(risk_coverage(confidence, right).mean())

    return {"AUROC": ranking, "AURC": risk}.get(name, refusal)

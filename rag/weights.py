"""What each signal is worth: two small linear models, fitted by `benchmarks/fit_weights.py` on labelled questions.

- *passage*: ranks passages (softmax over the candidates of a question);
- *sentence*: ranks sentences, from the log-probability of their passage and their own signals.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from rag.signals import PASSAGE_SIGNALS, SENTENCE_SIGNALS, Signals

FILE = Path(__file__).with_name("weights.json")


@dataclass(frozen=True)
class Weights:
    """The weights in the order of the signals' names, and the biases."""

    passage: np.ndarray
    passage_bias: float
    sentence: np.ndarray
    """The first is that of the passage's log-probability."""

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> Weights:
        """The weights that come with the package."""
        values = json.loads(FILE.read_text(encoding="utf-8"))
        return cls(
            passage=_ordered(values["passage"], PASSAGE_SIGNALS),
            passage_bias=float(values["passage"]["bias"]),
            sentence=_ordered(values["sentence"], ("passage", *SENTENCE_SIGNALS)),
        )

    def passage_score(self, signals: Signals) -> float:
        """Linear score of a passage; 0 is where one in two such passages is the one asked for."""
        return float(signals.passage @ self.passage) + self.passage_bias

    def sentence_scores(self, signals: Signals, log_probability: float) -> np.ndarray:
        """(sentences,) linear scores, given the log-probability of the passage among the candidates."""
        scores: np.ndarray = signals.sentences @ self.sentence[1:] + self.sentence[0] * log_probability
        return scores


def _ordered(values: dict[str, float], names: tuple[str, ...]) -> np.ndarray:
    return np.array([values[name] for name in names], dtype=np.float32)

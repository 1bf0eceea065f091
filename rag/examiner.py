"""The examiner: reads the question and a sentence together, and says how likely the one answers the other.

Ranking finds the sentences that are *about* what is asked. Whether one of them says it is seen only by reading both:

1. The question and the sentence, with the one before it where that is short, are read as one text by the embedded
   model, which was taught to (`rag.network`).
2. Each token gets marks: whether its word stands on the other side too and how rare that is, how similar the most
   similar token on the other side is where each is read by itself, whether it is written as a name or a number.
3. What the signals of ranking (`rag.signals`) and deciding (`rag.decision`) say of the sentence is added.

`benchmarks/train_examiner.py` taught it on labelled questions. It always reads by the embedded default model, whatever
model the index is made by.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rag.decision import DECISION_SIGNALS, GENERIC, decision_signals
from rag.embedding import STEP, Embedder, TokenVectors
from rag.question import Question, Word
from rag.settings import DEFAULT_MODEL, Settings
from rag.signals import SENTENCE_SIGNALS, View

if TYPE_CHECKING:
    from torch import Tensor

    from rag.network import Network
    from rag.retrieval import Candidate

FILE = Path(__file__).with_name("examiner.safetensors")
EXAMINED = 5
"""Sentences read for a question, the best ones by their signals; among them is the right one 96 times in 100."""
LONGEST = 110
"""Tokens of a sentence and what stands before it; the last ones are read."""
BEFORE = 220
"""Characters that the sentence before it may begin ahead of a sentence, to be read with it."""
MOST_RARITY = 8.0
OF_RANKING = 4
"""Numbers that `sentence_signals` has from ranking, between those of the sentence and those of deciding."""
LITERAL = 2.5
"""What a sentence gains by having every telling word of the question around a number or date of the kind asked for. The
network has learnt to doubt questions for prices and ages, which are asked more often where they aren't told; of the
written questions of this kind 100 in 127 are answered."""
SAYS_OF = 1.0
"""The least log-odds of a sentence that has all telling words, where no more is asked than what is said of them."""
CACHED = 128
"""Passages whose tokens stay in memory, about 0.2 MB each, where the index is made by another model."""


class Sentence(NamedTuple):
    """A sentence to be examined."""

    candidate: Candidate
    position: int
    """Among the sentences of the passage."""
    score: float
    """By ranking."""
    log_probability: float
    """Of its passage among the candidates."""
    rank: int
    """Of its passage among the candidates, from 0."""


@dataclass(frozen=True)
class Sheet:
    """What the network reads of one sentence."""

    ids: np.ndarray
    """(tokens,) int32, the question's tokens first."""
    marks: np.ndarray
    """(tokens, MARKS) float32."""
    asked: int
    """How many of the tokens are the question's."""
    first: int
    """Of the tokens of the passage, where those read begin."""


class Examiner:
    """The network and the embedded model; safe to call from several threads."""

    def __init__(self, network: Network, embedder: Embedder, reads_anew: bool) -> None:
        """`reads_anew`: whether questions and passages were read by another model than the embedded one."""
        self._network = network
        self._embedder = embedder
        self._reads_anew = reads_anew
        self._lock = threading.Lock()
        self._read: OrderedDict[str, TokenVectors] = OrderedDict()

    @classmethod
    def load(cls, settings: Settings | None = None) -> Examiner:
        """The examiner that comes with the package, for an index made by the model that `settings` name.

        Raises:
            RagError: the embedded model is not installed, or its weights are not the published ones.
        """
        settings = settings or Settings()
        embedder = Embedder.load(replace(settings, model=DEFAULT_MODEL))
        return cls(_network(embedder), embedder, settings.model != DEFAULT_MODEL)

    def examine(self, question: Question, sentences: Sequence[Sentence]) -> np.ndarray:
        """How likely each of `sentences` answers `question`: (n,) log-odds, float32.

        Args:
            question: what is asked.
            sentences: the best ones, best first.
        """
        if not sentences:
            return np.empty(0, dtype=np.float32)
        asked = self._tokens([question.text])[0] if self._reads_anew else question.tokens
        views = [sentence.candidate.view for sentence in sentences]
        passages = self._tokens([view.text for view in views]) if self._reads_anew else [view.tokens for view in views]
        sheets = [
            sheet(question, asked, view, passage, sentence.position)
            for sentence, view, passage in zip(sentences, views, passages, strict=True)
        ]
        signals = sentence_signals(question, sentences)
        odds: np.ndarray = run(self._network, sheets, signals)
        odds = odds + LITERAL * _holds_what_is_asked(signals).astype(np.float32)
        says_of = np.array([_says_of(question, one) for one in sentences])
        odds[says_of] = np.maximum(odds[says_of], SAYS_OF)
        return odds

    def _tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        with self._lock:
            known = {text: self._read[text] for text in texts if text in self._read}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(missing, self._embedder.token_vectors(missing), strict=True))
        with self._lock:
            for text in known:
                self._read[text] = known[text]
                self._read.move_to_end(text)
            while len(self._read) > CACHED:
                self._read.popitem(last=False)
        return [known[text] for text in texts]


def sheet(question: Question, asked: TokenVectors, view: View, passage: TokenVectors, position: int) -> Sheet:
    """What the network reads of sentence `position` of `view`, the tokens being those of the embedded model."""
    start, end = view.sentences[position]
    first = _begins(view, position)
    inside = np.flatnonzero((passage.spans[:, 0] >= first) & (passage.spans[:, 1] <= end))[-LONGEST:]
    if not len(inside):
        # A passage longer than the model reads: its last token stands for what is beyond.
        inside = np.array([max(0, len(passage.spans) - 1)])[: len(passage.spans)]
    similar = asked.vectors @ passage.vectors[inside].T
    similar = similar if similar.size else np.zeros((len(asked.spans), 1), dtype=np.float32)
    words = _words_of_tokens(view.words, passage.spans[inside])
    own = _words_of_tokens(question.words, asked.spans)
    said = {word.stem for word in words if word} | view.meant[position]
    wanted = {word.stem for word in question.words}
    rarity = {stem: min(value, MOST_RARITY) / MOST_RARITY for stem, value in question.rarity.items()}
    marks = np.zeros((len(own) + len(words), 8), dtype=np.float32)
    for row, word in enumerate([*own, *words]):
        if word is None:
            continue
        of_question = row < len(own)
        shared = word.is_content and word.stem in (said if of_question else wanted)
        rare = rarity.get(word.stem, 0.0)
        beside = rare if of_question else float(passage.spans[inside[row - len(own)], 0] >= start)
        marks[row, :6] = shared, shared * rare, word.text[0].isupper(), word.is_number, word.is_content, beside
    marks[: len(own), 6] = similar.max(axis=1)
    marks[len(own) :, 6] = similar.max(axis=0) if len(own) else 0.0
    marks[: len(own), 7] = 1.0
    return Sheet(np.concatenate([asked.ids, passage.ids[inside]]), marks, len(own), int(inside[0]))


def sentence_signals(question: Question, sentences: Sequence[Sentence]) -> np.ndarray:
    """What the signals say of `sentences`, best first: (n, SIGNALS) float32."""
    rows = []
    for sentence in sentences:
        candidate = sentence.candidate
        rows.append(
            np.concatenate(
                [
                    candidate.signals.sentences[sentence.position],
                    [
                        sentence.log_probability,
                        sentence.score / 5,
                        sentence.rank / 5,
                        sentence.score - sentences[0].score,
                    ],
                    decision_signals(question, candidate.view, candidate.title, candidate.signals, sentence.position),
                    candidate.signals.passage,
                    [candidate.score / 5],
                ]
            )
        )
    return np.array(rows, dtype=np.float32)


def _holds_what_is_asked(signals: np.ndarray) -> np.ndarray:
    """(n,) bool: sentences that hold a number or date of the kind asked for among all the question's telling words."""
    first = len(SENTENCE_SIGNALS) + OF_RANKING
    whole, held = (signals[:, first + DECISION_SIGNALS.index(name)] for name in ("around_answer_whole", "kind_held"))
    found: np.ndarray = (whole > 0) & (held > 0)
    return found


def _says_of(question: Question, sentence: Sentence) -> bool:
    """Whether only what is said of something is asked ("What is said about the mill?"), and the sentence has it."""
    view, position = sentence.candidate.view, sentence.position
    of = [word for word in question.content if word.text.lower() not in GENERIC]
    if question.kind or not of or len(of) == len(question.content):
        return False
    stems = {word.stem for word in view.words_in(*view.sentences[position])} | view.meant[position]
    return all(word.stem in stems for word in of)


def run(network: Network, sheets: Sequence[Sheet], signals: np.ndarray) -> np.ndarray:
    """The network's log-odds for `sheets` and their `signals`, (n,) float32."""
    import torch

    device = network.marks.weight.device
    with torch.inference_mode():
        odds, _ = network(*(tensor.to(device) for tensor in padded(sheets)), torch.from_numpy(signals).to(device))
    found: np.ndarray = odds.cpu().numpy()
    return found


def padded(sheets: Sequence[Sheet]) -> tuple[Tensor, Tensor, Tensor]:
    """`sheets` as the network's tensors: ids, marks and kinds."""
    import torch

    from rag.network import ASKED, ENDS, LAST, MARKS, OPENS, OWN, SAID

    longest = STEP * math.ceil((max(len(one.ids) for one in sheets) + 3) / STEP)
    ids = np.zeros((len(sheets), longest), dtype=np.int64)
    marks = np.zeros((len(sheets), longest, MARKS), dtype=np.float32)
    kinds = np.zeros((len(sheets), longest), dtype=np.int64)
    for i, one in enumerate(sheets):
        middle, end = 1 + one.asked, 2 + len(one.ids)
        asked, said = slice(1, middle), slice(middle + 1, end)
        ids[i, asked], ids[i, said] = np.split(one.ids, [one.asked])
        ids[i, 0], ids[i, [middle, end]] = OPENS, ENDS
        marks[i, asked], marks[i, said] = np.split(one.marks, [one.asked])
        kinds[i, : middle + 1], kinds[i, asked], kinds[i, said], kinds[i, end] = OWN, ASKED, SAID, LAST
    return torch.from_numpy(ids), torch.from_numpy(marks), torch.from_numpy(kinds)


def _begins(view: View, position: int) -> int:
    """Where reading begins: with the sentence before, where that is short or the sentence leans on it."""
    start = view.sentences[position][0]
    before = view.sentences[position - 1][0] if position else start
    return min(before if start - before <= BEFORE else start, view.opening(position))


def _words_of_tokens(words: Sequence[Word], spans: np.ndarray) -> list[Word | None]:
    """The word that each token is part of; None for punctuation."""
    starts = [word.start for word in words]
    found: list[Word | None] = []
    for start, end in spans.tolist():
        i = bisect_right(starts, start) - 1
        found.append(words[i] if i >= 0 and end <= words[i].end else None)
    return found


@lru_cache(maxsize=1)
def _network(embedder: Embedder) -> Network:
    from safetensors.torch import load_file

    from rag.network import Network

    transformer: Any = embedder.model[0]
    network = Network(transformer.auto_model.state_dict())
    # The embedded model's matrices are there already, and how many batches were seen in training is left out.
    _, unexpected = network.load_state_dict(load_file(FILE), strict=False)
    if unexpected:
        raise RuntimeError(f"{FILE} does not fit rag.network; train it anew with benchmarks/train_examiner.py")
    return network.merge()

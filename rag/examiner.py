"""The examiner: reads the question and a passage together, and says how likely each sentence answers the question.

Ranking finds the sentences that are *about* what is asked. Whether one of them says it is seen only by reading both:

1. The question and the passage, with the article's title and the passage's heading between them, are read as one text
   by the embedded model, which was taught to (`rag.network`).
2. Each token gets marks: whether its word stands on the other side too and how rare that is, how similar the most
   similar token on the other side is where each is read by itself, whether it is written as a name or a number.
3. What the signals of ranking (`rag.signals`) and deciding (`rag.decision`) say of each sentence is added.

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
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rag.chunking import embedded_text
from rag.decision import DECISION_SIGNALS, GENERIC, decision_signals
from rag.embedding import STEP, Embedder, TokenVectors
from rag.question import Question, Word, words_of
from rag.settings import DEFAULT_MODEL, Settings
from rag.signals import SENTENCE_SIGNALS

if TYPE_CHECKING:
    from torch import Tensor

    from rag.network import Network
    from rag.retrieval import Candidate

FILE = Path(__file__).with_name("examiner.safetensors")
EXAMINED = 12
"""Sentences examined for a question, the best ones by their signals; more are hardly ever better."""
ASKED_TOKENS = 192
"""Of a question that are read."""
TITLE_TOKENS = 32
"""Of title and heading that are read; with a passage's, all is within what the embedded model reads."""
MOST_RARITY = 8.0
OF_RANKING = 4
"""Numbers that `sentence_signals` has from ranking, between those of the sentence and those of deciding."""
LITERAL = 2.5
"""What a sentence gains by having every telling word of the question around a number or date of the kind asked for. The
network has learnt to doubt questions for prices and ages, which are asked more often where they aren't told: "How much
does cod cost?" would be refused beside "and cod twice as much". On the sets kept out of training it changes next to
nothing."""
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
    """What the network reads of one passage."""

    ids: np.ndarray
    """(tokens,) int32: the question's, the title's, the passage's."""
    marks: np.ndarray
    """(tokens, MARKS) float32."""
    asked: int
    """How many of the tokens are the question's."""
    titled: int
    """How many are the title's."""

    @property
    def said(self) -> int:
        """Where the passage's begin."""
        return self.asked + self.titled


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
        found = {id(one.candidate): one.candidate for one in sentences}
        passages = self._tokens([c.view.text for c in found.values()]) if self._reads_anew else None
        read = dict(zip(found, passages or [candidate.view.tokens for candidate in found.values()], strict=True))
        sheets = [sheet(question, asked, one, read[key], self._embedder) for key, one in found.items()]
        rows = [list(found).index(id(one.candidate)) for one in sentences]
        spans = [tokens_of(one, read[id(one.candidate)]) for one in sentences]
        signals = sentence_signals(question, sentences)
        odds: np.ndarray = run(self._network, sheets, rows, spans, signals)
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


def sheet(
    question: Question, asked: TokenVectors, candidate: Candidate, passage: TokenVectors, embedder: Embedder
) -> Sheet:
    """What the network reads of `candidate`, the tokens of question and passage being those of the embedded model."""
    view = candidate.view
    title = embedded_text(candidate.article.article.title, candidate.passage.heading, "").replace("\n", ". ")
    title_ids, title_spans = (of_title[:TITLE_TOKENS] for of_title in embedder.tokens(title))
    asked_ids, asked_vectors = asked.ids[:ASKED_TOKENS], asked.vectors[:ASKED_TOKENS]
    own = _words_of_tokens(question.words, asked.spans[:ASKED_TOKENS])
    titled = _words_of_tokens(words_of(title), title_spans)
    words = _words_of_tokens(view.words, passage.spans)
    said = {word.stem for word in (*titled, *words) if word}.union(*view.meant)
    wanted = {word.stem for word in question.words}
    rarity = {stem: min(value, MOST_RARITY) / MOST_RARITY for stem, value in question.rarity.items()}
    marks = np.zeros((len(own) + len(titled) + len(words), 8), dtype=np.float32)
    for row, word in enumerate([*own, *titled, *words]):
        if word is None:
            continue
        of_question = row < len(own)
        shared = word.is_content and word.stem in (said if of_question else wanted)
        rare = rarity.get(word.stem, 0.0)
        beside = rare if of_question else float(row >= len(own) + len(titled))
        marks[row, :6] = shared, shared * rare, word.text[0].isupper(), word.is_number, word.is_content, beside
    if len(own) and len(words):
        similar = asked_vectors @ passage.vectors.T
        marks[: len(own), 6] = similar.max(axis=1)
        marks[len(own) + len(titled) :, 6] = similar.max(axis=0)
    marks[: len(own), 7] = 1.0
    return Sheet(np.concatenate([asked_ids, title_ids, passage.ids]), marks, len(own), len(titled))


def tokens_of(sentence: Sentence, passage: TokenVectors) -> tuple[int, int]:
    """The first of the passage's tokens that are the sentence's, and the one after the last; at least one."""
    start, end = sentence.candidate.view.sentences[sentence.position]
    first = int(np.searchsorted(passage.spans[:, 0], start))
    last = int(np.searchsorted(passage.spans[:, 1], end, "right"))
    # In a passage longer than the model reads, its last token stands for what is beyond.
    first = max(0, min(first, len(passage.spans) - 1))
    return first, max(last, first + 1)


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


def run(
    network: Network,
    sheets: Sequence[Sheet],
    rows: Sequence[int],
    spans: Sequence[tuple[int, int]],
    signals: np.ndarray,
) -> np.ndarray:
    """The network's log-odds for sentences, (n,) float32, from what `laid_out` and the network take."""
    import torch

    device = network.marks.weight.device
    with torch.inference_mode():
        given = (*laid_out(sheets, rows, spans), torch.from_numpy(signals))
        odds, _ = network(*(tensor.to(device) for tensor in given))
    found: np.ndarray = odds.cpu().numpy()
    return found


def laid_out(
    sheets: Sequence[Sheet], rows: Sequence[int], spans: Sequence[tuple[int, int]]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What is read, as the network's tensors: ids, marks, kinds, rows and inside.

    Args:
        sheets: of the passages.
        rows: which of them each sentence stands in.
        spans: the sentence's tokens among the passage's (`tokens_of`).
    """
    import torch

    from rag.network import ASKED, ENDS, LAST, MARKS, OPENS, OWN, SAID, TITLE

    longest = STEP * math.ceil((max(len(one.ids) for one in sheets) + 4) / STEP)
    ids = np.zeros((len(sheets), longest), dtype=np.int64)
    marks = np.zeros((len(sheets), longest, MARKS), dtype=np.float32)
    kinds = np.zeros((len(sheets), longest), dtype=np.int64)
    for i, one in enumerate(sheets):
        begins = 1
        ids[i, 0], kinds[i, 0] = OPENS, OWN
        for kind, ending, part in (
            (ASKED, OWN, slice(0, one.asked)),
            (TITLE, LAST, slice(one.asked, one.said)),
            (SAID, LAST, slice(one.said, None)),
        ):
            some = one.ids[part]
            place = slice(begins, begins + len(some))
            ids[i, place], marks[i, place], kinds[i, place] = some, one.marks[part], kind
            begins += len(some)
            ids[i, begins], kinds[i, begins] = ENDS, ending
            begins += 1
    inside = np.zeros((len(rows), longest), dtype=bool)
    for i, (row, (first, last)) in enumerate(zip(rows, spans, strict=True)):
        # Three of the model's own tokens stand before the passage's.
        begins = sheets[row].said + 3
        inside[i, begins + first : begins + last] = True
    return (
        torch.from_numpy(ids),
        torch.from_numpy(marks),
        torch.from_numpy(kinds),
        torch.tensor(rows, dtype=torch.int64),
        torch.from_numpy(inside),
    )


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

    network = Network(embedder.weights)
    # The embedded model's matrices are there already, and how many batches were seen in training is left out.
    _, unexpected = network.load_state_dict(load_file(FILE), strict=False)
    if unexpected:
        raise RuntimeError(f"{FILE} does not fit rag.network; train it anew with benchmarks/train_examiner.py")
    return network.merge()

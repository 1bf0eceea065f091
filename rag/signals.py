"""What speaks for a passage, and for a sentence, as evidence for a question.

One forward pass over the candidate passages gives a vector for each of their tokens, in context. From these and from
the words themselves:

- *coverage*: share of the question's words, weighted by how rare they are in the index, that stand in the text;
- *match*: each of the question's tokens looks for its most similar token in the text, and the mean of these
  similarities counts (MaxSim of ColBERT, Khattab and Zaharia 2020), plainly and weighted by rarity;
- *sense*: cosine of the question's vector to the mean of a sentence's token vectors;
- *kind*: whether the sentence holds something of the kind asked for, beyond the question's own words: who → a name,
  when → a date, how many → a number, and so on.

The signals are plain numbers between about 0 and 1; `rag.weights` says what they are worth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from rag.embedding import TokenVectors
from rag.lexical import analyze

WORD = re.compile(r"[^\W_]+")

STOPWORDS = frozenset(
    """a about above after again all also am an and any are as at be been before being below between both but by can
    could did do does doing down during each either ever every few for from further give had has have having he her
    here hers him his how i if in into is it its itself just let many may me might more most much must my no nor not
    of off on once one only or other our out over own per please same shall she should since so some such tell than that
    the their them then there these they this those though through to too under until up upon us very was we were what
    when where whether which while who whom whose why will with within without would you your s t d ll re ve
    m""".split()
)
"""Words that say how a question is asked, not what about."""

GENERIC = frozenset(
    """say says said tell tells told think thinks thought believe believes mean means call calls called know known get
    gets go happen happens use used make makes made take takes give gives well people person thing things kind sort
    describe describes mention mentioned state states stated comment commented claim claimed consider
    considered""".split()
)
"""Words that many questions hold whatever they are about; they need not be found in an answer."""

NUMBER_WORDS = frozenset(
    """zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million
    millions billion billions trillion dozen dozens half third quarter twice double triple single none several couple
    """.split()
)
MONTHS = frozenset(
    """january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday today yesterday tomorrow spring summer autumn winter""".split()
)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word as the lexical index knows it; "" if it knows no such word."""
    found = analyze(word)
    return found[0] if found else ""


@dataclass(frozen=True)
class Word:
    """A word of a text."""

    text: str
    stem: str
    start: int
    end: int

    @property
    def is_content(self) -> bool:
        """Whether it says what a text is about."""
        # "US" is a country, "us" is not.
        return self.text.lower() not in STOPWORDS or (len(self.text) > 1 and self.text.isupper())

    @property
    def is_number(self) -> bool:
        """Whether it is a figure or a number word."""
        return self.text[0].isdigit() or self.text.lower() in NUMBER_WORDS


def words_of(text: str) -> list[Word]:
    """The words of `text`, in order."""
    found = []
    for match in WORD.finditer(text):
        word = match.group()
        found.append(Word(word, stem(word), match.start(), match.end()))
    return found


@dataclass(frozen=True)
class Question:
    """A question as the signals see it."""

    text: str
    vector: np.ndarray
    """(dim,) float32, unit length."""
    tokens: TokenVectors
    words: tuple[Word, ...]
    rarity: dict[str, float]
    """Stem → inverse document frequency in the index."""
    kind: str
    """What is asked for: who, when, where, age, count, amount, why, or ""."""

    @classmethod
    def of(cls, text: str, vector: np.ndarray, tokens: TokenVectors, idf: Callable[[str], float]) -> Question:
        """The question `text`, its vectors, and the rarity of words by `idf(stem)`."""
        words = tuple(words_of(text))
        return cls(text, vector, tokens, words, {w.stem: idf(w.stem) for w in words}, kind_asked(text))

    @property
    def content(self) -> list[Word]:
        """Its content words, each once; all its words when it has none."""
        chosen = {w.stem: w for w in self.words if w.is_content} or {w.stem: w for w in self.words}
        return list(chosen.values())

    @property
    def token_rarity(self) -> np.ndarray:
        """(tokens,) float32: the rarity of the word each token belongs to, shared out among its tokens."""
        weights = np.full(len(self.tokens.spans), 0.1, dtype=np.float32)
        for word in self.words:
            inside = (self.tokens.spans[:, 0] >= word.start) & (self.tokens.spans[:, 1] <= word.end)
            if inside.any():
                weights[inside] = max(self.rarity[word.stem], 0.1) / inside.sum()
        return weights


_ASKS = {
    "age": r"how old|(?:what|which) age",
    "count": r"how (?:many|often)|(?:what|which) (?:number|percent\w*|share)|how much of",
    "amount": r"how (?:much|long|far|large|big|tall|high|fast|wide|deep|heavy)|what (?:is|was) the (?:cost|price)",
    "when": r"when|(?:what|which) (?:year|date|day|month|century|decade|time)|how (?:soon|late|recently)",
    "who": r"who|whom|whose",
    "where": r"where|(?:what|which) (?:country|city|place|town|state|continent|region|location)",
    "why": r"why|how come|for what reason|what (?:caused|causes|reason)",
}
_KINDS = {kind: re.compile(rf"(?:{words})\b", re.I) for kind, words in _ASKS.items()}
_ASKING = re.compile(r"\b(?:who|whom|whose|what|which|when|where|why|how|for what reason)\b", re.I)
_CLAUSE = re.compile(
    r"(?:when|where)\s+(?!is|are|was|were|did|do|does|will|would|can|could|has|have|had|should|in|on)\w", re.I
)


def kind_asked(question: str) -> str:
    """What kind of thing the question asks for, by its first question word; "" when that doesn't say."""
    asking = list(_ASKING.finditer(question))
    for match in asking:
        # "When it rains, what …": a clause, unless it is the only thing asked.
        if len(asking) > 1 and _CLAUSE.match(question, match.start()):
            continue
        return next((kind for kind, pattern in _KINDS.items() if pattern.match(question, match.start())), "")
    return ""


@dataclass(frozen=True)
class View:
    """A passage, prepared once for any question."""

    text: str
    sentences: tuple[tuple[int, int], ...]
    words: tuple[Word, ...]
    tokens: TokenVectors

    @classmethod
    def of(cls, text: str, sentences: Sequence[tuple[int, int]], tokens: TokenVectors) -> View:
        """The passage `text` with the spans of its sentences and the vectors of its tokens."""
        return cls(text, tuple(sentences), tuple(words_of(text)), tokens)

    def words_in(self, start: int, end: int) -> list[Word]:
        """Its words between two places."""
        return [w for w in self.words if w.start >= start and w.end <= end]

    def opening(self, i: int) -> int:
        """Where sentence `i` begins, or the one before it where `i` opens with a pronoun."""
        start, end = self.sentences[i]
        opens = WORD.search(self.text, start, end)
        return self.sentences[i - 1][0] if i and opens and opens.group().lower() in PRONOUNS else start


PASSAGE_SIGNALS = (
    "cosine",
    "bm25",
    "title",
    "match",
    "rare_match",
    "coverage",
    "pairs",
    "sentence_sense",
    "sentence_match",
    "sentence_rare_match",
    "sentence_coverage",
    "length",
)
SENTENCE_SIGNALS = (
    "sense",
    "match",
    "rare_match",
    "coverage",
    "pairs",
    "kind",
    "news",
    "length",
    "opening",
    "fragment",
)


@dataclass(frozen=True)
class Signals:
    """Signals of a passage and its sentences."""

    passage: np.ndarray
    """(len(PASSAGE_SIGNALS),) float32."""
    sentences: np.ndarray
    """(sentences, len(SENTENCE_SIGNALS)) float32."""


def read_signals(question: Question, view: View, title: Collection[str], cosine: float, bm25: float) -> Signals:
    """What speaks for `view` and its sentences as evidence.

    What a sentence that opens with a pronoun speaks of is named in the one before it, so its words and matches are
    those of both.

    Args:
        question: what is asked.
        view: the passage.
        title: stems of its article's title and its heading.
        cosine: of the question's vector to the passage's stored one.
        bm25: its score, as the lexical index gave it.
    """
    content = question.content
    rarity = np.array([max(question.rarity[w.stem], 0.05) for w in content], dtype=np.float32)
    total = float(rarity.sum()) or 1.0
    weights = question.token_rarity
    similar = (
        question.tokens.vectors @ view.tokens.vectors.T if len(view.tokens.vectors) else np.zeros((len(weights), 1))
    )
    asked_pairs = _pairs([w.stem for w in question.words])
    rows = []
    for i, (start, end) in enumerate(view.sentences):
        inside = (view.tokens.spans[:, 0] >= start) & (view.tokens.spans[:, 1] <= end)
        words = view.words_in(start, end)
        if not inside.any() or not words:
            rows.append(np.zeros(len(SENTENCE_SIGNALS), dtype=np.float32))
            continue
        first = view.opening(i)
        read = inside if first == start else (view.tokens.spans[:, 0] >= first) & (view.tokens.spans[:, 1] <= end)
        top = similar[:, read].max(axis=1)
        mean = view.tokens.vectors[inside].mean(axis=0)
        known = words if first == start else view.words_in(first, end)
        stems = {w.stem for w in known}
        rows.append(
            np.array(
                [
                    float(question.vector @ mean) / max(float(np.linalg.norm(mean)), 1e-6),
                    top.mean(),
                    (top * weights).sum() / weights.sum(),
                    sum(r for r, w in zip(rarity, content, strict=True) if w.stem in stems) / total,
                    _shared(asked_pairs, _pairs([w.stem for w in known])),
                    float(holds_kind(question, view.text[start:end], words)),
                    min(1.0, sum(w.is_content and w.stem not in question.rarity for w in words) / 8),
                    np.log1p(len(words)) / 4,
                    float(words[0].text.lower() in PRONOUNS),
                    float(view.text[end - 1 : end].isalnum()),
                ],
                dtype=np.float32,
            )
        )
    sentences = np.array(rows, dtype=np.float32).reshape(-1, len(SENTENCE_SIGNALS))
    strongest = sentences.max(axis=0) if len(sentences) else np.zeros(len(SENTENCE_SIGNALS), dtype=np.float32)
    top = similar.max(axis=1)
    stems = {w.stem for w in view.words}
    passage = np.array(
        [
            cosine,
            bm25 / max(sum(question.rarity.values()), 0.1),
            sum(r for r, w in zip(rarity, content, strict=True) if w.stem in title) / total,
            top.mean(),
            (top * weights).sum() / weights.sum(),
            sum(r for r, w in zip(rarity, content, strict=True) if w.stem in stems) / total,
            _shared(asked_pairs, _pairs([w.stem for w in view.words])),
            strongest[0],
            strongest[1],
            strongest[2],
            strongest[3],
            np.log1p(len(view.words)) / 6,
        ],
        dtype=np.float32,
    )
    return Signals(passage, sentences)


PRONOUNS = frozenset("he she it they this that these those his her its their him them such".split())

_YEAR = re.compile(r"(?:1\d|20|21)\d\d(?:s)?$")
_AGO = re.compile(
    r"\b(?:ago|centur(?:y|ies)|decades?|(?:last|next|this|that|same|previous) (?:year|month|week))\b", re.I
)
_AGE = re.compile(r"\b(?:aged?|years?[ -]old|born|since|birthday|founded|built|dates? (?:back|from))\b", re.I)
_REASON = re.compile(
    r"\b(?:because|since|due to|so that|in order|as a result|reasons?|caused?|led|lead|leads|after|to|for)\b", re.I
)


def holds_kind(question: Question, text: str, words: Sequence[Word]) -> bool:
    """Whether a sentence holds something of the kind asked for that the question doesn't name itself."""
    return bool(words_of_kind(question, text, words))


def words_of_kind(question: Question, text: str, words: Sequence[Word]) -> list[int]:
    """Positions among `words`, those of `text`, of what may be the thing asked for."""
    new = [i for i, w in enumerate(words) if w.stem not in question.rarity]
    named = [i for i in new if words[i].text[0].isupper() and words[i].is_content]
    if question.kind in ("who", "where"):
        # The first word of a sentence is capitalised whatever it is.
        return [i for i in named if i > 0] or named
    if question.kind == "when":
        dated = [
            i
            for i in new
            if words[i].text.lower() in MONTHS
            or _YEAR.match(words[i].text)
            or (words[i].text[0].isdigit() and i > 0 and words[i - 1].text.lower() in MONTHS)
        ]
        return dated or (new if _AGO.search(text) else [])
    if question.kind in ("count", "amount"):
        return [i for i in new if words[i].is_number] or (new if set("%$€£¥") & set(text) else [])
    if question.kind == "age":
        return [i for i in new if words[i].is_number] if _AGE.search(text) else []
    if question.kind == "why":
        return new if _REASON.search(text) else []
    return [i for i in new if words[i].is_content]


def _pairs(stems: Sequence[str]) -> set[tuple[str, str]]:
    return set(pairwise(stems))


def _shared(asked: set[tuple[str, str]], found: set[tuple[str, str]]) -> float:
    return len(asked & found) / len(asked) if asked else 0.0


DECISION_SIGNALS = (
    "sentence_match",
    "sentence_rare_match",
    "sentence_coverage",
    "sentence_sense",
    "sentence_pairs",
    "passage_match",
    "passage_coverage",
    "passage_cosine",
    "passage_title",
    "supported",
    "weakest",
    "weakest_name",
    "weakest_relation",
    "around_answer",
    "around_answer_relation",
    "around_answer_weakest",
    "around_answer_whole",
    "meant",
    "meant_least",
    "kind_held",
    "time_missing",
    "number_missing",
    "name_missing",
    "other_missing",
    "numbers_missing",
    "unbound",
    "open_kind",
)
OTHER_NAME = 0.6
"""What the similarity of a different name is worth."""
NEAR_ANSWER = 12
"""Words on either side of what may be the answer."""


def decision_signals(
    question: Question,
    view: View,
    title: Collection[str],
    signals: Signals,
    best: int,
    word_vectors: Callable[[Sequence[str]], np.ndarray],
) -> np.ndarray:
    """What speaks for answering with sentence `best` of `view`: (len(DECISION_SIGNALS),) float32.

    `word_vectors` gives words their vectors by themselves, (words, dim): what they mean whatever stands around them.

    A word of the question is *supported* as well as its most similar word in the sentence supports it: fully by the
    same word, else by the cosine of the two in context. A sentence that opens with a pronoun is read with the one
    before it; where a part of a full name stands, the whole name is taken to be meant.
    """
    sentence = dict(zip(SENTENCE_SIGNALS, signals.sentences[best], strict=True))
    passage = dict(zip(PASSAGE_SIGNALS, signals.passage, strict=True))
    content = question.content
    first, last = view.opening(best), view.sentences[best][1]
    words = view.words_in(first, last)
    support = _support(question, content, view, words)
    names = _names(question, content)
    # Another name is not the same name, however similar.
    support[names] *= np.where(support[names] < 1, OTHER_NAME, 1)
    by_word = support.max(axis=1) if support.size else np.zeros(len(content))
    numbers = [i for i, w in enumerate(content) if w.text[0].isdigit()]
    _whole_names(question, content, names, by_word)
    relation = [i for i, w in enumerate(content) if i not in names and w.text.lower() not in GENERIC]
    telling = sorted([*names, *relation])
    rarity = np.array([max(question.rarity[w.stem], 0.05) for w in content]) if content else np.ones(0)
    held = words_of_kind(question, view.text[first:last], words)
    around = around_relation = around_weakest = 0.0
    for i in held:
        near = support[:, max(0, i - NEAR_ANSWER) : i + NEAR_ANSWER + 1].max(axis=1)
        _whole_names(question, content, names, near)
        around = max(around, _mean(near, rarity))
        around_relation = max(around_relation, _mean(near[relation], rarity[relation]))
        around_weakest = max(around_weakest, float(near[telling].min()) if telling else 0.0)
    meant = _meant([content[i] for i in relation], words, word_vectors)
    stems = {w.stem for w in view.words} | set(title)

    def missing(*kinds: str) -> float:
        return float(question.kind in kinds and not held)

    def least(rows: Sequence[int]) -> float:
        return float(by_word[rows].min()) if len(rows) else 1.0

    return np.array(
        [
            sentence["match"],
            sentence["rare_match"],
            sentence["coverage"],
            sentence["sense"],
            sentence["pairs"],
            passage["match"],
            passage["coverage"],
            passage["cosine"],
            passage["title"],
            _mean(by_word, rarity),
            least(telling),
            least(names),
            least(relation),
            around,
            around_relation,
            around_weakest,
            float(around_weakest > 0.99),
            _mean(meant, rarity[relation]),
            float(meant.min()) if len(meant) else 1.0,
            float(question.kind != "" and bool(held)),
            missing("when"),
            missing("count", "amount", "age"),
            missing("who"),
            missing("where", "why"),
            float(any(content[i].stem not in stems for i in numbers)),
            _unbound(content, view.words),
            float(question.kind == ""),
        ],
        dtype=np.float32,
    )


def _support(question: Question, content: Sequence[Word], view: View, words: Sequence[Word]) -> np.ndarray:
    """(content words of the question, words) float32: 1 where they are the same word, else their cosine in context."""
    found = np.zeros((len(content), len(words)), dtype=np.float32)
    spans, vectors = view.tokens.spans, view.tokens.vectors
    asked_spans, asked_vectors = question.tokens.spans, question.tokens.vectors
    inside = [np.flatnonzero((spans[:, 0] >= w.start) & (spans[:, 1] <= w.end)) for w in words]
    for row, word in enumerate(content):
        asked = (asked_spans[:, 0] >= word.start) & (asked_spans[:, 1] <= word.end)
        similar = asked_vectors[asked] @ vectors.T if asked.any() and len(vectors) else np.zeros((1, len(spans)))
        for column, other in enumerate(words):
            if word.stem == other.stem:
                found[row, column] = 1.0
            elif len(inside[column]):
                found[row, column] = max(0.0, float(similar[:, inside[column]].max(axis=1).mean()))
    return found


def _meant(
    asked: Sequence[Word], words: Sequence[Word], word_vectors: Callable[[Sequence[str]], np.ndarray]
) -> np.ndarray:
    """(asked,) float32: how near the nearest of `words` comes to the meaning of each asked one."""
    others = [w for w in words if w.is_content]
    if not asked or not others:
        return np.zeros(len(asked), dtype=np.float32)
    similar = word_vectors([w.text.lower() for w in asked]) @ word_vectors([w.text.lower() for w in others]).T
    same = np.array([[w.stem == other.stem for other in others] for w in asked])
    found: np.ndarray = np.where(same, 1.0, np.maximum(similar, 0.0)).max(axis=1)
    return found


def _names(question: Question, content: Sequence[Word]) -> list[int]:
    """Positions of the words that are written as names; a figure glued to one, as in "01.AI", is part of it."""
    found = [
        (w.text[0].isupper() and w.start > 0) or any(character.isupper() for character in w.text[1:]) for w in content
    ]
    for i, word in enumerate(content):
        for other, is_name in zip(content, list(found), strict=True):
            between = question.text[min(word.end, other.end) : max(word.start, other.start)]
            found[i] |= is_name and word.is_number and len(between) == 1 and between in ".-"
    return [i for i, is_name in enumerate(found) if is_name]


def _whole_names(question: Question, content: Sequence[Word], names: Sequence[int], by_word: np.ndarray) -> None:
    """In a run of name words, as in "Ada Lovelace", each is as well supported as the best of them, in place."""
    runs: list[list[int]] = []
    for i in names:
        joined = runs and not question.text[content[runs[-1][-1]].end : content[i].start].strip()
        if joined and i == runs[-1][-1] + 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    for run in runs:
        by_word[run] = by_word[run].max()


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    return float(np.average(values, weights=weights)) if len(values) else 1.0


def _unbound(content: Sequence[Word], words: Sequence[Word], reach: int = 8) -> float:
    """Share of neighbouring content words of the question that the passage has, but nowhere near each other."""
    where: dict[str, list[int]] = {}
    for i, word in enumerate(words):
        where.setdefault(word.stem, []).append(i)
    both = [(a.stem, b.stem) for a, b in pairwise(content) if a.stem in where and b.stem in where]
    far = sum(min(abs(i - j) for i in where[a] for j in where[b]) > reach for a, b in both)
    return far / len(both) if both else 0.0

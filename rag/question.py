"""A question as retrieval and answering see it: its words, how rare each is, and what kind of thing it asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

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

PRONOUNS = frozenset("he she it they this that these those his her its their him them such".split())

NUMBER_WORDS = frozenset(
    """zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million
    millions billion billions trillion dozen dozens half third quarter twice double triple single none several couple
    """.split()
)
ORDINALS = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|final"
"""As a pattern."""
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

    @cached_property
    def is_content(self) -> bool:
        """Whether it says what a text is about."""
        # "US" is a country, "us" is not.
        return self.text.lower() not in STOPWORDS or (len(self.text) > 1 and self.text.isupper())

    @cached_property
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

    @cached_property
    def content(self) -> list[Word]:
        """Its content words, each once; all its words when it has none."""
        chosen = {w.stem: w for w in self.words if w.is_content} or {w.stem: w for w in self.words}
        return list(chosen.values())

    @cached_property
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
    "amount": r"how (?:much|long|far|large|big|tall|high|fast|wide|deep|heavy)"
    r"|what (?:is|was) the (?:cost|price)|what (?:do|does|did) [^?]{1,60} cost",
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


_YEAR = re.compile(r"(?:1\d|20|21)\d\d(?:s)?$")
_AGO = re.compile(
    r"\b(?:ago|centur(?:y|ies)|decades?|(?:last|next|this|that|same|previous) (?:year|month|week))\b", re.I
)
_AGE = re.compile(r"\b(?:aged?|years?[ -]old|born|since|birthday|founded|built|dates? (?:back|from))\b", re.I)
_REASON = re.compile(
    r"\b(?:because|since|due to|so that|in order|as a result|reasons?|caused?|led|lead|leads|after|to|for)\b", re.I
)


def words_of_kind(question: Question, text: str, words: Sequence[Word]) -> list[int]:
    """Positions among `words`, those of `text`, of what may be the thing asked for.

    That is nothing which the question names itself.
    """
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

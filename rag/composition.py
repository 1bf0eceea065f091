"""Evidence → the sentences of an answer.

1. The best sentence is in. So are the next best ones, near-identical ones left out, while they are nearly as good.
2. A list is kept whole: where a chosen sentence announces or belongs to an enumeration (First …, The second …, list
   items) and the question asks for several things, all of its items are in, with the sentence that announces them.
3. A sentence brings the neighbours that it can't be understood without: what its opening pronoun stands for, what a
   colon or a question leaves open, where the quotation that it is the middle of begins. There is room for them before
   there is for a further sentence.
4. All in reading order, article by article, the best one's article first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.duplicates import ArticleSentences, near_identical
from rag.question import MONTHS, ORDINALS, STOPWORDS, words_of

MOST = 4
"""Sentences in an answer, lists aside."""
LONGEST_LIST = 10
"""Items of a list; a longer one is answered by its best items."""
NEARLY = 4.0
"""How far below the best a further sentence's log-odds may be. On questions kept for testing this answers up to 2 in a
hundred more of them rightly than 3, for a fifth of a sentence more."""
LEAST = -1.5
"""Log-odds that a further sentence has at least, unless it stands in the paragraph of the best one: most of those below
have nothing to do with the question."""

_ORDINAL = re.compile(rf"^(?:and\s+)?(?:the\s+)?({ORDINALS})(?:ly)?\b", re.I)
_ITEM = re.compile(rf"{_ORDINAL.pattern}|^(?:[-*•–]\s|\(?\d{{1,2}}[.)]\s)", re.I)
_FIRST = re.compile(r"^(?:\(?1[.)]\s|(?:the\s+)?first(?:ly)?\b)", re.I)
_ORDINAL_ASKED = re.compile(rf"\b({ORDINALS})\b", re.I)
_SEVERAL = re.compile(
    r"\b(?:list|name|enumerate|summari[sz]e|outline)\b|\b(?:what|which|who|how|tell|give)\b.*?\b(?!(?:is|was|does|has|"
    r"this|its|his|as|us|news|series|always|perhaps|less|across|versus)\b)\w{2,}(?<![su])s\b",
    re.I,
)
_MAKES = re.compile(
    r"^\W*(?:who|(?:which|what)(?: (?!two|three|four|five|several|many|other|new|main|major|key)\w+){1,2}(?<!s)) \w+s\b"
    r"(?! (?:are|were|do|does|did|has|have|had|can|will|would|is|was)\b)(?=\W*\w)",
    re.I,
)
"""A verb, not a plural, after what is asked for: "Which direction makes …"."""
_LEANS = re.compile(
    r"^[“\"']?(?:he|she|it|they|this|these|those(?! who\b)|that|his|her|its|their|such|both|the former|the latter)\b",
    re.I,
)
_NO_NAMES = STOPWORDS | MONTHS
_PERSONAL = re.compile(r"\b(?:he|she|him|her|his)\b")


@dataclass(frozen=True)
class Evidence:
    """A sentence of an article that speaks for an answer."""

    article: ArticleSentences
    index: int
    """Of the sentence among the article's."""
    score: float
    """Log-odds that it answers the question."""

    @property
    def text(self) -> str:
        """The sentence as it stands in the article."""
        sentence = self.article.sentences[self.index]
        return self.article.article.text[sentence.start : sentence.end]


def asks_for_several(question: str) -> bool:
    """Whether the question asks for a list of things rather than one."""
    return bool(_SEVERAL.search(_MAKES.sub(" ", question))) and not _ORDINAL_ASKED.search(question)


def compose(question: str, evidence: Sequence[Evidence]) -> list[tuple[ArticleSentences, int]]:
    """The sentences of the answer, in reading order, as (article, index) pairs; `evidence` is best first."""
    chosen: list[Evidence] = []
    asked = {match.lower() for match in _ORDINAL_ASKED.findall(question)}
    for item in evidence:
        if len(chosen) == MOST or (chosen and item.score < evidence[0].score - NEARLY):
            break
        if chosen and item.score < LEAST and not _beside(item, chosen[0]):
            continue
        ordinal = _ORDINAL.match(item.text)
        if chosen and asked and ordinal and ordinal.group(1).lower() not in asked:
            # "The first is …" is no answer to what the third is.
            continue
        own = item.article.sentences[item.index].shingles
        if not any(near_identical(own, e.article.sentences[e.index].shingles) for e in chosen):
            chosen.append(item)
    picked: list[tuple[ArticleSentences, int]] = []
    for item in chosen:
        whole = _list_asked_for(question, item, chosen)
        leans = leaning(item.article, min([item.index, *whole])) if len(whole) < MOST else []
        unit = [(item.article, i) for i in dict.fromkeys([*(whole or [item.index]), *leans])]
        new = [place for place in unit if place not in picked]
        if whole or not picked or len(picked) + len(new) <= MOST:
            picked += new
        if whole:
            break
    articles = list(dict.fromkeys(article.article.id for article, _ in picked))
    return sorted(picked, key=lambda pair: (articles.index(pair[0].article.id), pair[1]))


def _list_asked_for(question: str, item: Evidence, chosen: Sequence[Evidence]) -> list[int]:
    """The list that `item` announces or belongs to, with what announces it, where the answer needs it whole."""
    listed = enumeration(item.article, item.index)
    if not listed:
        return []
    announces = item.index < listed[0]
    if asks_for_several(question):
        # A list that merely stands near one of the further sentences is another one.
        needed = item is chosen[0] or item.index in {listed[0] - 1, *listed}
    else:
        held = {other.index for other in chosen if other.article is item.article}
        needed = announces and (item is chosen[0] or (item.text.endswith(":") and bool(held & set(listed))))
    return sorted({item.index, *announcement(item.article, listed), *listed}) if needed else []


def _beside(one: Evidence, other: Evidence) -> bool:
    """Whether both stand in the same paragraph."""
    numbers = {evidence.article.sentences[evidence.index].paragraph.number for evidence in (one, other)}
    return one.article is other.article and len(numbers) == 1


def enumeration(article: ArticleSentences, index: int) -> list[int]:
    """Sentences of the enumeration that sentence `index` announces or belongs to; [] when there is none."""
    sentences = article.sentences
    text = article.article.text

    def number(i: int) -> int:
        return sentences[i].paragraph.number

    def opens(i: int, pattern: re.Pattern[str]) -> bool:
        return bool(pattern.match(text[sentences[i].start : sentences[i].end]))

    lines = _list_lines(article, index)
    if lines:
        return lines if len(lines) <= LONGEST_LIST else []
    near = [i for i in range(len(sentences)) if abs(number(i) - number(index)) <= 3]
    starts = [i for i in near if opens(i, _FIRST) and i - 1 <= index]
    for start in reversed(starts):
        items = [start]
        last = start
        while last + 1 < len(sentences) and number(last + 1) - number(start) <= 4 and len(items) < LONGEST_LIST:
            following = next((j for j in range(last + 1, min(last + 4, len(sentences))) if opens(j, _ITEM)), None)
            if following is None or opens(following, _FIRST):
                break
            items.append(following)
            last = following
        if len(items) > 1 and index <= last:
            return items
    return []


def _list_lines(article: ArticleSentences, index: int) -> list[int]:
    """The lines of the list paragraph that sentence `index` stands in or announces."""
    sentences = article.sentences
    following = index + 1
    places = [index]
    if following < len(sentences) and sentences[following].paragraph.number == sentences[index].paragraph.number + 1:
        places.append(following)
    for place in places:
        paragraph = sentences[place].paragraph
        announces = place != index and article.article.text[: sentences[index].end].rstrip().endswith(":")
        if "\n" in paragraph.text and (place == index or announces):
            return [i for i, s in enumerate(sentences) if s.paragraph.number == paragraph.number]
    return []


def announcement(article: ArticleSentences, listed: Sequence[int]) -> list[int]:
    """The sentence before a list, when it stands close enough to announce it."""
    before = listed[0] - 1
    if before < 0:
        return []
    sentences = article.sentences
    close = sentences[listed[0]].paragraph.number - sentences[before].paragraph.number <= 1
    same_heading = sentences[listed[0]].paragraph.heading == sentences[before].paragraph.heading
    return [before] if close and same_heading else []


def _leans(sentence: str) -> bool:
    """Whether a pronoun in the sentence stands for somebody named before it."""
    if _LEANS.match(sentence):
        return True
    pronoun = _PERSONAL.search(sentence)
    # "In May 2009 he …": no name stands before the pronoun.
    before = words_of(sentence[: pronoun.start()]) if pronoun else []
    return pronoun is not None and not any(w.text[0].isupper() and w.text.lower() not in _NO_NAMES for w in before)


def _quoted(article: ArticleSentences, index: int) -> bool:
    """Whether the sentence stands within a quotation that a sentence of its paragraph before it has opened."""
    sentence = article.sentences[index]
    before = sentence.paragraph.text[: sentence.start - sentence.paragraph.start]
    return before.count("“") > before.count("”") or before.count('"') % 2 == 1


def leaning(article: ArticleSentences, index: int) -> list[int]:
    """The neighbours without which sentence `index` can't be understood, at most two."""
    needed: list[int] = []
    sentences = article.sentences
    text = article.article.text
    i = index
    while i > 0 and len(needed) < 2 and (_leans(text[sentences[i].start : sentences[i].end]) or _quoted(article, i)):
        if sentences[i].paragraph.heading != sentences[i - 1].paragraph.heading:
            break
        i -= 1
        needed.append(i)
    if text[: sentences[index].end].endswith((":", "?", "?”", '?"')) and index + 1 < len(sentences):
        needed.append(index + 1)
    return needed

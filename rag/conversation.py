"""A follow-up question, made to stand alone by what was said before it.

1. A question leans on the conversation when it opens like one that goes on ("And …", "What about …"), when a pronoun or
   "that", "those", "there" stands for something it does not name itself, when it is no whole question, or when it has
   next to no content words.
2. What a pronoun, or "the company", stands for (`rag.referents`) takes its place. "They" after "How many …" are those
   counted there, and the whole of that question is added.
3. A fragment ("And the GPL?", "At 3 watts?", "And the third one?") takes the place of its like in the last question.
4. To what still lacks something, what the last question was about is added; to a question with next to no content words
   the whole of it.
5. Any other question is left alone, whatever came before it.

Who "it" is can't always be told from the conversation: a question has several readings then, the likeliest first, and
what the articles say of each decides (`rag.answering`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rag.cleaning import clean
from rag.errors import RagError
from rag.question import ORDINALS, Word, words_of
from rag.referents import EXPLETIVE, MANY, OPENING, PRONOUNS, VERB, Turn, name_runs, referents, same

LONGEST_TURN = 10_000
"""What is looked at of a question or an answer, in characters."""
FEW = 2
"""Content words of a question that may not stand alone."""
LOOKED_BACK = 8
"""Turns that a follow-up may lean on."""
READINGS = 2
"""Of a question, at most."""

_CALLED = re.compile(
    r"\b(?i:the|this|that) (?:company|firm|start-?up|group|team|model|machine|device|product|app|tool|system|institute|"
    r"university|school|museum|book|film|series|song|place|city|town|country|law|licence|license|project|man|woman)\b"
    r"(?! (?:of|that|which|who|called|named|for|behind|in)\b)(?! [A-Z\d])"
)
_DEFINES = re.compile(r"^\s*(?i:what|who) (?:is|are|was|were) (?:an? |the (?=[A-Z]))?[\w-]+\W*$")
_LACKS = re.compile(
    r"^\s*(?:what|which|who|when|where|how)\s+(?:is|are|was|were)\s+the "
    r"(?:\w+ )?(?!about|for|like|from|made|called)\w+\W*$",
    re.I,
)
_OF_SOMETHING = re.compile(r"\b(?:the|other|another|any|some|else)\b", re.I)
_IS_HER = re.compile(r"^\s*(?i:is|was|are|were) (?:(?i:the|dr|mr|mrs|ms)\.? )?(?:[A-Z][\w-]* )+(?:his|her|their|its)\b")
_SECOND_CLAUSE = re.compile(r"(?:,|\band|\bbut|\bor)\s+(?:\w+\s+){0,3}$", re.I)
_ASKS = re.compile(
    r"\b(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|may|will|has|have|had)\b",
    re.I,
)
_ABOUT = re.compile(r"^(?:what about|how about)\s*", re.I)
_PREPOSITION = re.compile(r"^(about|at|for|from|in|on|to|with|under|after|before|of|by)\b", re.I)
_ONE = re.compile(r"^(?:(?:of|for|with|about|in) )?(the (\w+) ones?)$", re.I)
_ORDINAL = re.compile(rf"\b(?:{ORDINALS}|next|other|former|latter)\b", re.I)
_VERB = re.compile(VERB, re.I)
_COUNTED = re.compile(r"\b(?:how many|which|what)\s+(?!is|was|does|has\b)(?:\w+\s+)?(?:\w+(?<!s)s|people)\b", re.I)

_GOES_ON = re.compile(
    r"^\s*(and|but|so|or|also|what about|how about|then|what else|anything else|why not|since when|which ones?)\b", re.I
)
_LEANS = re.compile(
    r"\b(he|him|his|she|her|hers|it|its|they|them|their|theirs|that|those|these|this|there|then|one|ones|such|same)\b",
    re.I,
)


def turns_of(history: Sequence[Any]) -> list[Turn]:
    """The conversation, oldest turn first.

    Accepts (question, answer) pairs, answers, or messages with `role` and `content`.

    Raises:
        RagError: an entry is none of these.
    """
    turns: list[Turn] = []
    for entry in history:
        if isinstance(entry, dict) and isinstance(entry.get("content"), str):
            if entry.get("role") == "user":
                turns.append(Turn(entry["content"], ""))
            elif turns:
                turns[-1] = Turn(turns[-1].question, entry["content"])
        elif hasattr(entry, "searched") and hasattr(entry, "text"):
            turns.append(Turn(entry.question, entry.text if entry.answered else "", entry.searched))
        elif isinstance(entry, (tuple, list)) and len(entry) == 2 and all(isinstance(part, str) for part in entry):
            turns.append(Turn(*entry))
        else:
            raise RagError(
                f"An entry of the history is {type(entry).__name__}; give (question, answer) pairs, oldest first."
            )
    return [Turn(*(clean(text[:LONGEST_TURN]) for text in turn)) for turn in turns]


def readings(question: str, turns: Sequence[Turn]) -> list[str]:
    """What the question may mean after `turns`, each standing alone, the likeliest first.

    At most `READINGS`; only `question` itself where it stands alone.
    """
    before: list[Turn] = []
    for turn in turns[-LOOKED_BACK:]:
        # What is put in at every pronoun of every turn would grow without bounds.
        searched = turn.searched or _read(turn.question, before)[0]
        before.append(turn._replace(searched=searched[:LONGEST_TURN]))
    return [reading[:LONGEST_TURN] for reading in _read(question, before)[:READINGS]]


def stand_alone(question: str, turns: Sequence[Turn]) -> str:
    """The question with what it leans on in it; `question` itself where it stands alone."""
    return readings(question, turns)[0]


def leans(question: str) -> bool:
    """Whether the question needs the conversation before it to be understood."""
    plain = EXPLETIVE.sub(" ", question)
    if _GOES_ON.search(plain) or _is_fragment(question):
        return True
    content = _content(plain)
    names = [w for w in content if w.text[0].isupper() and w.start > 0 and len(w.text) > 1]
    match = _LEANS.search(plain)
    if match:
        # "that" may also join clauses: it leans only where nothing is named before it.
        joins = match.group().lower() in ("that", "one", "then", "same", "there") and len(content) > 3
        named_before = any(w.start < match.start() for w in names) and not _IS_HER.match(plain)
        # "What is a trope, and why is it used?"
        first = _SECOND_CLAUSE.search(plain[: match.start()])
        told_before = first and any(w.start < first.start() for w in content)
        if not joins and not named_before and not told_before:
            return True
    if not content:
        return True
    if names or any(w.is_number for w in content) or _DEFINES.match(question):
        return False
    # Of the questions in conversations that name nothing and say so little, nine in ten lack something.
    little = len(content) == 1 or (len(content) == FEW and _OF_SOMETHING.search(question))
    return bool(little or _LACKS.search(question) or _CALLED.search(question))


def _is_fragment(question: str) -> bool:
    """Whether it is less than a question ("For the Mini?")."""
    words = words_of(question)
    asked = question.rstrip().endswith("?")
    opens = (
        _PREPOSITION.match(question) or (asked and re.match(r"\s*the\b", question, re.I)) or (asked and len(words) < 3)
    )
    return bool(words and opens and len(words) <= 6) and not _ASKS.search(question)


def _read(question: str, before: Sequence[Turn]) -> list[str]:
    """The readings of `question` after turns that stand alone, the likeliest first."""
    if not before:
        return [question]
    if not leans(question):
        return [question, *_with_topic(question, before)] if _may_lean(question) else [question]
    last = before[-1].searched
    fragment = _ABOUT.sub("", OPENING.sub("", question).strip())
    if fragment and not _ASKS.search(fragment) and (_GOES_ON.search(question) or _is_fragment(question)):
        return [_with_fragment(fragment, last)]
    whole = OPENING.sub("", question).strip() or question
    whole = whole[0].upper() + whole[1:] if question[:1].isupper() else whole
    hidden = EXPLETIVE.sub(lambda m: " " * len(m.group()), whole)
    pronouns = list(PRONOUNS.finditer(hidden)) or list(_CALLED.finditer(hidden))
    counted = pronouns and pronouns[0].group().lower() in MANY and _COUNTED.search(last)
    if counted or not _content(whole):
        return [f"{last.rstrip(' ?.!')}: {whole}"]
    if pronouns:
        meant = referents(pronouns[0].group().lower(), before, whole)
        return [_put(topic, pronouns, whole) for topic in meant] or [whole]
    added = _with_topic(whole, before)
    return [whole, *added] if name_runs(whole) else [*added, whole]


def _may_lean(question: str) -> bool:
    """Whether it names nothing, so that something said before may be what it is about."""
    content = _content(question)
    plain = not any(w.is_number or (w.start > 0 and w.text[0].isupper()) for w in content)
    return plain and len(content) <= FEW + 1 and not _DEFINES.match(question)


def _with_topic(question: str, before: Sequence[Turn]) -> list[str]:
    """The question with what was spoken of last; [] where nothing was that isn't in it."""
    topics = referents("", before, question)[:1]
    if _LACKS.search(question):
        return [f"{question.rstrip(' ?.!')} of {topic}?" for topic in topics]
    return [f"{topic}: {question}" for topic in topics]


def _with_fragment(fragment: str, before: str) -> str:
    """The question `before`, asked of what `fragment` names; both where its like isn't found there."""
    rest = fragment.rstrip(" ?.!")
    one = _ONE.match(rest)
    if one and _ORDINAL.search(one.group(2)) and _ORDINAL.search(before):
        return _ORDINAL.sub(one.group(2), before, count=1)
    opens = _PREPOSITION.match(rest)
    if opens:
        like = list(re.finditer(rf"\b{opens.group()}\b", before, re.I))
        if like:
            return f"{before[: like[-1].start()]}{rest[0].lower()}{rest[1:]}?"
    names = name_runs(before)
    if name_runs(f"x {rest}") and names:
        return before.replace(names[-1], re.sub(r"^(?:(?:of|for|with|about|in)\s+)?(?:the\s+)?", "", rest, flags=re.I))
    return _with_subject(rest, before) or f"{before.rstrip(' ?.!')}: {fragment}"


def _with_subject(things: str, before: str) -> str:
    """The question `before` with `things` as what its verb is about; "" where that can't be told."""
    verb = _VERB.search(before)
    bare = re.sub(r"^(?:the|an?)\s+", "", things, flags=re.I)
    own = words_of(bare)
    if not verb or not own or not all(word.is_content for word in own):
        return ""
    subject = [word for word in words_of(before) if word.start >= verb.end()][: len(own)]
    if len(subject) < len(own) or not all(word.is_content for word in subject):
        return ""
    return before[: subject[0].start] + bare + before[subject[-1].end :]


def _put(topic: str, pronouns: Sequence[re.Match[str]], question: str) -> str:
    """The question with `topic` for the first of the pronouns and those that stand for the same."""
    first = pronouns[0].group()
    for pronoun in reversed(pronouns):
        # "They" may be others each time.
        if pronoun is not pronouns[0] and (not same(first, pronoun.group()) or first.lower() in MANY):
            continue
        own = pronoun.group().lower() in ("his", "her", "its", "their")
        own = own and bool(re.match(r"\s+\w", question[pronoun.end() :]))
        question = question[: pronoun.start()] + (f"{topic}'s" if own else topic) + question[pronoun.end() :]
    return question


def _content(text: str) -> list[Word]:
    return [w for w in words_of(text) if w.is_content]

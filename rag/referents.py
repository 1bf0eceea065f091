"""What a pronoun in a follow-up stands for: what was spoken of in the turns before it.

That is what a question names, or what its answer names where it was asked for ("Who …?", "Which company …?", "What did
… release?"), or what was put into a question for a pronoun before; of the last turns rather than of earlier ones. "He"
and "she" stand for what is written like a person, "it" rather for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from rag.question import MONTHS, STOPWORDS, Word, words_of


class Turn(NamedTuple):
    """A question and the text of its answer."""

    question: str
    answer: str
    searched: str = ""
    """The question as it stands alone, where that is known."""


FADING = 0.85
"""What a turn's names are worth, compared with those of the turn after it."""
LOOKED_AT = 8
"""Names of a question, the last, and of its answer, the first."""
LONGEST_NAME = 100
"""In characters; what is longer is no name of anything."""
COMPARED = 100
"""Words of a question, to see what was put into it."""

_PERSONAL = frozenset("he him his she her hers".split())
_THING = frozenset("it its".split())
MANY = frozenset("they them their theirs".split())
_KINDS = (_PERSONAL, _THING, MANY)
PRONOUNS = re.compile(r"\b(he|him|his|she|her|hers|it|its|they|them|their|theirs)\b", re.I)
OPENING = re.compile(r"^\s*(?:and|but|or|so|also|then)\b[\s,]*", re.I)
EXPLETIVE = re.compile(
    r"\b(?:is|are|was|were|be|do|does|did|has|have) there\b|\bthere (?:is|are|was|were)\b"
    r"|\b(?:is|was) it (?:true|possible|that)\b|\bit (?:takes?|took)\b|\bat that time\b"
    r"|\b(?:this|that|these|those) (?:year|month|week|day|century|articles?|time|reason)\b",
    re.I,
)
_NO_NAMES = STOPWORDS | MONTHS | {"last", "next"}
_PARTICLE = re.compile(r" (?:of(?: the)?|de|del|du|la|le|von|van|der) ")
_INSIDE = re.compile(r"(?<=[\w,;:’'\")] )\w+")
"""Words that don't open a sentence."""
VERB = r"\b(?:do|does|did|is|are|was|were|can|could|will|would|has|have|had)\s+(?:(?:the|an?)\s+)?"
"""What stands before the subject of a question."""
_DOES = re.compile(VERB + "$", re.I)
_DEFINING = re.compile(r"^\s*(?:what|who|which)\s+(?:is|are|was|were)\b", re.I)
_VERB_OF_WHO = re.compile(r"^\w+ (?=\w)")
_WHO = re.compile(r"^\s*(?:and\s+)?who(?:m|se)?\b(?:\s+(?:is|was|are|were)\b)?", re.I)
_ASKS_FOR_NAME = re.compile(
    r"^\s*(?:who|whom|whose|which|what (?:do|does|did|has|have|had)\b|what \w+ (?!is|are|was)\w)", re.I
)
_OF_THINGS = re.compile(
    r"\d|^[A-Z]{2,}$|(?i:\b(?:universit\w+|institutes?|compan\w+|bank|group|museum|school|college|society|academy|"
    r"ministry|labs?|laborator\w+|works|team|agency|inc|ltd|corp\w*|council|party|club|union|press|times|news)\b)"
)


def referents(pronoun: str, before: Sequence[Turn], question: str) -> list[str]:
    """What `pronoun` may stand for in `question`, the likeliest first; for "" what was spoken of."""
    worth: dict[str, float] = {}
    weight = 1.0
    for turn in reversed(before):
        for name, value in _spoken_of(pronoun, turn):
            known = next((other for other in worth if name in other or other in name), name)
            worth[known] = max(worth.get(known, 0.0), weight * value)
        # What stood alone began a subject of its own.
        weight *= FADING if turn.searched != turn.question else FADING**2
    asked = {w.stem for w in words_of(question)}
    new = [
        name
        for name in worth
        if len(name) <= LONGEST_NAME and not all(w.stem in asked for w in words_of(name) if w.is_content)
    ]
    return sorted(new, key=lambda name: -worth[name])


def _spoken_of(pronoun: str, turn: Turn) -> list[tuple[str, float]]:
    """What the turn names, and how likely `pronoun` stands for it, from 0 to about 1."""
    question, answer = turn.searched, turn.answer
    named = name_runs(question)[-LOOKED_AT:]
    unknown = not named and any(same(pronoun, m.group()) for m in PRONOUNS.finditer(EXPLETIVE.sub(" ", question)))
    asks_who = _WHO.match(question)
    # "Who is Ada Holm?" is about her, "Who leads Holm Works?" about whom the answer names.
    defined = question[asks_who.end() :].strip(" ?") if asks_who else ""
    asks_for_name = _ASKS_FOR_NAME.match(question) and defined not in named
    told = [name for name in dict.fromkeys(name_runs(answer, opening=True)) if name not in question][:LOOKED_AT]
    things = {
        name for name in (*named, *told) if re.search(rf"(?:\b[Tt]he |[“\"]){re.escape(name)}", f"{question} {answer}")
    }

    def fits(name: str, is_person: bool = False) -> float:
        return _fits(pronoun, name, is_person, name in things)

    if unknown:
        # Who "he" is was not known before; the answer may have told it.
        return [(name, 0.5 * fits(name)) for name in told[:1]]
    if asks_who and asks_for_name and pronoun in MANY:
        people = [name for name in told if " " in name][:2]
        return [(" and ".join(people), 1.5)] if people else [(name, 1.0) for name in named[-1:]]
    found = [(name, (1.0 if name == named[-1] else 0.8) * fits(name, name == defined)) for name in named]
    for rank, name in enumerate(told[:4]):
        value = (1.2 if asks_who else 0.7) if asks_for_name and rank == 0 else 0.3
        found.append((name, value * fits(name, bool(asks_who and asks_for_name and " " in name))))
    kept = _put_in(turn)
    if kept:
        found.append((kept, 1.1 * fits(kept)))
    elif not named:
        thing = _thing_asked_about(question)
        found += [(thing, 0.05 if pronoun in _PERSONAL else 0.8)] if thing else []
    return found


def _thing_asked_about(question: str) -> str:
    """The longest stretch of content words, without the verb around it ("How much does the battery hold?")."""
    runs = _runs(question, lambda w: w.is_content)
    if not runs:
        return ""
    longest = max(runs, key=len).removesuffix(" called")
    # "who founded modelbest"
    longest = _VERB_OF_WHO.sub("", longest) if re.match(rf"\s*who {re.escape(longest)}", question, re.I) else longest
    before, _, after = question.partition(longest)
    if _DOES.search(before) and not after.strip(" ?.!") and " " in longest and not _DEFINING.match(question):
        return longest.rsplit(" ", 1)[0]
    return longest


def _put_in(turn: Turn) -> str:
    """What was put into the turn's question, so that it stands alone."""
    if turn.searched == turn.question:
        return ""
    # Comparing takes time with the square of the length.
    asked, searched = (text.split()[:COMPARED] for text in (OPENING.sub("", turn.question), turn.searched))
    matcher = SequenceMatcher(None, [word.lower() for word in asked], [word.lower() for word in searched], False)
    first = next((opcode for opcode in matcher.get_opcodes() if opcode[0] in ("insert", "replace")), None)
    put = " ".join(searched[first[3] : first[4]]).strip(" :?.").removeprefix("of ").removesuffix("'s") if first else ""
    return put if put.count(" ") < 5 and ":" not in put else ""


def same(one: str, other: str) -> bool:
    """Whether both pronouns may stand for the same."""
    return any(one.lower() in kind and other.lower() in kind for kind in _KINDS)


def _fits(pronoun: str, name: str, is_person: bool, is_thing: bool) -> float:
    """How well `pronoun` fits the name, from 0 to 1."""
    is_thing = not is_person and bool(is_thing or not name[0].isupper() or _OF_THINGS.search(name))
    looks_like_person = is_person or (len(name.split()) in (2, 3) and not is_thing)
    if pronoun in _PERSONAL:
        return 1.0 if looks_like_person else 0.1 if is_thing else 0.6
    if pronoun in _THING:
        return 0.2 if is_person else 0.6 if looks_like_person else 1.0
    return 1.0


def name_runs(text: str, opening: bool = False) -> list[str]:
    """Stretches of words that are written as names, the opening word left out unless `opening`.

    A single word that opens a sentence is none, whatever its capital.
    """
    spans = _spans(text, lambda w: w.text[0].isupper() and (opening or w.start > 0) and w.text.lower() not in _NO_NAMES)
    inside = set(_INSIDE.findall(text))
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if text[start:end].isalpha() and text[start:end] not in inside:
            continue
        if joined and _PARTICLE.fullmatch(text, joined[-1][1], start):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [text[start:end] for start, end in joined]


def _runs(text: str, chosen: Callable[[Word], bool]) -> list[str]:
    """Stretches of neighbouring words that are `chosen`, as they stand."""
    return [text[start:end] for start, end in _spans(text, chosen)]


def _spans(text: str, chosen: Callable[[Word], bool]) -> list[tuple[int, int]]:
    """Where stretches of neighbouring words that are `chosen` stand, with the figures that belong to them."""
    found: list[tuple[int, int]] = []
    open_run = False
    for word in words_of(text):
        between = text[found[-1][1] : word.start] if open_run else ""
        if chosen(word) or between == "-" or (word.is_number and between in (" ", ".")):
            if open_run and not re.search(r"[,;:?!]|’s|'s", between):
                found[-1] = (found[-1][0], word.end)
            else:
                found.append((word.start, word.end))
            open_run = True
        else:
            open_run = False
    return found

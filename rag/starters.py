"""Questions to start with, made from the articles that are indexed.

Sentences of the form "Name announced …" are turned round ("What did Name announce?"), and what an article names is
asked about ("What is said about Name?"). Offered are the ones that the articles answer, the first kind from that very
sentence, the second from one with the name in it; and from as many articles as possible.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from rag.answering import Answerer
from rag.articles import Article
from rag.sentences import split_sentences

_BASE = {
    **{verb + "ed": verb for verb in ("develop", "launch", "publish", "recommend", "report", "show", "warn", "want")},
    **{verb + "d": verb for verb in ("announce", "release", "introduce", "propose", "create", "produce", "argue")},
    **{verb + "s": verb for verb in ("believe", "propose", "recommend", "expect", "offer", "produce", "want")},
    "built": "build",
    "found": "find",
    "won": "win",
    "wrote": "write",
    "said": "say",
}
_TOLD = re.compile(rf"(?<![\w“\"])((?:[A-Z][\w’-]*(?: |(?= ))){{1,3}})({'|'.join(_BASE)}) (?!by\b|in\b|that it is\b)\w")
_NO_NAME = frozenset(
    "The This That These Those It He She They We In On At But And However Data A An As If When".split()
)
_NAME = re.compile(r"(?<=[\w,;] )(?:the )?[A-Z][\w’-]*[a-z][\w’-]*(?: [A-Z][\w’-]*[a-z][\w’-]*)*")
_NOT_ASKED_ABOUT = re.compile(
    r"(?:the )?\w+(?:ese|ish|ian|ean|day)|the \S+|I’.*|.*’s|(?:Mr|Mrs|Ms|Dr)|"
    r"(?:.* )?(?:January|February|March|April|May|June|July|August|September|October|November|December)(?: .*)?"
)
MOST_TRIED = 12


def starter_questions(answerer: Answerer, count: int = 4) -> list[str]:
    """Up to `count` questions that the indexed articles answer."""
    found: list[str] = []
    articles = islice(answerer.retriever.index.store.articles(), 40)
    turns = [_questions(article) for article in articles]
    tried = 0
    while turns and len(found) < count and tried < MOST_TRIED:
        for questions in list(turns):
            question, told = next(questions, ("", ""))
            if not question:
                turns.remove(questions)
                continue
            tried += 1
            answer = answerer.ask(question)
            if question not in found and any(told in sentence.text for sentence in answer.sentences):
                found.append(question)
            if len(found) == count or tried == MOST_TRIED:
                break
    return found


def _questions(article: Article) -> Iterator[tuple[str, str]]:
    """Questions, and what their answers must have in one of their sentences."""
    for paragraph in article.paragraphs:
        for start, end in split_sentences(paragraph.text):
            sentence = paragraph.text[start:end]
            match = _TOLD.search(sentence)
            if match and match.group(1).split()[0] not in _NO_NAME:
                verb = _BASE[match.group(2)]
                do = "does" if match.group(2).endswith("s") else "did"
                yield f"What {do} {match.group(1).strip()} {verb}?", sentence
    names = Counter(match.group() for paragraph in article.paragraphs for match in _NAME.finditer(paragraph.text))
    for name in sorted(names, key=lambda name: (" " not in name, -names[name])):
        if not _NOT_ASKED_ABOUT.fullmatch(name):
            yield f"What is said about {name}?", name

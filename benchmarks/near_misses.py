"""Questions that the articles don't answer, made from questions and names that stand in them.

People ask for what an article doesn't say of a thing it names, and for what it says of another thing. Crowd-written
near misses are of a different, more devious kind, so both are used to train the examiner:

- *swapped*: a labelled question, one of its names exchanged for another one of the same article;
- *attribute*: a thing nobody tells of a name ("How old is …?"), where no sentence with that name has a word for it;
- *said*: what one name says about another that it never meets.

A few of them do have an answer all the same; as a training signal that does little harm.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence

from rag.articles import Article
from rag.evaluation.labelled import LabelledQuestion, LabelledSet
from rag.question import STOPWORDS
from rag.sentences import split_sentences

_NAME = re.compile(r"(?<![.!?“\"] )(?<!^)\b[A-Z][\w’'-]*(?: [A-Z][\w’'-]*)*", re.M)
_ATTRIBUTES = (
    ("When was {} founded?", "found|establish|creat|start|born|form|built|since"),
    ("Who is the CEO of {}?", "ceo|chief|head|lead|president|director|chair|run"),
    ("How old is {}?", r"age|\bold|born|birth"),
    ("How many employees does {} have?", "employ|staff|worker|people|personnel|member"),
    ("Where was {} born?", "born|birth|native|from"),
    ("How much does {} cost?", r"cost|price|\$|€|£|free|pay|worth|million|billion"),
    ("Who owns {}?", "own|belong|bought|acquir|property|possess"),
    ("What award did {} win?", "award|prize|won|win|medal|honou?r"),
    ("What did {} say about climate change?", "climate|warming|emission"),
    ("Where did {} go to university?", "universit|college|stud|degree|educat|graduat|school"),
    ("How many countries sell {}?", "countr|sell|sold|market"),
    ("Who is married to {}?", "marri|wife|husband|spouse|wed"),
    ("When did {} die?", r"die|dead|death|kill"),
    ("What is the population of {}?", "populat|inhabitant|people|resident"),
    ("How tall is {}?", r"tall|height|feet|metres|meters|\bhigh"),
    ("Who founded {}?", "found|establish|creat|start|built|set up"),
    ("How many people work at {}?", "employ|staff|worker|people|personnel|member"),
    ("How many languages does {} support?", "languag|speak|support"),
    ("When was {} released?", "releas|publish|appear|announc|launch|premier|came"),
    ("Who is the president of {}?", "president|head|chair|lead|director"),
    ("Where is the headquarters of {}?", "headquart|based|seat|office|locat"),
    ("How much money did {} make?", r"money|revenue|earn|million|billion|profit|\$|€|£"),
    ("Who invested in {}?", "invest|financ|fund|back|money"),
    ("Why did {} resign?", "resign|quit|step|left|leave"),
)


def near_misses(labelled: LabelledSet) -> list[LabelledQuestion]:
    """About half as many as there are answerable questions, always the same ones."""
    articles = {article.id: article for article in labelled.articles}
    names = {article.id: names_in(article) for article in labelled.articles}
    found = []
    for question in labelled.questions:
        if question.answers and question.paragraphs and _draw(question.id, 3) == 0:
            article_id = min(question.paragraphs)[0]
            swapped = _swapped(question, articles[article_id], names[article_id])
            if swapped:
                found.append(_unanswerable(f"{question.id}-swapped", swapped, question.group))
    for article in labelled.articles:
        for name in names[article.id][: max(3, len(article.paragraphs) // 2)]:
            text, words = _ATTRIBUTES[_draw(article.id + name, len(_ATTRIBUTES))]
            if not _told(article, name, words):
                found.append(_unanswerable(f"{article.id}-{name}", text.format(name), article.id))
        found += _said(article, names[article.id])
    return found


def names_in(article: Article) -> list[str]:
    """Capitalised runs inside sentences, the most frequent first."""
    counts: Counter[str] = Counter()
    for paragraph in article.paragraphs:
        for match in _NAME.finditer(paragraph.text):
            name = re.sub(r"[’']s$", "", match.group())
            if name.lower() not in STOPWORDS and len(name) > 2:
                counts[name] += 1
    return [name for name, _ in counts.most_common()]


def _swapped(question: LabelledQuestion, article: Article, names: Sequence[str]) -> str:
    own = [name for name in names if re.search(rf"\b{re.escape(name)}\b", question.text[1:])]
    if not own:
        return ""
    old = max(own, key=len)
    gold = " ".join(question.answers).lower()
    others = [
        n for n in names if n not in question.text and n.lower() not in gold and not set(n.split()) & set(old.split())
    ]
    if not others:
        return ""
    return question.text.replace(old, others[_draw(question.id, len(others))])


def _said(article: Article, names: Sequence[str]) -> list[LabelledQuestion]:
    """What one name says of another, where no paragraph has both."""
    found = []
    for number, name in enumerate(names[:6]):
        other = names[(number + 1 + _draw(article.id + name, 7)) % len(names)]
        if name != other and not any(name in p.text and other in p.text for p in article.paragraphs):
            found.append(_unanswerable(f"{article.id}-{name}-said", f"What did {name} say about {other}?", article.id))
    return found


def _told(article: Article, name: str, words: str) -> bool:
    pattern = re.compile(words, re.I)
    for paragraph in article.paragraphs:
        for start, end in split_sentences(paragraph.text):
            sentence = paragraph.text[start:end]
            if name in sentence and pattern.search(sentence):
                return True
    return False


def _unanswerable(identity: str, text: str, group: str) -> LabelledQuestion:
    return LabelledQuestion(identity, text, answerable=False, group=group)


def _draw(seed: str, count: int) -> int:
    """A number below `count` that depends on `seed` alone."""
    return zlib.crc32(seed.encode()) % count

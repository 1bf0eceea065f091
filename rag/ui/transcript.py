"""The conversation as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from rag.answering import Answer, Citation, Sentence
from rag.ui.conversation import Conversation, Place, Turn, footnoted, where
from rag.ui.html import DOWN, UP, attributes, button, escaped, short

NEAREST = 3
"""Hits that a refusal shows."""


def transcript(conversation: Conversation, notice: str = "", shown: int | None = None) -> str:
    """The conversation; of the last answer the first `shown` sentences, all when None."""
    turns = conversation.turns
    parts = []
    for number, turn in enumerate(turns):
        editing = conversation.editing is not None and number >= conversation.editing
        parts.append(_turn(number, turn, shown if number == len(turns) - 1 else None, editing))
    if conversation.editing is not None:
        again = button("Keep it as it is", "link", {"event": "keep"})
        parts.append(f'<p class="notice" role="status">Asking again replaces what is grey. {again}</p>')
    if notice:
        parts.append(f'<div class="notice" role="alert">{escaped(notice)}</div>')
    log = attributes(
        {"class": "transcript", "role": "region", "aria-label": "Conversation", "data-conversation": conversation.id}
    )
    return f"<div{log}>{''.join(parts)}</div>"


def _turn(number: int, turn: Turn, shown: int | None, editing: bool) -> str:
    again = button("Edit", "link edit", {"event": "edit", "turn": number}, "Edit this question and ask again")
    asked = f'<div class="asked">{again}<div class="question">{escaped(turn.question)}</div></div>'
    answer = turn.answer
    about = attributes({"class": "turn editing" if editing else "turn", "data-question": turn.question})
    if answer is None:
        return f'<section{about}>{asked}<div class="answer searching">Searching the articles …</div></section>'
    understood = ""
    if answer.searched != answer.question:
        change = button("Change", "link", {"event": "edit", "turn": number, "searched": 1}, "Change what is searched")
        understood = f'<p class="understood">Searched for: <span>{escaped(short(answer.searched))}</span> {change}</p>'
    if turn.limited:
        understood += '<p class="understood">Asked of some of the articles only.</p>'
    body = _answer(number, answer, shown) if answer.answered else _refusal(number, answer)
    judgement = _judgement(number, turn, answer) if shown is None else ""
    return f'<section{about}>{asked}<div class="answer">{understood}{body}{judgement}</div></section>'


def _judgement(number: int, turn: Turn, answer: Answer) -> str:
    """Copying it; whether it was right, and if not, what would be."""

    def choice(verdict: str, label: str, text: str, kind: str) -> str:
        pressed = turn.judged == verdict or (verdict == "down" and turn.judged not in ("", "up"))
        return button(text, kind, {"event": "judge", "turn": number, "judged": verdict}, label, pressed)

    right, wrong = ("This is right", "This is wrong") if answer.answered else ("Rightly refused", "The articles do say")
    shown = button("Copy", "link copy", {"copy": footnoted(answer)}, "Copy the answer with its sources")
    # What some of the articles don't say, others may: as a labelled question of all of them it would be false.
    if answer.answered or not turn.limited:
        shown += choice("up", right, UP, "thumb") + choice("down", wrong, DOWN, "thumb")
    if turn.judged:
        shown += '<span role="status">Noted.</span>'
    if turn.judged not in ("", "up"):
        options = [choice("unsaid", "The articles don’t say it", "The articles don’t say it", "source")]
        options = options if answer.answered and not turn.limited else []
        for i, hit in enumerate(answer.hits):
            place = f", {where(hit.paragraphs[0])}: {short(hit.text, 90)}"
            shown_as = f"<b>{escaped(hit.article.title)}</b>{escaped(place)}"
            options.append(choice(str(i), f"{hit.article.title}{place}", shown_as, "source"))
        listed = "".join(f"<li>{option}</li>" for option in options)
        shown += f'<div class="instead">What would be right?<ul>{listed}</ul></div>'
    return f'<div class="judgement" role="group" aria-label="This answer">{shown}</div>'


def _answer(number: int, answer: Answer, shown: int | None) -> str:
    """Where it was found, all at once, and the sentences that are shown so far."""
    sources: dict[tuple[str, int], tuple[Place, Citation]] = {}
    sentences = []
    for i, sentence in enumerate(answer.sentences):
        marks = []
        for j, citation in enumerate(sentence.citations):
            key = (citation.article.id, citation.paragraph.number)
            sources.setdefault(key, (Place(number, i, j), citation))
            marks.append(_mark(Place(number, i, j), list(sources).index(key) + 1, sentence, citation))
        sentences.append(f"<span>{escaped(sentence.text)}</span>{''.join(marks)}")
    separator = "<br>" if _is_list(answer.sentences) else " "
    items = "".join(f"<li>{button(place_of(cited), 'source', at.data())}</li>" for at, cited in sources.values())
    text = separator.join(sentences[:shown])
    return f'<p class="sentences">{text}</p><ol class="sources" aria-label="Sources">{items}</ol>'


def _is_list(sentences: Sequence[Sentence]) -> bool:
    """Whether the sentences are lines of a list rather than running text."""
    return sum(sentence.text[-1:].isalnum() for sentence in sentences) > 1


def _refusal(number: int, answer: Answer) -> str:
    if not answer.hits:
        return '<p class="refusal">The articles don’t say.</p>'
    nearest = ""
    for i, hit in enumerate(answer.hits[:NEAREST]):
        place = f"<b>{escaped(hit.article.title)}</b>, {escaped(where(hit.paragraphs[0]))}"
        opens = button(place, "source", Place(number, hit=i).data())
        nearest += f"<li>{opens}<blockquote>{escaped(short(hit.text))}</blockquote></li>"
    return (
        '<p class="refusal">The articles don’t say.</p>'
        f'<p class="nearest">Nearest, though not an answer:</p><ol class="hits">{nearest}</ol>'
    )


def _mark(place: Place, number: int, sentence: Sentence, cited: Citation) -> str:
    """The mark of a citation, and the card that it shows on hover and focus."""
    label = f"Source {number}: {cited.article.title}, {where(cited.paragraph)}"
    data = {f"data-{name}": value for name, value in place.data().items()}
    opens = attributes({"class": "mark", **data, "aria-label": label, "aria-expanded": "false"})
    text = cited.article.text[cited.start : cited.end] if place.citation else sentence.text
    card = (
        f'<span class="card" aria-hidden="true"><q>{escaped(short(text, 320))}</q><span>{place_of(cited)}</span></span>'
    )
    return f'<span class="cite"><button type="button"{opens}>[{number}]</button>{card}</span>'


def place_of(citation: Citation) -> str:
    """Where a citation stands, in words."""
    date = f' <span class="date">· {escaped(citation.article.date)}</span>' if citation.article.date else ""
    return f"<b>{escaped(citation.article.title)}</b>, {escaped(where(citation.paragraph))}{date}"

"""Train `rag/examiner.safetensors` on labelled questions.

    python benchmarks/train_examiner.py SET… [--over ARTICLES QUESTIONS]… [--devious SET]… [--test NAME]… [--cache FILE]

1. Each question is asked; its best sentences by `rag/weights.json`, in their passages, are what the examiner reads.
2. The network is taught to give the odds of a softmax over these sentences and "none of them": towards those that hold
   a gold answer, towards none where the articles don't tell. Beside it, each token learns to tell whether it is part of
   a gold answer, since of these there are many more than of questions.
3. Questions are asked over other articles than their own, too, which tell things of the like at best: what people type
   into a search engine is often answered by none of the articles that come up.
4. A shift of the odds is fitted on the sets that are kept out.

Sets named by `--test` are never trained on; how the examiner does on them is printed. Near misses of the sets named by
`--devious` were written beside the paragraph in order to deceive; such questions are rare in use and count little.
Asking 1,000 questions takes some 40 s on two cores with bf16, what they find `--cache` keeps; learning from them
takes some 85 s a round.
"""

from __future__ import annotations

import argparse
import pickle
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from fit_weights import holds, over
from near_misses import near_misses
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from rag.answering import best_sentences
from rag.building import build_articles
from rag.embedding import Embedder
from rag.evaluation.labelled import LabelledQuestion, LabelledSet, read_set
from rag.examiner import FILE, Sentence, Sheet, laid_out, sentence_signals, sheet, tokens_of
from rag.network import SAID, Network
from rag.question import Question
from rag.retrieval import Retriever
from rag.settings import Settings

EPOCHS = 3
BATCH = 16
RATE = 4e-4
"""Of what is learnt beside the embedded model; what comes after it learns twice as fast."""
DROPOUT = 0.1
SIGNAL_DROPOUT = 0.3
READ = 2
"""Best passages of a question that are learnt from, and those after that hold an answer."""
TOKENS = 0.3
"""What telling tokens apart counts beside telling sentences apart."""
WEIGHTS = {"written": 2.0, "set": 0.7, "elsewhere": 1.0, "made": 0.4, "devious": 0.4}
"""What questions count: those over named articles, those of the sets, those asked over other articles than their own,
made near misses, and the devious."""
MOST = {"elsewhere": 1600, "made": 700, "devious": 1000}
"""Of these kinds, at most so many are learnt from."""


@dataclass
class Example:
    """A labelled question and what the network reads of its best sentences."""

    answerable: bool
    gold: np.ndarray
    """(sentences,) bool."""
    signals: np.ndarray
    """(sentences, SIGNALS) float32."""
    rows: np.ndarray
    """(sentences,) int: which of the sheets each stands in."""
    spans: list[tuple[int, int]]
    """Of each sentence, as `rag.examiner.tokens_of` gives them."""
    sheets: list[Sheet]
    parts: list[np.ndarray]
    """For each sheet (tokens,) bool: parts of a gold answer."""
    of_set: str
    kind: str
    """One of WEIGHTS."""


def main() -> None:
    """Read, train, test, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="*", type=Path)
    parser.add_argument("--over", nargs=2, action="append", default=[], metavar=("ARTICLES", "QUESTIONS"))
    parser.add_argument("--devious", action="append", default=[])
    parser.add_argument("--test", action="append", default=[])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--output", type=Path, default=FILE)
    options = parser.parse_args()
    if options.cache and options.cache.exists():
        # Our own file of a moment ago.
        examples = pickle.loads(options.cache.read_bytes())
    else:
        sets = [(read_set(folder), False) for folder in options.sets]
        sets += [(over(*pair), True) for pair in options.over]
        examples = [
            example
            for labelled, hand_written in sets
            for example in read_examples(labelled, hand_written, options.devious)
        ]
        written = [labelled for labelled, hand_written in sets if hand_written and labelled.name not in options.test]
        for labelled in elsewhere(written):
            examples += read_examples(labelled, True, [], "elsewhere")
        if options.cache:
            options.cache.write_bytes(pickle.dumps(examples))
    kept_out = [e for e in examples if e.of_set in options.test]
    network = train([e for e in examples if e.of_set not in options.test], kept_out)
    shift = calibrate(network, kept_out) if kept_out else 0.0
    write(network, shift, options.output)
    print(f"written to {options.output}")


def elsewhere(sets: Sequence[LabelledSet]) -> Iterator[LabelledSet]:
    """Every eighth question of one half of `sets` over the articles of the other: sets next to each other may tell the
    same things.
    """
    half = len(sets) // 2
    for asked, told in ((sets[:half], sets[half:]), (sets[half:], sets[:half])):
        articles = {article.id: article for labelled in told for article in labelled.articles}
        questions = [question for labelled in asked for question in labelled.questions][::8]
        yield LabelledSet(
            "elsewhere",
            tuple(articles.values()),
            tuple(LabelledQuestion(question.id, question.text, answerable=False) for question in questions),
        )


def read_examples(
    labelled: LabelledSet, hand_written: bool, devious: Sequence[str], asked_as: str = "written"
) -> list[Example]:
    """The questions of a set, asked over its articles, those over named ones being of the kind `asked_as`."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings() if hand_written else Settings(merge_tokens=0)
        build_articles(labelled.articles, folder, settings=settings)
        retriever = Retriever.open(folder, settings)
        misses = "devious" if labelled.name in devious else "written"
        questions = [
            (question, asked_as if hand_written else "set" if question.answerable else misses)
            for question in labelled.questions
        ]
        questions += [(question, "made") for question in ([] if hand_written else near_misses(labelled))]
        found = []
        for question, kind in questions:
            asked, candidates = retriever.read(question.text, wanted=5)
            sentences = best_sentences(candidates, retriever.weights)
            if sentences:
                found.append(_example(question, asked, sentences, retriever.embedder, labelled.name, kind))
    print(f"{labelled.name}: {len(found)} questions read", flush=True)
    return found


def _example(
    question: LabelledQuestion, asked: Question, sentences: Sequence[Sentence], embedder: Embedder, name: str, kind: str
) -> Example:
    candidates = {id(one.candidate): one.candidate for one in sentences}
    sheets = [sheet(asked, asked.tokens, one, one.view.tokens, embedder) for one in candidates.values()]
    parts = [np.zeros(len(one.ids), dtype=bool) for one in sheets]
    rows = np.array([list(candidates).index(id(one.candidate)) for one in sentences])
    gold = []
    for one, row in zip(sentences, rows, strict=True):
        view, passage = one.candidate.view, one.candidate.passage
        start, end = view.sentences[one.position]
        here = {(passage.article_id, number) for number in passage.paragraphs}
        gold.append(bool(here & question.paragraphs) and holds(view.text[start:end], question))
        answers = () if question.free_text or not gold[-1] else question.answers or question.parts
        parts[row][sheets[row].said :] |= answer_tokens(view.tokens.spans, view.text, start, end, answers)
    spans = [tokens_of(one, one.candidate.view.tokens) for one in sentences]
    signals = sentence_signals(asked, sentences)
    return Example(bool(question.answerable), np.array(gold), signals, rows, spans, sheets, parts, name, kind)


def answer_tokens(spans: np.ndarray, text: str, start: int, end: int, answers: Sequence[str]) -> np.ndarray:
    """Which of the tokens at `spans` are part of one of `answers` in `text[start:end]`: (tokens,) bool."""
    found = np.zeros(len(spans), dtype=bool)
    for answer in answers:
        at = text[start:end].lower().find(answer.lower())
        if at >= 0:
            a, b = start + at, start + at + len(answer)
            found |= (spans[:, 0] >= a) & (spans[:, 1] <= b)
    return found


def train(examples: list[Example], kept_out: list[Example]) -> Network:
    """A network trained on `examples`."""
    torch.manual_seed(0)
    draw = random.Random(0)
    examples = learnt_from(examples, draw)
    network = Network(_embedded(), DROPOUT, SIGNAL_DROPOUT)
    learns = [(name, value) for name, value in network.named_parameters() if value.requires_grad]
    groups = [[value for name, value in learns if name.startswith("layers.") == inside] for inside in (True, False)]
    optimizer = torch.optim.AdamW(
        [{"params": groups[0], "lr": RATE}, {"params": groups[1], "lr": 2 * RATE}], weight_decay=0.02
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [RATE, 2 * RATE], total_steps=EPOCHS * (len(examples) // BATCH + 80), pct_start=0.1
    )
    for epoch in range(EPOCHS):
        started, total = time.time(), 0.0
        network.train()
        batches = _batches(examples, draw)
        for batch in batches:
            loss = _loss(network, batch)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_([value for _, value in learns], 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(batches):.4f}, {time.time() - started:.0f} s", flush=True)
        report(network, kept_out)
    return network.eval()


def learnt_from(examples: Sequence[Example], draw: random.Random) -> list[Example]:
    """What is learnt from: no question of which none of the best sentences is right, no more of a kind than MOST."""
    shuffled = [e for e in examples if e.gold.any() or not e.answerable]
    draw.shuffle(shuffled)
    left = dict(MOST)
    found = []
    for example in shuffled:
        if example.kind in left:
            left[example.kind] -= 1
            if left[example.kind] < 0:
                continue
        # The sheets are in order of their best sentences.
        read = sorted({*range(min(READ, len(example.sheets))), *example.rows[example.gold].tolist()})
        kept = [i for i, row in enumerate(example.rows) if row in read]
        found.append(
            replace(
                example,
                gold=example.gold[kept],
                signals=example.signals[kept],
                rows=np.searchsorted(read, example.rows[kept]),
                spans=[example.spans[i] for i in kept],
                sheets=[example.sheets[row] for row in read],
                parts=[example.parts[row] for row in read],
            )
        )
    return found


def _batches(examples: list[Example], draw: random.Random) -> list[list[Example]]:
    """Of questions of about the same length, so that little is padding, in an order by chance."""
    draw.shuffle(examples)
    found = []
    for first in range(0, len(examples), 16 * BATCH):
        near = sorted(examples[first : first + 16 * BATCH], key=lambda e: max(len(s.ids) for s in e.sheets))
        found += [near[i : i + BATCH] for i in range(0, len(near), BATCH)]
    draw.shuffle(found)
    return found


def _embedded() -> Mapping[str, Tensor]:
    """The embedded model's weights in full precision."""
    return Embedder.load(Settings(device="cpu", precision="fp32")).weights


def _given(batch: Sequence[Example]) -> list[Tensor]:
    """What the network takes for all questions of a batch."""
    firsts = np.cumsum([0, *(len(e.sheets) for e in batch)])
    rows = np.concatenate([e.rows + first for e, first in zip(batch, firsts, strict=False)])
    read = laid_out([one for e in batch for one in e.sheets], rows.tolist(), [span for e in batch for span in e.spans])
    return [*read, torch.from_numpy(np.concatenate([e.signals for e in batch]))]


def _loss(network: Network, batch: Sequence[Example]) -> Tensor:
    given = _given(batch)
    kinds = given[2]
    with torch.autocast("cpu", torch.bfloat16):
        odds, tokens = network(*given)
    odds, tokens = odds.float(), tokens.float()
    rows = torch.repeat_interleave(torch.arange(len(batch)), torch.tensor([len(e.gold) for e in batch]))
    columns = torch.cat([torch.arange(len(e.gold)) for e in batch])
    most = int(columns.max()) + 1
    of_sentences = torch.full((len(batch), most), -1e4).index_put((rows, columns), odds)
    with_none = torch.cat([of_sentences, torch.zeros(len(batch), 1)], 1)
    right = torch.zeros_like(with_none, dtype=torch.bool)
    for i, example in enumerate(batch):
        if example.answerable:
            right[i, : len(example.gold)] = torch.from_numpy(example.gold)
        else:
            right[i, most] = True
    weight = torch.tensor([WEIGHTS[e.kind] for e in batch])
    answerable = torch.tensor([e.answerable for e in batch])
    wanted = torch.logsumexp(with_none.masked_fill(~right, -1e4), 1)
    loss = (weight * (torch.logsumexp(with_none, 1) - wanted)).sum()
    loss = loss + 0.5 * (weight * answerable * (torch.logsumexp(of_sentences, 1) - wanted)).sum()
    parts = np.concatenate([part[one.said :] for e in batch for part, one in zip(e.parts, e.sheets, strict=True)])
    telling = functional.binary_cross_entropy_with_logits(
        tokens[kinds == SAID], torch.from_numpy(parts).float(), pos_weight=torch.tensor(4.0)
    )
    return loss / weight.sum() + TOKENS * telling


def odds_of(network: Network, examples: Sequence[Example]) -> list[np.ndarray]:
    """The network's log-odds for the sentences of each example."""
    network.eval()
    found = []
    for first in range(0, len(examples), 16):
        batch = examples[first : first + 16]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            odds, _ = network(*_given(batch))
        found += np.split(odds.float().numpy(), np.cumsum([len(e.gold) for e in batch])[:-1])
    return found


def report(network: Network, kept_out: Sequence[Example]) -> None:
    """Print how the network does on the sets kept out."""
    odds = odds_of(network, kept_out)
    for name in dict.fromkeys(e.of_set for e in kept_out):
        rows = [(e, o) for e, o in zip(kept_out, odds, strict=True) if e.of_set == name]
        best = np.array([o.max() for _, o in rows])
        truth = np.array([e.answerable for e, _ in rows])
        before = np.mean([e.gold[0] for e, _ in rows if e.answerable])
        right = np.mean([e.gold[o.argmax()] for e, o in rows if e.answerable])
        answered = np.mean(best[truth] > np.quantile(best[~truth], 0.8))
        print(
            f"  {name}: right sentence {right:.3f} (by its signals {before:.3f}), "
            f"AUROC {roc_auc_score(truth, best):.3f}, answered where 80 % are refused {answered:.3f}",
            flush=True,
        )


def calibrate(network: Network, kept_out: Sequence[Example]) -> float:
    """What to add to the log-odds, so that they are right on average over the sets kept out, all counting the same."""
    odds = np.array([o.max() for o in odds_of(network, kept_out)])
    truth = np.array([e.answerable for e in kept_out])
    shifts = np.linspace(-4, 4, 161)
    names = np.array([e.of_set for e in kept_out])
    weight = np.array([1 / (names == name).sum() for name in names])
    losses = [float(weight @ np.logaddexp(0, -(2 * truth - 1) * (odds + shift))) for shift in shifts]
    shift = float(shifts[int(np.argmin(losses))])
    print(f"log-odds are shifted by {shift:+.2f}")
    return shift


def write(network: Network, shift: float, file: Path) -> None:
    """Write what was learnt as 16-bit floats."""
    weights = network.learnt()
    del weights["scale.num_batches_tracked"]
    weights["linear.bias"] = weights["linear.bias"] + shift
    save_file({name: (v if name.startswith("scale.") else v.half()).contiguous() for name, v in weights.items()}, file)


if __name__ == "__main__":
    main()

"""Train `rag/examiner.safetensors` on labelled questions.

    python benchmarks/train_examiner.py SET… [--over ARTICLES QUESTIONS]… [--test NAME]… [--cache FILE]

1. Each question is asked; its best sentences by `rag/weights.json` are what the examiner reads.
2. The network is trained to give the odds of a softmax over these sentences and "none of them": towards those that hold
   a gold answer, towards none where the articles don't tell; questions whose words alone give away which it is count
   less. Beside it, each token learns to tell whether it is part of
   a gold answer, since of these there are many more than of questions.
3. The layers of the embedded model are reduced to their principal components first; that, too, is written as part of
   the network's first weights.
4. A scale and a shift of the odds (Platt 1999) are fitted on sets that are kept out.

Sets named by `--test` are never trained on; how the examiner does on them is printed. Takes some forty minutes on two
cores, half of it for asking the questions, whose answers `--cache` keeps.
"""

from __future__ import annotations

import argparse
import pickle
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fit_weights import holds, over
from near_misses import near_misses
from safetensors.torch import save_file
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from torch import Tensor
from torch.nn import functional

from rag.answering import best_sentences
from rag.building import build_articles
from rag.embedding import Embedder
from rag.evaluation.labelled import LabelledQuestion, LabelledSet, read_set
from rag.examiner import EXAMINED, FILE, Layers, Sentence, Sheet, padded, read_layers, sentence_signals, sheet
from rag.network import Network, Networks
from rag.question import Question
from rag.retrieval import Retriever
from rag.settings import Settings

COMPONENTS = 160
"""Of the layers, kept of 1152."""
MEMBERS = ((True, 5), (False, 7))
"""The networks, whose log-odds are averaged: whether questions count fairly (`be_fair`), and epochs. The fair one alone
has an AUROC 2 to 4 points lower on the sets kept for testing, the other one alone refuses questions for prices."""
BATCH = 24
RATE = 8e-4
DROPOUT = 0.2
SIGNAL_DROPOUT = 0.3
TOKENS = 0.3
"""What telling tokens apart counts beside telling sentences apart."""
WEIGHTS = {"written": 2.0, "set": 0.7, "made": 0.4, "devious": 0.25}
"""What questions count: those over named articles, those of the sets, made near misses, and the near misses that people
wrote beside a paragraph in order to deceive."""
MADE = 900
"""Most made near misses of one set."""


@dataclass
class Example:
    """A labelled question and what the network reads of its best sentences."""

    answerable: bool
    gold: np.ndarray
    """(sentences,) bool."""
    signals: np.ndarray
    """(sentences, SIGNALS) float32."""
    sheets: list[Sheet]
    parts: list[np.ndarray]
    """For each sheet (tokens,) bool: parts of a gold answer."""
    text: str = ""
    of_set: str = ""
    kind: str = ""
    """One of WEIGHTS."""
    fairness: float = 1.0
    """See `be_fair`."""


def main() -> None:
    """Read, train, test, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="*", type=Path)
    parser.add_argument("--over", nargs=2, action="append", default=[], metavar=("ARTICLES", "QUESTIONS"))
    parser.add_argument("--test", action="append", default=[])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--output", type=Path, default=FILE)
    options = parser.parse_args()
    if options.cache and options.cache.exists():
        # Our own file of a moment ago.
        mean, components, examples = pickle.loads(options.cache.read_bytes())
    else:
        sets = [(read_set(folder), False) for folder in options.sets]
        sets += [(over(*pair), True) for pair in options.over]
        mean, components = principal([labelled for labelled, _ in sets])
        examples = [
            example
            for labelled, hand_written in sets
            for example in read_examples(labelled, hand_written, mean, components)
        ]
        if options.cache:
            options.cache.write_bytes(pickle.dumps((mean, components, examples)))
    kept_out = [e for e in examples if e.of_set in options.test]
    trained_on = [e for e in examples if e.of_set not in options.test]
    be_fair(trained_on)
    members = [train(trained_on, kept_out, fair, epochs) for fair, epochs in MEMBERS]
    networks = Networks(members)
    report(networks, kept_out)
    shift = calibrate(networks, kept_out) if kept_out else 0.0
    write(members, mean, components, shift, options.output)
    print(f"written to {options.output}")


def read_examples(labelled: LabelledSet, hand_written: bool, mean: np.ndarray, components: np.ndarray) -> list[Example]:
    """The questions of a set, asked over its articles."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings() if hand_written else Settings(merge_tokens=0)
        build_articles(labelled.articles, folder, settings=settings)
        retriever = Retriever.open(folder, settings)
        embedder = Embedder.load(settings)
        layers: dict[str, Layers] = {}
        made = [] if hand_written else near_misses(labelled)
        random.Random(0).shuffle(made)
        questions = [(question, _kind(question, hand_written)) for question in labelled.questions]
        questions += [(question, "made") for question in made[:MADE]]
        found = []
        for question, kind in questions:
            asked, candidates = retriever.read(question.text)
            sentences = best_sentences(candidates, retriever.weights)
            if not sentences:
                continue
            for text in {one.candidate.view.text for one in sentences} - set(layers):
                layers[text] = read_layers(embedder, [text])[0]
            own = read_layers(embedder, [question.text])[0]
            example = _example(question, asked, own, sentences, layers)
            example.sheets = [reduced(one, mean, components) for one in example.sheets]
            example.text, example.of_set, example.kind = question.text, labelled.name, kind
            found.append(example)
    print(f"{labelled.name}: {len(found)} questions read", flush=True)
    return found


def _kind(question: LabelledQuestion, hand_written: bool) -> str:
    if hand_written:
        return "written"
    return "set" if question.answerable or question.free_text else "devious"


def _example(
    question: LabelledQuestion, asked: Question, own: Layers, sentences: Sequence[Sentence], layers: dict[str, Layers]
) -> Example:
    gold, sheets, parts = [], [], []
    for one in sentences:
        view, passage = one.candidate.view, one.candidate.passage
        start, end = view.sentences[one.position]
        here = {(passage.article_id, number) for number in passage.paragraphs}
        gold.append(bool(here & question.paragraphs) and holds(view.text[start:end], question))
        sheets.append(sheet(asked, own, view, layers[view.text], one.position))
        answers = () if question.free_text or not gold[-1] else question.answers or question.parts
        parts.append(answer_tokens(sheets[-1], layers[view.text].spans, view.text, start, end, answers))
    return Example(bool(question.answerable), np.array(gold), sentence_signals(asked, sentences), sheets, parts)


def answer_tokens(one: Sheet, spans: np.ndarray, text: str, start: int, end: int, answers: Sequence[str]) -> np.ndarray:
    """Which of the sheet's tokens are part of one of `answers` in `text[start:end]`."""
    found = np.zeros(len(one.states), dtype=bool)
    inside = spans[one.first : one.first + len(one.states) - one.asked]
    for answer in answers:
        at = text[start:end].lower().find(answer.lower())
        if at >= 0:
            a, b = start + at, start + at + len(answer)
            found[one.asked :] |= (inside[:, 0] >= a) & (inside[:, 1] <= b)
    return found


def principal(sets: Sequence[LabelledSet]) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n,) and principal components (n, COMPONENTS) of tokens' layers, brought halfway to equal spread."""
    texts = [paragraph.text for labelled in sets for article in labelled.articles for paragraph in article.paragraphs]
    random.Random(0).shuffle(texts)
    layers = read_layers(Embedder.load(), texts[:600])
    sample = np.concatenate([one.states[::3] for one in layers]).astype(np.float32)
    mean = sample.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((sample - mean).T))
    spread, axes = np.sqrt(spread[::-1][:COMPONENTS]), axes[:, ::-1][:, :COMPONENTS]
    return mean, (axes / np.sqrt(spread * spread[0])).astype(np.float32)


def reduced(one: Sheet, mean: np.ndarray, components: np.ndarray) -> Sheet:
    """The sheet with principal components in place of layers."""
    return Sheet(((one.states - mean) @ components).astype(np.float16), one.marks, one.asked, one.first)


def train(examples: list[Example], kept_out: list[Example], fair: bool, epochs: int) -> Network:
    """A network trained on `examples`; fairly where `fair`."""
    torch.manual_seed(0)
    draw = random.Random(0)
    # Where none of the best sentences is right, there is nothing to learn.
    examples = [e for e in examples if e.gold.any() or not e.answerable]
    network = Network(COMPONENTS, DROPOUT, SIGNAL_DROPOUT)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
    most = epochs * (len(examples) // BATCH + 40)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=most, pct_start=0.1)
    for epoch in range(epochs):
        started, total = time.time(), 0.0
        network.train()
        draw.shuffle(examples)
        batches = []
        for first in range(0, len(examples), 16 * BATCH):
            near = sorted(examples[first : first + 16 * BATCH], key=lambda e: max(len(s.states) for s in e.sheets))
            batches += [near[i : i + BATCH] for i in range(0, len(near), BATCH)]
        draw.shuffle(batches)
        for batch in batches:
            loss = _loss(network, batch, fair)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(batches):.4f}, {time.time() - started:.0f} s", flush=True)
    report(Networks([network]), kept_out)
    return network.eval()


def be_fair(examples: Sequence[Example]) -> None:
    """Have questions count such that none can be told from its own words to be answered or not.

    Whoever writes questions asks for prices and ages more often where they aren't told. A logistic regression over the
    words of the questions alone learns that; what it would tell of questions it has not seen is weighed out.
    """
    written = [e for e in examples if e.kind == "written"]
    if len(written) < 500:
        return
    truth = np.array([e.answerable for e in written])
    words = CountVectorizer(ngram_range=(1, 2), min_df=10, binary=True, token_pattern=r"\w+").fit_transform(
        [e.text for e in written]
    )
    told = cross_val_predict(LogisticRegression(C=0.3, max_iter=1000), words, truth, cv=5, method="predict_proba")[:, 1]
    fairness = np.clip(0.5 / np.where(truth, told, 1 - told), 0.3, 4.0)
    for example, value in zip(written, fairness / fairness.mean(), strict=True):
        example.fairness = float(value)
    print(f"AUROC of the questions' words alone {roc_auc_score(truth, told):.3f}", flush=True)


def _loss(network: Network, batch: Sequence[Example], fair: bool) -> Tensor:
    states, marks, padding, asked = padded([one for e in batch for one in e.sheets])
    signals = torch.from_numpy(np.concatenate([e.signals for e in batch]))
    with torch.autocast("cpu", torch.bfloat16):
        odds, tokens = network(states, marks, padding, asked, signals)
    odds, tokens = odds.float(), tokens.float()
    rows = torch.repeat_interleave(torch.arange(len(batch)), torch.tensor([len(e.sheets) for e in batch]))
    columns = torch.cat([torch.arange(len(e.sheets)) for e in batch])
    of_sentences = torch.full((len(batch), EXAMINED), -1e4).index_put((rows, columns), odds)
    with_none = torch.cat([of_sentences, torch.zeros(len(batch), 1)], 1)
    right = torch.zeros_like(with_none, dtype=torch.bool)
    for i, example in enumerate(batch):
        if example.answerable:
            right[i, : len(example.gold)] = torch.from_numpy(example.gold)
        else:
            right[i, EXAMINED] = True
    weight = torch.tensor([WEIGHTS[e.kind] * (e.fairness if fair else 1.0) for e in batch])
    answerable = torch.tensor([e.answerable for e in batch])
    wanted = torch.logsumexp(with_none.masked_fill(~right, -1e4), 1)
    loss = (weight * (torch.logsumexp(with_none, 1) - wanted)).sum()
    loss = loss + 0.5 * (weight * answerable * (torch.logsumexp(of_sentences, 1) - wanted)).sum()
    parts = torch.zeros_like(tokens)
    for i, part in enumerate(p for e in batch for p in e.parts):
        parts[i, : len(part)] = torch.from_numpy(part)
    read = ~padding & ~asked
    telling = functional.binary_cross_entropy_with_logits(tokens[read], parts[read], pos_weight=torch.tensor(4.0))
    return loss / weight.sum() + TOKENS * telling


def odds_of(networks: Networks, examples: Sequence[Example]) -> list[np.ndarray]:
    """The networks' log-odds for the sentences of each example."""
    networks.eval()
    found = []
    for first in range(0, len(examples), 48):
        batch = examples[first : first + 48]
        with torch.inference_mode():
            odds = networks(
                *padded([one for e in batch for one in e.sheets]),
                torch.from_numpy(np.concatenate([e.signals for e in batch])),
            )
        found += np.split(odds.numpy(), np.cumsum([len(e.sheets) for e in batch])[:-1])
    return found


def report(networks: Networks, kept_out: Sequence[Example]) -> None:
    """Print how the networks do on the sets kept out."""
    odds = odds_of(networks, kept_out)
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


def calibrate(networks: Networks, kept_out: Sequence[Example]) -> float:
    """What to add to the log-odds, so that they are right on average over the sets kept out, all counting the same."""
    odds = np.array([o.max() for o in odds_of(networks, kept_out)])
    truth = np.array([e.answerable for e in kept_out])
    shifts = np.linspace(-4, 4, 161)
    names = np.array([e.of_set for e in kept_out])
    weight = np.array([1 / (names == name).sum() for name in names])
    losses = [float(weight @ np.logaddexp(0, -(2 * truth - 1) * (odds + shift))) for shift in shifts]
    shift = float(shifts[int(np.argmin(losses))])
    print(f"log-odds are shifted by {shift:+.2f}")
    return shift


def write(members: Sequence[Network], mean: np.ndarray, components: np.ndarray, shift: float, file: Path) -> None:
    """Write the weights as 16-bit floats, with the principal components taken into the first of them."""
    weights = {}
    for number, member in enumerate(members):
        of_member = {name: value.detach().clone() for name, value in member.state_dict().items()}
        of_member["states.weight"] = of_member["states.weight"] @ torch.from_numpy(components).T
        of_member["states.bias"] -= of_member["states.weight"] @ torch.from_numpy(mean)
        of_member["linear.bias"] += shift
        del of_member["scale.num_batches_tracked"]
        for name, value in of_member.items():
            exact = name.startswith("scale.")
            weights[f"members.{number}.{name}"] = (value if exact else value.half()).contiguous()
    save_file(weights, file)


if __name__ == "__main__":
    main()

"""The examiner's network: the embedded model itself, taught to read a question and a passage together.

The two go through the model's layers as one text, question first, as cross-encoders do it (Nogueira and Cho 2019), so
that every layer compares them, and each sentence is read in what stands around it. What was learnt is kept small: for
each matrix of the model a difference of rank `RANK` (LoRA; Hu et al. 2021), which is added to it when the network is
put together, then the norms, and what the marks of a token (`rag.examiner`) add to it. What a sentence holds is pooled
by attention, and beside it stands how much its tokens look like an answer; a second, small part adds what the signals
of ranking and deciding say. The output is one number for each sentence: above 0 it is more likely than not that the
sentence answers the question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 384
HEADS = 12
INNER = 1536
DEPTH = 6
RANK = 32
LEARNT = 2.0
"""What the learnt differences are multiplied by."""
MARKS = 8
"""Of each token."""
SIGNALS = 45
"""Of each sentence."""
OPENS, ENDS = 101, 102
"""The embedded model's tokens before a text, and after each part of it."""
PADDING, OWN, ASKED, TITLE, SAID, LAST = range(6)
"""What a token is: none, one of the model's own, of the question, of the title, of the passage, the model's own after
these two.
"""
_NEVER = -1e4


class Adapted(nn.Module):
    """A matrix of the embedded model, (outputs, inputs), and what was learnt to add to it."""

    def __init__(self, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs), requires_grad=False)
        self.bias = nn.Parameter(torch.empty(outputs), requires_grad=False)
        self.a = nn.Parameter(torch.randn(RANK, inputs) / math.sqrt(inputs))
        self.b = nn.Parameter(torch.zeros(outputs, RANK))
        self.dropout = nn.Dropout(dropout)

    def forward(self, read: Tensor) -> Tensor:
        """(…, inputs) → (…, outputs)."""
        found = functional.linear(read, self.weight, self.bias)
        if self.b is None:
            return found
        return found + LEARNT * functional.linear(functional.linear(self.dropout(read), self.a), self.b)

    def merge(self) -> None:
        """Add what was learnt to the matrix, for good."""
        with torch.no_grad():
            self.weight.add_(LEARNT * self.b @ self.a)
        self.a = self.b = None  # type: ignore[assignment]


class Layer(nn.Module):
    """One layer of the embedded model (BERT's; Devlin et al. 2018)."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (Adapted(WIDTH, WIDTH, dropout) for _ in range(4))
        self.wide, self.narrow = Adapted(WIDTH, INNER, dropout), Adapted(INNER, WIDTH, dropout)
        self.attended, self.done = nn.LayerNorm(WIDTH, 1e-12), nn.LayerNorm(WIDTH, 1e-12)

    def forward(self, read: Tensor, mask: Tensor) -> Tensor:
        """`read` (n, tokens, WIDTH), and `mask` (n, 1, 1, tokens) bool, where there is a token."""
        n, tokens, _ = read.shape
        query, key, value = (
            part(read).view(n, tokens, HEADS, -1).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        read = self.attended(self.out(seen.transpose(1, 2).reshape(n, tokens, WIDTH)) + read)
        done: Tensor = self.done(self.narrow(functional.gelu(self.wide(read))) + read)
        return done


class Network(nn.Module):
    """The network over the weights `embedded` of the embedded model, under the names of its state; `dropout` is for
    training alone.
    """

    def __init__(self, embedded: Mapping[str, Tensor], dropout: float = 0.0, signal_dropout: float = 0.0) -> None:
        super().__init__()
        # Shared with the embedded model, not copied; a plain attribute, since it is neither learnt nor written.
        self._words = [embedded["embeddings.word_embeddings.weight"], embedded["embeddings.position_embeddings.weight"]]
        self.sides = nn.Parameter(embedded["embeddings.token_type_embeddings.weight"].float().clone())
        self.marks = nn.Linear(MARKS, WIDTH)
        nn.init.zeros_(self.marks.weight)
        nn.init.zeros_(self.marks.bias)
        self.embedded = nn.LayerNorm(WIDTH, 1e-12)
        _take(self.embedded, embedded, "embeddings.LayerNorm")
        self.embedded.float()
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(_layer(embedded, f"encoder.layer.{i}", dropout / 2) for i in range(DEPTH))
        self.last = nn.LayerNorm(WIDTH)
        self.answer = nn.Linear(WIDTH, 1)
        self.pool = nn.Linear(WIDTH, 1)
        self.text = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(3 * WIDTH + 2, 64), nn.GELU(), nn.Dropout(dropout), nn.Linear(64, 1)
        )
        self.scale = nn.BatchNorm1d(SIGNALS, affine=False, momentum=0.05)
        self.signals = nn.Sequential(nn.Dropout(signal_dropout), nn.Linear(SIGNALS, 24), nn.GELU(), nn.Linear(24, 1))
        self.linear = nn.Linear(SIGNALS, 1)

    def forward(
        self, ids: Tensor, marks: Tensor, kinds: Tensor, rows: Tensor, inside: Tensor, signals: Tensor
    ) -> tuple[Tensor, Tensor]:
        """How likely each of `n` sentences of `p` passages answers its question, as log-odds.

        Args:
            ids: (p, tokens) int64, of the question, title and passage with the model's own tokens around them.
            marks: (p, tokens, MARKS) float32.
            kinds: (p, tokens) int64, what each token is, PADDING to LAST.
            rows: (n,) int64, which passage each sentence stands in.
            inside: (n, tokens) bool, which of its tokens are the sentence's; at least one.
            signals: (n, SIGNALS) float32.

        Returns:
            Log-odds (n,), and those of each token to be part of an answer (p, tokens).
        """
        words, positions = self._words
        there, asked = kinds != PADDING, kinds == ASKED
        sides = functional.embedding((kinds >= TITLE).long(), self.sides)
        read = functional.embedding(ids, words) + positions[: ids.shape[1]] + sides + self.marks(marks)
        read = self.dropout(self.embedded(read)).to(words.dtype)
        for layer in self.layers:
            read = layer(read, there[:, None, None, :])
        read = self.last(read.float())
        token = self.answer(read).squeeze(-1)
        attention = self.pool(read).squeeze(-1)
        of_sentence = torch.softmax(attention[rows].masked_fill(~inside, _NEVER), 1)
        of_asked = torch.softmax(attention.masked_fill(~asked, _NEVER), 1)
        own = token[rows].masked_fill(~inside, _NEVER)
        pooled = torch.cat(
            [
                read[rows, 0],
                torch.bmm(of_sentence[:, None], read[rows]).squeeze(1),
                torch.bmm(of_asked[:, None], read).squeeze(1)[rows],
                own.max(1, keepdim=True).values,
                torch.logsumexp(own, 1, keepdim=True),
            ],
            1,
        )
        scaled = self.scale(signals).clamp(-4, 4)
        odds = self.text(pooled) + self.signals(scaled) + self.linear(scaled)
        return odds.squeeze(-1), token

    def merge(self) -> Network:
        """Add what was learnt to the embedded model's matrices: reading is faster then, and learning over."""
        for part in self.modules():
            if isinstance(part, Adapted):
                part.merge()
        return self.eval()

    def learnt(self) -> dict[str, Tensor]:
        """What a file of weights holds: everything but the embedded model's matrices."""
        theirs = {f"{name}.{of}" for name, part in self.named_modules() if isinstance(part, Adapted) for of in _MATRIX}
        return {name: value for name, value in self.state_dict().items() if name not in theirs}


_MATRIX = ("weight", "bias")


def _layer(embedded: Mapping[str, Tensor], name: str, dropout: float) -> Layer:
    layer = Layer(dropout)
    for part, theirs in (
        ("query", "attention.self.query"),
        ("key", "attention.self.key"),
        ("value", "attention.self.value"),
        ("out", "attention.output.dense"),
        ("attended", "attention.output.LayerNorm"),
        ("wide", "intermediate.dense"),
        ("narrow", "output.dense"),
        ("done", "output.LayerNorm"),
    ):
        _take(getattr(layer, part), embedded, f"{name}.{theirs}")
    return layer


def _take(part: nn.Module, embedded: Mapping[str, Tensor], name: str) -> None:
    for of in _MATRIX:
        getattr(part, of).data = embedded[f"{name}.{of}"].clone()

"""The examiner's network: a small transformer over the tokens of a question and a sentence, read together.

Each token comes as three layers of the embedded model, all learnt before and none changed here, and a few marks
(`rag.examiner`). Two encoder layers (Vaswani et al. 2017, normalised first) let the question's tokens and the
sentence's look at each other. What the sentence holds is pooled by attention, and beside it stands how much its tokens
look like an answer; a second, small part adds what the signals of ranking and deciding say. The output is one number:
above 0 it is more likely than not that the sentence answers the question.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

LAYERS = (2, 4, 6)
"""Of the embedded model, whose outputs are taken in."""
WIDTH = 128
HEADS = 4
DEPTH = 2
MARKS = 8
"""Of each token."""
SIGNALS = 45
"""Of each sentence."""
_NEVER = -1e4


class Network(nn.Module):
    """The network; `dropout` is for training alone."""

    def __init__(self, taken_in: int, dropout: float = 0.0, signal_dropout: float = 0.0) -> None:
        super().__init__()
        self.states = nn.Linear(taken_in, WIDTH)
        self.marks = nn.Linear(MARKS, WIDTH)
        self.first = nn.LayerNorm(WIDTH)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, DEPTH, enable_nested_tensor=False)
        self.last = nn.LayerNorm(WIDTH)
        self.answer = nn.Linear(WIDTH, 1)
        self.pool = nn.Linear(WIDTH, 1)
        self.text = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(2 * WIDTH + 2, 64), nn.GELU(), nn.Dropout(dropout), nn.Linear(64, 1)
        )
        self.scale = nn.BatchNorm1d(SIGNALS, affine=False, momentum=0.05)
        self.signals = nn.Sequential(nn.Dropout(signal_dropout), nn.Linear(SIGNALS, 24), nn.GELU(), nn.Linear(24, 1))
        self.linear = nn.Linear(SIGNALS, 1)

    def forward(
        self, states: Tensor, marks: Tensor, padding: Tensor, asked: Tensor, signals: Tensor
    ) -> tuple[Tensor, Tensor]:
        """How likely each of `n` sentences answers its question, as log-odds.

        Args:
            states: (n, tokens, taken_in) float32, the question's tokens before the sentence's.
            marks: (n, tokens, MARKS) float32.
            padding: (n, tokens) bool, where there is no token.
            asked: (n, tokens) bool, the question's tokens.
            signals: (n, SIGNALS) float32.

        Returns:
            Log-odds (n,), and those of each token to be part of an answer (n, tokens).
        """
        read = self.first(self.states(states) + self.marks(marks))
        read = self.last(self.encoder(self.dropout(read), src_key_padding_mask=padding).float())
        token = self.answer(read).squeeze(-1)
        attention = self.pool(read).squeeze(-1)
        said = torch.softmax(attention.masked_fill(padding | asked, _NEVER), 1)
        wanted = torch.softmax(attention.masked_fill(~asked, _NEVER), 1)
        inside = token.masked_fill(padding | asked, _NEVER)
        pooled = torch.cat(
            [
                (said[..., None] * read).sum(1),
                (wanted[..., None] * read).sum(1),
                inside.max(1, keepdim=True).values,
                torch.logsumexp(inside, 1, keepdim=True),
            ],
            1,
        )
        scaled = self.scale(signals).clamp(-4, 4)
        odds = self.text(pooled) + self.signals(scaled) + self.linear(scaled)
        return odds.squeeze(-1), token


class Networks(nn.Module):
    """Several networks, trained differently: what they say together is the mean of their log-odds."""

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, states: Tensor, marks: Tensor, padding: Tensor, asked: Tensor, signals: Tensor) -> Tensor:
        """Log-odds (n,); takes what a network takes."""
        return torch.stack([member(states, marks, padding, asked, signals)[0] for member in self.members]).mean(0)

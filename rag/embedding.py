"""The embedding model: loaded once per process, on the best device and precision it finds.

On CPUs with native bf16 instructions its weights are bf16 (twice the passages per second at a cosine of 0.9999 to
fp32), on other CPUs fp32, fp16 on a GPU. `rag.models` loads it; on a CPU the forward pass of a BERT is our own
(`rag.forward`).
"""

from __future__ import annotations

import math
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rag.forward import TOKENS_AT_ONCE
from rag.models import Model, load_model
from rag.settings import Settings

BATCH = 64
"""Texts that sentence-transformers reads at once; they are sorted by length first, so that little of it is padding."""

STEP = 8
"""Texts are padded to multiples of so many tokens."""

REMEMBERED = 8
"""Texts read alone, of which what was read is kept."""


@dataclass(frozen=True)
class TokenVectors:
    """The model's output for each token of a text, special tokens left out; each vector knows the text around it."""

    spans: np.ndarray
    """(n, 2) int32: where each token stands in the text."""
    ids: np.ndarray
    """(n,) int32: which of the model's tokens it is."""
    vectors: np.ndarray
    """(n, dim) float32, rows of unit length."""


class _Read(NamedTuple):
    """Some texts as the model has read them."""

    rows: list[int]
    """Which of the texts."""
    encodings: list[Any]
    """The tokenizer's of each."""
    states: Any
    """(n, longest, dim) tensor: what the last layer says of each token."""
    mask: Any
    """(n, longest) bool tensor: where there is a token."""


class Embedder:
    """A model with what the index must remember of it.

    Attributes:
        name: as the settings name it.
        dim: length of its vectors.
        max_tokens: the longest text it reads, special tokens included.
        fingerprint: names weights, tokenizer and precision; equal fingerprints give equal vectors (bar rounding).
        device: cpu, cuda or mps.
        precision: fp32, bf16 or fp16.
        weights: of its transformer, under the names that transformers gives them.
    """

    def __init__(self, model: Model, name: str, device: str, precision: str) -> None:
        self.name = name
        self.fingerprint = f"{name}@{model.digest}/{precision}"
        self.device = device
        self.precision = precision
        self.dim = model.dim
        self.max_tokens = model.max_tokens
        self.weights = model.weights
        self._model = model
        self._lock = threading.Lock()
        self._lately: dict[str, _Read] = {}

    @classmethod
    def load(cls, settings: Settings | None = None) -> Embedder:
        """The model that `settings` name; the same object for the same settings within a process.

        Raises:
            RagError: the weights are not the published ones, or there is no such model.
        """
        settings = settings or Settings()
        with _loading:
            return _load(settings.model, settings.device, settings.precision)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the special ones."""
        if not texts:
            return []
        encodings = self._model.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def tokens(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Which tokens `text` has, (n,) int32, and where each stands in it, (n, 2) int32; special ones left out."""
        encoding = self._model.tokenizer.encode(text, add_special_tokens=False)
        return np.array(encoding.ids, dtype=np.int32), np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Unit vectors of `texts`, (len(texts), dim) float32; `progress` is told the size of each batch done."""
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for rows, found in self._encoded(texts):
            vectors[rows] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
            if progress:
                progress(len(rows))
        return vectors

    def token_vectors(self, texts: Sequence[str]) -> list[TokenVectors]:
        """One vector for each token of each text; what is beyond `max_tokens` is left out."""
        found: list[TokenVectors | None] = [None] * len(texts)
        for read in self._read(texts):
            states = read.states.float().cpu().numpy()
            for i, of_text, encoding in zip(read.rows, states, read.encodings, strict=True):
                places = self._places(encoding)
                told = [n for n, place in enumerate(places) if not encoding.special_tokens_mask[place]]
                spans = np.array([encoding.offsets[places[n]] for n in told], dtype=np.int32).reshape(-1, 2)
                ids = np.array([encoding.ids[places[n]] for n in told], dtype=np.int32)
                vectors = of_text[told]
                vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
                found[i] = TokenVectors(spans, ids, vectors)
        return [item for item in found if item is not None]

    def _encoded(self, texts: Sequence[str]) -> Iterator[tuple[list[int], np.ndarray]]:
        """Vectors of some of `texts` at a time, (n, dim) float32, and which."""
        import torch

        if self._model.encode is None:
            for read in self._read(texts):
                with torch.inference_mode():
                    yield read.rows, self._model.pooled(read.states.float(), read.mask).cpu().numpy()
            return
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            with self._lock:
                batch = self._model.encode([texts[i] for i in rows])
            yield rows, batch.float().cpu().numpy()

    def _read(self, texts: Sequence[str]) -> Iterator[_Read]:
        """What the model says of the tokens of `texts`, some of similar length at a time."""
        import torch

        if len(texts) == 1 and texts[0] in self._lately:
            yield self._lately[texts[0]]
            return
        encodings = self._model.tokenizer.encode_batch(list(texts))
        lengths = [min(len(encoding.ids), self.max_tokens) for encoding in encodings]
        order = sorted(range(len(texts)), key=lambda i: -lengths[i])
        while order:
            # A shape that was not there before costs preparing, so there are few of them.
            longest = min(math.ceil(lengths[order[0]] / STEP) * STEP, self.max_tokens)
            rows = order[: max(1, TOKENS_AT_ONCE // longest)]
            order = order[len(rows) :]
            ids = np.zeros((len(rows), longest), dtype=np.int64)
            for row, i in enumerate(rows):
                ids[row, : lengths[i]] = [encodings[i].ids[place] for place in self._places(encodings[i])]
            counts = torch.tensor([lengths[i] for i in rows], device=self.device)
            read_ids = torch.from_numpy(ids).to(self.device)
            mask = torch.arange(ids.shape[1], device=self.device)[None, :] < counts[:, None]
            with self._lock, torch.inference_mode():
                states = self._model.states(read_ids, counts)
            read = _Read(rows, [encodings[i] for i in rows], states, mask)
            if len(texts) == 1:
                self._remember(texts[0], read)
            yield read

    def _places(self, encoding: Any) -> Sequence[int]:
        """Which tokens of a text are read: too long ones are cut before the special tokens at the end."""
        count, special = len(encoding.ids), encoding.special_tokens_mask
        if count <= self.max_tokens:
            return range(count)
        ends = next((n for n in range(count) if not special[count - 1 - n]), count)
        return [*range(self.max_tokens - ends), *range(count - ends, count)]

    def _remember(self, text: str, read: _Read) -> None:
        """A question is asked for its vector and then for those of its tokens."""
        lately = {**self._lately, text: read}
        self._lately = dict(list(lately.items())[-REMEMBERED:])


_loading = threading.Lock()


@lru_cache(maxsize=2)
def _load(name: str, device: str, precision: str) -> Embedder:
    import torch

    device = _best_device() if device == "auto" else device
    precision = _best_precision(device) if precision == "auto" else precision
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    return Embedder(load_model(name, device, dtype), name, device, precision)


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _best_precision(device: str) -> str:
    if device != "cpu":
        return "fp16"
    return "bf16" if _cpu_has_bf16() else "fp32"


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 natively; emulated it would be slower than fp32."""
    if platform.system() == "Linux":
        try:
            info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        except OSError:
            return False
        flags = next((line for line in info.splitlines() if line.startswith(("flags", "Features"))), "").split()
        return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags))
    return False

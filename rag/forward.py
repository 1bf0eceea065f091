"""The forward pass of BERT models on a CPU, in fewer and larger steps than transformers takes.

It computes what transformers' BertModel does (Devlin et al. 2019), from the same weights:

- query, key and value of a layer are one matrix product;
- a product takes its bias, the GELU or the sum with the layer's input along, and its weights lie as oneDNN wants them.
  It is oneDNN's in fp32, too, where PyTorch itself takes MKL's, which is half as fast on CPUs of other makers;
- in bf16 the softmax of attention is an exponential, whose sum comes out of the product with the values as one more
  column. Its argument isn't shifted but held within `WIDEST`, which trained models come nowhere near.

A build embeds about twice as many passages per second by it, and more in fp32 (benchmarks/README.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

TOKENS_AT_ONCE = 2400
"""Most that are worth reading at once: what is between two of the steps then fits into the caches."""
WIDEST = 60.0
"""Attention scores beyond it, either way, are taken for it: the sum of 512 exponentials is still a number."""


@dataclass(frozen=True)
class _Layer:
    """Weights of a layer, each with its bias; those of products as oneDNN wants them."""

    asking: tuple[Tensor, Tensor]
    """Query, key and value below each other; the query's divided by the root of a head's width."""
    out: tuple[Tensor, Tensor]
    out_norm: tuple[Tensor, Tensor]
    wide: tuple[Tensor, Tensor]
    narrow: tuple[Tensor, Tensor]
    narrow_norm: tuple[Tensor, Tensor]


class Bert:
    """The encoder of a model; safe to call from several threads."""

    def __init__(self, weights: Mapping[str, Tensor], heads: int, epsilon: float) -> None:
        """The encoder with `weights` under the names that transformers' BertModel gives them, `heads` to a layer, and
        `epsilon` of its norms.
        """
        self._heads = heads
        self._epsilon = epsilon
        self._words = weights["embeddings.word_embeddings.weight"]
        # All of a text is of the first type.
        types = weights["embeddings.token_type_embeddings.weight"]
        self._places = weights["embeddings.position_embeddings.weight"] + types[0]
        self._norm = _both(weights, "embeddings.LayerNorm")
        depth = sum(name.endswith("attention.self.query.weight") for name in weights)
        self._layers = [_layer(weights, f"encoder.layer.{i}", heads) for i in range(depth)]

    @classmethod
    def of(cls, model: SentenceTransformer) -> Bert | None:
        """The encoder of `model`; None where it isn't a BERT on a CPU that this works with."""
        inner: Any = getattr(model[0], "auto_model", None)
        config: Any = getattr(inner, "config", None)
        same = (
            type(inner).__name__ == "BertModel"
            and config.hidden_act == "gelu"
            and not config.is_decoder
            and getattr(config, "position_embedding_type", "absolute") == "absolute"
            # What is put before every text changes how it is pooled.
            and not model.default_prompt_name
            and inner.device.type == "cpu"
            and cls.works_with(inner.dtype)
        )
        return cls(inner.state_dict(), config.num_attention_heads, config.layer_norm_eps) if same else None

    @staticmethod
    def works_with(dtype: torch.dtype) -> bool:
        """Whether PyTorch has what it takes here: oneDNN, for fp32 and bf16."""
        import torch

        onednn: Any = torch.backends.mkldnn
        there = onednn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        return there and dtype in (torch.float32, torch.bfloat16)

    def __call__(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """What the last layer says of each token.

        Args:
            ids: (n, longest) int64, of tokens; what is beyond a text's length does not count.
            lengths: (n,) int64.

        Returns:
            (n, longest, dim), in the precision of the weights; without meaning beyond a text's length.
        """
        import torch
        from torch.nn.functional import layer_norm

        count, longest = ids.shape
        width = (self._words.shape[1],)
        inside = None
        if int(lengths.min()) < longest:
            inside = torch.arange(longest)[None, :] < lengths[:, None]
        states = layer_norm(self._words[ids] + self._places[:longest], width, *self._norm, self._epsilon)
        states = states.view(count * longest, -1)
        for layer in self._layers:
            asked = _product(states, *layer.asking).view(count, longest, 3, self._heads, -1)
            query, key, value = asked.permute(2, 0, 3, 1, 4)
            said = _attention(query, key, value, inside).reshape(count * longest, -1)
            states = layer_norm(_product_added(said, states, *layer.out), width, *layer.out_norm, self._epsilon)
            widened = _product(states, *layer.wide, "gelu")
            states = layer_norm(
                _product_added(widened, states, *layer.narrow), width, *layer.narrow_norm, self._epsilon
            )
        return states.view(count, longest, -1)


def _attention(query: Tensor, key: Tensor, value: Tensor, inside: Tensor | None) -> Tensor:
    """(n, longest, heads, width) of a head; takes (n, heads, longest, width) each, and (n, longest) bool or None."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    if query.dtype != torch.bfloat16:
        mask = None if inside is None else inside[:, None, None, :]
        return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0).transpose(1, 2)
    weights = torch.matmul(query, key.transpose(-1, -2)).clamp_(-WIDEST, WIDEST).exp_()
    counted = torch.nn.functional.pad(value, (0, 1), value=1.0)
    if inside is not None:
        counted *= inside[:, None, :, None]
    summed = torch.matmul(weights, counted)
    return (summed[..., :-1] / summed[..., -1:]).transpose(1, 2)


def _product(states: Tensor, weight: Tensor, bias: Tensor, then: str = "none") -> Tensor:
    import torch

    # Of the ways to compute GELU it is the exact one that has no name.
    found: Tensor = torch.ops.mkldnn._linear_pointwise(states, weight, bias, then, [], "none")
    return found


def _product_added(states: Tensor, to: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    import torch

    found: Tensor = torch.ops.mkldnn._linear_pointwise.binary(states, to, weight, bias, "add")
    return found


def _layer(weights: Mapping[str, Tensor], name: str, heads: int) -> _Layer:
    import torch

    parts = [_both(weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
    scale = (parts[0][0].shape[0] // heads) ** -0.5
    parts[0] = (parts[0][0] * scale, parts[0][1] * scale)
    return _Layer(
        asking=_packed(torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts])),
        out=_packed(*_both(weights, f"{name}.attention.output.dense")),
        out_norm=_both(weights, f"{name}.attention.output.LayerNorm"),
        wide=_packed(*_both(weights, f"{name}.intermediate.dense")),
        narrow=_packed(*_both(weights, f"{name}.output.dense")),
        narrow_norm=_both(weights, f"{name}.output.LayerNorm"),
    )


def _packed(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    import torch

    return torch.ops.mkldnn._reorder_linear_weight(weight, TOKENS_AT_ONCE), bias


def _both(weights: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    return weights[f"{name}.weight"].detach(), weights[f"{name}.bias"].detach()

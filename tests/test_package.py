"""What `import rag` offers, and what it costs."""

import json
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

import rag
from rag.errors import RagError
from rag.settings import Settings
from rag.signals import PASSAGE_SIGNALS, SENTENCE_SIGNALS
from rag.weights import FILE

ROOT = Path(__file__).parent.parent


def test_every_public_name_is_there():
    for name in rag.__all__:
        assert getattr(rag, name) is not None
    with pytest.raises(AttributeError):
        _ = rag.nothing


def test_import_is_cheap():
    code = "import sys, rag; print({'torch', 'faiss', 'tantivy', 'gradio', 'transformers'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_versions_are_constrained_without_addresses():
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    pinned = {line.split("==")[0] for line in text.splitlines() if "==" in line}
    for requirement in requires("rag"):
        name = re.match(r"[\w.-]+", requirement).group().lower().replace("_", "-")
        assert name in {*pinned, "rag"}, name


def test_weights_name_every_signal():
    values = json.loads(FILE.read_text())
    assert set(values["passage"]) == {*PASSAGE_SIGNALS, "bias"}
    assert set(values["sentence"]) == {*SENTENCE_SIGNALS, "passage"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"port": "many"}, "it must be a whole number"),
        ({"port": 70_000}, "it must be 0 to 65535"),
        ({"answer_threshold": "2"}, "it must be 0 to 1"),
        ({"precision": "fp8"}, "it must be auto or bf16 or fp16 or fp32"),
        ({"indx": "x"}, "did you mean 'index'"),
    ],
)
def test_wrong_settings_are_said(values, said):
    with pytest.raises(RagError, match=said):
        Settings.load("/nonexistent/rag.toml", {}, **values)


def test_flags_win_over_environment_over_file(tmp_path):
    (tmp_path / "rag.toml").write_text('port = 1\nhost = "a"\nindex = "x"\n')
    settings = Settings.load(tmp_path / "rag.toml", {"RAG_PORT": "2", "RAG_HOST": "b", "OTHER": "y"}, port=3)
    assert (settings.port, settings.host, settings.index) == (3, "b", "x")

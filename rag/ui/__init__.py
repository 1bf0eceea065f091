"""The browser page."""

from rag.ui.serving import serve

__all__ = ["serve"]

"""Vector search by FAISS over unit vectors, kept as 16-bit floats.

Up to `EXACT_UP_TO` vectors every one is compared (a flat index: exact, fast enough, no training). Above, vectors are
put into cells by k-means and only the cells nearest to the query are searched (an inverted file; Sivic and Zisserman
2003); how many cells is measured after training, as the fewest that find `RECALL` of the true ten nearest neighbours
of sample vectors. Vectors are stored as they are in both, not as differences from a centre, so that reading one back
and storing it again changes nothing. Files are memory-mapped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import IndexDamaged

if TYPE_CHECKING:
    import faiss as faiss_module

EXACT_UP_TO = 200_000
RECALL = 0.99
FEW = 20_000
"""Up to so many allowed rows are compared one by one."""
_BLOCK = 16_384

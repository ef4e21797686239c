"""Wrong variants by the words that the diagnosis prints.

Each is (case, perturbations) -> (n, p) or None where it does not apply, computed from the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metainfl.oracle.case import Case
from metainfl.problem.perturbation import Perturbation

Array = np.ndarray
Variant = Callable[[Case, Sequence[Perturbation]], Array | None]
VARIANTS: dict[str, Variant] = {}


def variant(words: str) -> Callable[[Variant], Variant]:
    """Register a variant under the words that describe it."""

    def add(f: Variant) -> Variant:
        VARIANTS[words] = f
        return f

    return add

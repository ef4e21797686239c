"""Asserts that say by how much."""

import numpy as np

from metainfl.oracle import small_case
from metainfl_reference.families import FAMILIES

NAMES = sorted(FAMILIES)
SINGLE = [n for n in NAMES if n.startswith("single")]
ADAPTED = [n for n in NAMES if not n.startswith("single")]
QUADRATIC = [n for n in NAMES if small_case(n).family.quadratic]
WITH_DIRECT = ["proximal_ridge", "proximal_softmax", "maml_linear", "maml_softmax"]


def relative(a, b):
    """Largest entry of a - b over the largest entry of b (max norms, whole arrays)."""
    a, b = np.asarray(a), np.asarray(b)
    scale = np.abs(b).max()
    return float(np.abs(a - b).max() / scale) if scale > 0 else float(np.abs(a).max())


def assert_close(a, b, tolerance, what=""):
    error = relative(a, b)
    assert np.shape(a) == np.shape(b), f"{what}: shapes {np.shape(a)} and {np.shape(b)}"
    assert error <= tolerance, f"{what}: relative error {error:.3g} exceeds {tolerance:.3g}"

"""Named wrong variants: what an answer may look like when it is not the truth."""

from metainfl.oracle.variants import adaptation, curvature, answers  # isort: skip
from metainfl.oracle.variants.registry import VARIANTS, Variant

__all__ = ["VARIANTS", "Variant", "adaptation", "answers", "curvature"]

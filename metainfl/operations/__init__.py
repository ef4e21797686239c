"""Operations of torch that cannot be differentiated three times as they are, put right.

The total Hessian through a gradient step takes three derivatives of the model. Within
`exact_derivatives`, normalisation, attention and recurrent layers are computed by the formulas of this
folder, whatever module or function calls them, and random draws are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.overrides import TorchFunctionMode

from metainfl.operations.attention import ATTENTION
from metainfl.operations.distances import DISTANCES
from metainfl.operations.embedding import EMBEDDING
from metainfl.operations.normalisation import NORMALISATION
from metainfl.operations.randomness import RANDOM
from metainfl.operations.recurrent import RECURRENT

INSTEAD: dict[Any, Callable[..., Any]] = {
    **NORMALISATION,
    **ATTENTION,
    **RECURRENT,
    **DISTANCES,
    **EMBEDDING,
    **RANDOM,
}


class exact_derivatives(TorchFunctionMode):
    """A context in which models run."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Look the operation up; everything else is left alone."""
        return INSTEAD.get(func, func)(*args, **(kwargs or {}))

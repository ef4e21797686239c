"""Parametrised weights that torch remembers: those of an earlier call would stand in for theta."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize

from metainfl.errors import InvalidProblem


def require_uncached(module: nn.Module) -> None:
    """`InvalidProblem` within torch.nn.utils.parametrize.cached(), where the module's weights would be those
    that the first call computed. A module whose own forward enters it and leaves it again is as it should be.
    """
    if not getattr(parametrize, "_cache_enabled", 0):
        return
    name = next((n for n, m in module.named_modules() if parametrize.is_parametrized(m)), None)
    if name is not None:
        raise InvalidProblem(
            f"torch.nn.utils.parametrize.cached() is on, in which layer {name!r} keeps the weights of its "
            "first call, whatever its parameters are: leave it for this call; inside of forward it is right"
        )

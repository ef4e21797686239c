"""Which tensor a model means where it returns more than one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem

#: an index, a key, the name of an attribute, or a function of what the model returns
Output = int | str | Callable[[Any], Any]
HALF = (torch.float16, torch.bfloat16)


def select(returned: Any, output: Output | None) -> Tensor:
    """The model's outputs (n, ...), taken from what it returned.

    A tensor is taken as it is where `output` is None; a tuple or list by an index, a mapping by a key, a
    dataclass or named tuple by an attribute's name, anything by a function. Raises `InvalidProblem` where
    that gives no tensor.
    """
    found = returned
    if output is not None:
        try:
            if callable(output):
                found = output(returned)
            elif isinstance(output, str) and not isinstance(returned, Mapping):
                found = getattr(returned, output)
            else:
                found = returned[output]
        except (LookupError, AttributeError, TypeError) as error:
            raise InvalidProblem(
                f"the model returned {described(returned)}, in which output={output!r} is nowhere"
            ) from error
    if not isinstance(found, Tensor):
        raise InvalidProblem(
            f"the model must return one tensor, it returned {described(found)}; say which part is meant: "
            "metainfl.FromModule(module, output=0), output='logits', or output=lambda returned: ..."
        )
    if found.dtype in HALF:
        raise InvalidProblem(
            f"the model returned {found.dtype}, in which second derivatives are rounding: compute them in "
            "the precision of its parameters, float32 or float64"
        )
    return found


def described(value: Any) -> str:
    """`a tuple of (4, 5), (4, 8)`: enough to see which part is meant."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    name = f"a {type(value).__name__}"
    if isinstance(value, Mapping):
        return f"{name} with keys {', '.join(repr(k) for k in value)}"
    if isinstance(value, (tuple, list)):
        parts = (str(tuple(v.shape)) if isinstance(v, Tensor) else type(v).__name__ for v in value)
        return f"{name} of {', '.join(parts)}"
    names = ", ".join(vars(value)) if hasattr(value, "__dict__") else ""
    return f"{name} with attributes {names}" if names else name

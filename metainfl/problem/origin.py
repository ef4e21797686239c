"""The module that a model was copied from, and what still reads it.

A copy has parameters of its own, but functions that a module holds (closures, hooks, a patched forward) and
losses are not copied: they reach the first module's parameters, which nothing differentiates. Such a
reading is found where it happens, in the operations of a forward pass.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from metainfl.errors import InvalidProblem

VALUES = ("item", "tolist", "numpy", "__float__", "__int__", "__bool__", "__array__")


class Origin:
    """Trainable parameters of modules that a model has copied, and of its own copies: a call lends the copy
    other tensors in their place. A pickle of this knows none.
    """

    def __init__(self, *modules: nn.Module) -> None:
        named = [pair for m in modules for pair in m.named_parameters(remove_duplicate=False)]
        self._own = {id(p): (weakref.ref(p), n) for n, p in named if p.requires_grad}

    def also(self, module: nn.Module) -> Origin:
        """The same with those of another module."""
        other = Origin(module)
        other._own = self._own | other._own
        return other

    def __getstate__(self) -> tuple[()]:
        """Nothing that a digest should see."""
        return ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Origin:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Origin, ()

    def known(self) -> dict[int, object]:
        """Those that there still are, by id."""
        found = {i: ref() for i, (ref, _) in self._own.items()}
        return {i: p for i, p in found.items() if p is not None}

    def name(self, thing: Any) -> str | None:
        """The name under which it was a parameter, if it was one."""
        found = self._own.get(id(thing))
        return found[1] if found is not None and found[0]() is thing else None

    def watch(self, func: Any, args: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        """Raises `InvalidProblem` where an operation reads the value of such a parameter."""
        name = next((n for t in flat((*args, *named.values())) if (n := self.name(t))), None)
        if name is None or not of_values(func, result):
            return
        raise InvalidProblem(
            f"parameter {name!r} of the module that was given as model is read past the model (by a closure, "
            "a hook, a stored function, a global name or a loss), where it would count as a constant: let "
            "what reads it reach it through self, or through the module that a hook is given; where a "
            "constant is meant, give it a copy (tensor.detach().clone())"
        )


def of_values(func: Any, result: Any) -> bool:
    """Whether the result depends on values: not a shape, nor an empty tensor of the same kind."""
    called = str(getattr(func, "__name__", ""))
    if called.startswith("new_") or called.endswith("_like"):
        return False
    return called in VALUES or any(isinstance(t, Tensor) for t in flat((result,)))


def flat(things: tuple[Any, ...]) -> Iterator[Any]:
    """The things, and those in lists and tuples among them."""
    for thing in things:
        if isinstance(thing, (list, tuple)):
            yield from thing
        else:
            yield thing

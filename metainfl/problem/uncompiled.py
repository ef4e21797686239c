"""What `torch.compile` was given, in place of what it made: the same function, its operations to be seen."""

from __future__ import annotations

from typing import Any

from torch import nn


class AsItWas(nn.Module):
    """In the place of a compiled layer, and under its names: the layer before it was compiled."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._orig_mod, self.training = module, module.training

    def forward(self, *args: Any, **named: Any) -> Any:
        """As the layer has it."""
        return self._orig_mod(*args, **named)

    def __getattr__(self, name: str) -> Any:
        """The layer's, as a compiled one has them too."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            own = vars(self).get("_modules", {}).get("_orig_mod")
            if own is None:
                raise
            return getattr(own, name)


def uncompiled(f: Any) -> Any:
    """A function or a module as it was before `torch.compile`; anything else as it is."""
    if isinstance(f, AsItWas):
        return f
    own = getattr(f, "_orig_mod", None)
    return own if isinstance(own, nn.Module) else getattr(f, "_torchdynamo_orig_callable", f)


def run_uncompiled(module: nn.Module) -> None:
    """Compiled layers of a module, and functions that it holds, run as they were; names stay.

    Compiled anew within a transform of `torch.func` they fail, or hide which operations they call.
    """
    placed: dict[int, AsItWas] = {}
    for m in module.modules():
        for name, value in vars(m).items():
            if callable(value):
                vars(m)[name] = uncompiled(value)
        for name, layer in m._modules.items():
            own = uncompiled(layer)
            if own is not layer:
                m._modules[name] = placed.setdefault(id(layer), AsItWas(own))

"""A model as a chain of linear layers: what goes into each, and the gradient at what comes out.

Kronecker factors need both, instance by instance. Inputs are recorded by forward hooks; gradients at
the outputs are derivatives in offsets (zero) that the hooks add, so that `torch.func` can batch them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from metainfl.errors import InvalidProblem
from metainfl.kronecker.read_alone import MOST, require_read_alone
from metainfl.problem.model import FromModule, Linear, Model


class LinearLayers:
    """The linear layers of a model. `places[l]` (in, out) says where weight (a, b) stands in theta;
    a bias is the weight of one more input, which is always 1.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.modules: list[nn.Linear] = []
        self.places: list[Tensor] = []
        if isinstance(model, Linear):
            self.places.append(torch.arange(model.n_params, device="cpu").reshape(model.d, model.c))
        elif isinstance(model, FromModule):
            self._read(model)
        else:
            raise InvalidProblem(
                f"Kronecker factors need Linear or a torch module, got {type(model).__name__}"
            )

    def _read(self, model: FromModule) -> None:
        where, start = {}, 0
        for name, shape in model.shapes.items():
            where[name] = torch.arange(start, start + shape.numel(), device="cpu").reshape(shape)
            start += shape.numel()
        for name, module in model.module.named_modules():
            prefix = f"{name}." if name else ""
            if not isinstance(module, nn.Linear):
                continue
            if f"{prefix}weight" not in where:
                if module.weight.requires_grad:
                    raise InvalidProblem(
                        f"linear layer {name!r} shares its weight with another; Kronecker factors are of "
                        "layers that are used once: take curvature=metainfl.curvature.gauss_newton"
                    )
                continue
            place = where.pop(f"{prefix}weight").T
            if f"{prefix}bias" in where:
                place = torch.cat([place, where.pop(f"{prefix}bias")[None]])
            self.modules.append(module)
            self.places.append(place)
        if where:
            raise InvalidProblem(
                f"Kronecker factors are written for linear layers; {sorted(where)[0]!r} is no weight "
                "of one (or a bias whose weight is frozen)"
            )

    def width(self, theta: Tensor, x: Tensor) -> int:
        """How many outputs the model has, which need not be those of any one layer.

        `InvalidProblem` where they hang on theta in other ways than through these layers.
        """
        outputs = self.model(theta.detach(), x[:1])
        if outputs.ndim != 2:
            raise InvalidProblem(
                f"Kronecker factors are of models with outputs (n, c); this one returned "
                f"{tuple(outputs.shape)} for one instance"
            )
        if self.modules:
            some = x[:MOST]
            require_read_alone(self.run, self.places, self.offsets(some), theta, some)
        return outputs.shape[1]

    def offsets(self, x: Tensor) -> list[Tensor]:
        """Zeros to add to each layer's outputs on x (n, ...)."""
        return [x.new_zeros(len(x), p.shape[1]) for p in self.places]

    def run(
        self, theta: Tensor, x: Tensor, offsets: Sequence[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Outputs (n, c), and the inputs (n, in) of each layer with the 1 of its bias."""
        if not self.modules:
            return self.model(theta, x) + offsets[0], [x]
        seen: dict[int, Tensor] = {}

        def hook(number: int) -> object:
            def record(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
                if inputs[0].ndim != 2:
                    raise InvalidProblem("a linear layer sees more than one row an instance")
                if number in seen:
                    raise InvalidProblem(
                        "a linear layer is used twice in the model; Kronecker factors are of layers that "
                        "are used once: take curvature=metainfl.curvature.gauss_newton"
                    )
                seen[number] = inputs[0]
                return output + offsets[number]

            return record

        handles = [m.register_forward_hook(hook(i)) for i, m in enumerate(self.modules)]  # type: ignore[arg-type]
        try:
            outputs = self.model(theta, x)
        finally:
            for h in handles:
                h.remove()
        inputs = []
        for i, place in enumerate(self.places):
            if i not in seen:
                raise InvalidProblem(
                    f"linear layer {i} of the model is not called as a module (it is unused, or applied by "
                    "hand): Kronecker factors read what goes into it; take "
                    "curvature=metainfl.curvature.gauss_newton"
                )
            a = seen[i]
            inputs.append(
                a if len(place) == a.shape[1] else torch.cat([a, torch.ones_like(a[:, :1])], 1)
            )
        return outputs, inputs

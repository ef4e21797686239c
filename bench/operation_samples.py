"""torch's own samples of every operation and layer, each as a model whose parameters move its inputs.

outputs(theta, x) = op(base + B theta + s x),  B and s fixed, theta (3,)
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

import metainfl as mi
from metainfl.errors import NotFinite

D = torch.float64
P = 3  # parameters
#: differences of what is rounded to a lower precision show its rounding; jiterator needs a GPU
NOT_TAKEN = ("bfloat16", "half", "float", "cfloat", "chalf", "jiterator_unary", "jiterator_binary")
#: parameters move the first input and data the others, or the other way round
SPLITS = ("first", "others")
LARGEST = 4096  # numbers in and out of a sample


@dataclass
class Operation:
    """A function of a list of differentiable tensors, and where it is taken."""

    base: list[Tensor]
    call: Callable[[list[Tensor]], Any]


class Moved:
    """The model above: a `Model` of P parameters."""

    def __init__(self, operation: Operation, who: str, scale: float) -> None:
        g = torch.Generator().manual_seed(0)
        self.operation, self.n_params = operation, P
        self.sizes = [t.numel() for t in operation.base]
        self.width = sum(self.sizes)
        self.flat = torch.cat([t.reshape(-1) for t in operation.base])
        self.into = scale * torch.randn(self.width, P, dtype=D, generator=g)
        self.seen = torch.full((self.width,), scale / 6, dtype=D)
        first = torch.arange(self.width) < self.sizes[0]
        if who != "all":  # a batching rule meets what is batched in some of its inputs only
            self.into[~first if who == "first" else first] = 0
            self.seen[first if who == "first" else ~first] = 0

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """One row of all outputs (1, c)."""
        moved = self.flat + self.into @ theta + self.seen * x[0]
        parts = moved.split(self.sizes)
        out = self.operation.call(
            [t.reshape(b.shape) for t, b in zip(parts, self.operation.base, strict=True)]
        )
        found = [
            real(t)
            for t in tree_leaves(out)
            if isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex())
        ]
        if not found:
            raise NotImplementedError("no output that is a number")
        return torch.cat(found)[None]


def real(t: Tensor) -> Tensor:
    """(c,)."""
    return (torch.view_as_real(t.resolve_conj()) if t.dtype.is_complex else t).reshape(-1)


def spread(samples: list[Any], most: int) -> list[Any]:
    """The first, the last and those between."""
    if len(samples) <= most:
        return samples
    return [samples[round(i * (len(samples) - 1) / max(most - 1, 1))] for i in range(most)]


def operations() -> dict[str, Callable[[int], Iterator[Operation]]]:
    """Every entry of torch's two databases that has a derivative, by name."""
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db

    found: dict[str, Callable[[int], Iterator[Operation]]] = {}
    for op in op_db:
        if op.supports_autograd and D in op.dtypes and op.name not in NOT_TAKEN:
            found[op.full_name] = lambda most, op=op: of_operation(op, most)
    for info in module_db:
        found[info.name] = lambda most, info=info: of_module(info, most)
    return found


def of_operation(op: Any, most: int) -> Iterator[Operation]:
    """Samples of one function; its differentiable tensors are those that the sample marks."""
    samples = []
    for s in op.sample_inputs("cpu", D, requires_grad=True):
        leaves, spec = tree_flatten((s.input, s.args, s.kwargs))
        at = [
            i
            for i, t in enumerate(leaves)
            if isinstance(t, Tensor) and t.requires_grad and t.dtype == D
        ]
        count = sum(leaves[i].numel() for i in at)
        if (
            at
            and 0 < count <= LARGEST
            and all(t.layout == torch.strided for t in leaves if isinstance(t, Tensor))
        ):
            samples.append((s, leaves, spec, at))
    for s, leaves, spec, at in spread(samples, most):

        def call(tensors: list[Tensor], s=s, leaves=leaves, spec=spec, at=at) -> Any:
            own = list(leaves)
            for i, t in zip(at, tensors, strict=True):
                own[i] = t
            first, args, kwargs = tree_unflatten(own, spec)
            out = op.gradcheck_wrapper(op.op, first, *args, **kwargs)
            return s.output_process_fn_grad(out)

        yield Operation([leaves[i].detach().clone() for i in at], call)


def of_module(info: Any, most: int) -> Iterator[Operation]:
    """A layer with its parameters and inputs as differentiable tensors, in training and evaluation."""
    modes = (True, False) if info.train_and_eval_differ else (False,)
    for training in modes:
        inputs = info.module_inputs_func(info, "cpu", D, True, training)
        for m in spread([i for i in inputs if i.forward_input is not None], most):
            made = info.module_cls(*m.constructor_input.args, **m.constructor_input.kwargs)
            made = made.to(D).train(training)
            leaves, spec = tree_flatten((m.forward_input.args, m.forward_input.kwargs))
            if any("Lazy" in type(k).__name__ for k in made.modules()):
                with torch.no_grad():
                    made(*m.forward_input.args, **m.forward_input.kwargs)
            own = dict(made.named_parameters())
            names = list(own)
            at = [i for i, t in enumerate(leaves) if isinstance(t, Tensor) and t.requires_grad]
            base = [own[n].detach().clone() for n in names] + [
                leaves[i].detach().clone() for i in at
            ]
            if not base or sum(t.numel() for t in base) > LARGEST:
                continue

            def call(
                tensors: list[Tensor], made=made, names=names, leaves=leaves, spec=spec, at=at
            ) -> Any:
                given = list(leaves)
                for i, t in zip(at, tensors[len(names) :], strict=True):
                    given[i] = t
                args, kwargs = tree_unflatten(given, spec)
                return functional_call(made, dict(zip(names, tensors, strict=False)), args, kwargs)

            yield Operation(base, call)


def problem_of(
    operation: Operation, steps: int, *, who: str = "all", scale: float = 0.3, **options: Any
) -> mi.Problem:
    """Two tasks whose losses have third derivatives, with `steps` of MAML that stay near.

    l = mean_k [z_k^2 / 2 + c_k z_k + z_k^3 / 6],   z = outputs / their largest entry at first
    """
    g = torch.Generator().manual_seed(1)
    model = Moved(operation, who, scale)
    x = torch.randn(2, 2, 1, model.width, dtype=D, generator=g)
    lam = 0.1 * torch.randn(P, dtype=D, generator=g)
    first = mi.problem.model.Guarded(model)(lam, x[0, 0]).detach()
    if not 0 < first.numel() <= LARGEST:
        raise NotImplementedError("no outputs, or too many")
    if not torch.isfinite(first).all():
        raise NotFinite("outputs are not finite at first")
    size = max(float(first.abs().max()), 1e-8)
    y = torch.randn(2, 2, 1, first.shape[1], dtype=D, generator=g)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        z = outputs / size
        return (0.5 * z.square() + targets * z + z**3 / 6).mean(1)

    tasks = mi.Tasks(x[0], y[0], x[1], y[1])
    still = mi.Problem(
        model, tasks, mi.NoAdaptation(), inner_loss=loss, outer_reg=0.0, lam=lam, **options
    )
    if not steps:
        return still
    turned = still.replaced(tasks=mi.Tasks(x[1], y[1], x[0], y[0]), chunk=1)
    rate = 0.05 / max(float(turned.task_gradients(lam).norm(dim=1).max()), 1e-3)
    if not rate > 0:
        raise NotImplementedError("a slope that is not finite: the sample sits on an edge")
    return still.replaced(adaptation=mi.Unrolled(steps, rate))

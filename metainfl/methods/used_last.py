"""Which layer of a module the forward pass uses last: not always the one that was registered last.

Read from the graph that autograd keeps of one forward pass: of the operations that take a parameter and
that the outputs depend on, the latest. Where branches add up it is the one that ran last.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.failure import named
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.numbers import flag
from metainfl.problem import FromModule


def used_last(problem: Problem, *, frozen: bool = False) -> str:
    """Name of that layer on the first task's query inputs, "" for the module itself.

    `frozen`: layers count whose parameters are not in lam. Raises `InvalidProblem` where the outputs
    depend on no parameter.
    """
    frozen, model = flag(frozen, "frozen"), problem.setting.model
    assert isinstance(model, FromModule)
    own = model.parameters()
    leaves = {n: t.clone().requires_grad_() for n, t in own.items() if t.is_floating_point()}
    x = problem.tasks.select([0]).query_x[0]
    with named(), torch.enable_grad():
        out = model.called(own | leaves, x)
    times = _times(out, leaves)
    kept = {n: t for n, t in times.items() if frozen or n in model.shapes}
    if not kept:
        raise InvalidProblem(
            "the outputs of the module depend on no parameter"
            f"{'' if frozen else ' that is in lam'}: there is no last layer; does forward detach them?"
        )
    return layer_of(max(kept, key=lambda n: kept[n]))


def layer_of(parameter: str) -> str:
    """Name of the layer that holds a parameter, in itself or in a parametrisation of its weights."""
    holder, parametrised, _ = f".{parameter}".partition(".parametrizations.")
    return (holder if parametrised else holder.rpartition(".")[0]).removeprefix(".")


def _times(out: Tensor, leaves: dict[str, Tensor]) -> dict[str, int]:
    """When each of the leaves that `out` depends on was last used: numbers that grow along the pass."""
    names = {id(t): n for n, t in leaves.items()}
    times: dict[str, int] = {}
    open_, seen = [out.grad_fn], set()
    while open_:
        node = open_.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        for other, _ in node.next_functions:
            name = names.get(id(getattr(other, "variable", None)))
            if name is None:
                open_.append(other)
            else:
                times[name] = max(times.get(name, -1), node._sequence_nr())
    return times

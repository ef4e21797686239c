"""The last linear layer of a network as a problem of its own: features in, the head's weights as lam.

    f(x) = W h(x) + b,   h the input of the `torch.nn.Linear` that the forward pass uses last, held fixed
The head problem has inputs [h(x), 1], a linear model (features, outputs) and F's losses, weights and
regulariser; its lam is (W', b). Last-layer influence functions (Barshan et al. 2020; 003, section 5.1.1.3)
are `metainfl.influence` and `metainfl.scores` of it, exact for the head where the body is frozen; what the
body would have learnt is left out. For single-level problems. The head of a network that was trained is
stationary only where the whole network is and regularises as F does: else `solve()` the head first, which
changes it. That f is W h + b is seen on the inputs themselves, at lam and at other weights of the head.
Cost: two forward passes, then that of a linear model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from metainfl.adaptation import NoAdaptation
from metainfl.derive.failure import named
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.methods.features.linear_end import compare, drawn, names, rows
from metainfl.methods.used_last import used_last
from metainfl.problem import FromModule, Linear, Tasks


def head(problem: Problem) -> Problem:
    """The problem of the last layer alone, lam set to its weights ((d + 1) c,), or (d c,) without bias.

    `feature_tasks` makes its targets. Raises `InvalidProblem` where the last layer is not
    linear, does not make the model's outputs, or has frozen parameters.
    """
    if not isinstance(problem.adaptation, NoAdaptation):
        raise InvalidProblem(
            "the last layer stands alone in single-level problems only; with adaptation take "
            "metainfl.adaptation.RidgeHead, whose head is adapted"
        )
    name, layer = _last(problem)
    model = problem.setting.model
    assert isinstance(model, FromModule)
    lam = rows(name, layer, model.to_dict(problem.lam))
    reg = problem.outer_reg
    if isinstance(reg, Tensor):
        reg = rows(name, layer, model.to_dict(reg)).reshape(-1)
    return Problem(
        Linear(*lam.shape),
        feature_tasks(problem, problem.tasks),
        NoAdaptation(),
        inner_loss=problem.outer_loss,
        outer_reg=reg,
        lam=lam.reshape(-1),
    )


def feature_tasks(problem: Problem, tasks: Tasks) -> Tasks:
    """The tasks with h(x), and a 1 where the layer has a bias, as query inputs; without support."""
    layer = _last(problem)[1]
    x = tasks.query_x
    h = features(problem, x.flatten(0, 1))
    if layer.bias is not None:
        h = torch.cat([h, h.new_ones(len(h), 1)], dim=1)
    h, y = h.reshape(*x.shape[:2], -1), tasks.query_y
    return Tasks(
        h[:, :0], y[:, :0], h, y, tasks.w, h.new_zeros(len(h), 0), tasks.view().query_weight
    )


def features(problem: Problem, x: Tensor) -> Tensor:
    """h(x) (n, d) of inputs (n, ...): what the last linear layer is given.

    Raises `InvalidProblem` where the outputs at x are not that layer's own.
    """
    name, layer = _last(problem)
    model = problem.setting.model
    assert isinstance(model, FromModule)
    own = model.to_dict(problem.lam)
    h, out = _passed(model, name, own, x)
    other = own | drawn(name, layer, own)
    for at, found in ((own, out), (other, _passed(model, name, other, x)[1])):
        compare(h, rows(name, layer, at), found, name)
    return h


def _passed(
    model: FromModule, name: str, own: dict[str, Tensor], x: Tensor
) -> tuple[Tensor, Tensor]:
    """What layer `name` is given (n, d), and the outputs (n, c), with parameters `own`."""
    module, seen = model.copied(), []
    module.get_submodule(name).register_forward_pre_hook(
        lambda _, args, named: seen.append(args[0] if args else named["input"]), with_kwargs=True
    )
    with named():
        out = functional_call(module, own, (x,))
    if len(seen) != 1 or not isinstance(out, Tensor) or seen[0].ndim != 2:
        raise InvalidProblem(
            f"the last layer, {name!r}, must be called once, on features (n, d), which it was not: give "
            "a module whose forward ends in one call of it"
        )
    return seen[0].detach(), out.detach()


def _last(problem: Problem) -> tuple[str, nn.Linear]:
    """Name and module of the layer that is used last, a linear one whose parameters are all in lam."""
    model = problem.setting.model
    if not isinstance(model, FromModule):
        raise InvalidProblem(
            "a last layer is known for torch.nn.Module models; metainfl.Linear is one layer as it is"
        )
    name = used_last(problem, frozen=True)
    layer = model.module.get_submodule(name)
    if not isinstance(layer, nn.Linear) or model.output is not None:
        raise InvalidProblem(
            f"the layer that is used last, {name!r}, is {type(layer).__name__}, not a Linear that makes "
            "the outputs"
        )
    missing = [n for n in names(name, layer) if n not in model.shapes]
    if missing:
        raise InvalidProblem(
            f"the last layer, {name!r}, has parameters that are not in lam: {', '.join(missing)}. They are "
            "frozen (call requires_grad_() on them), shared with another layer, or parametrised"
        )
    return name, layer

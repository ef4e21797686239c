"""The last linear layer of a network as a problem of its own: features in, the head's weights as lam.

    f(x) = W h(x) + b,   h the input of the last `torch.nn.Linear`, held fixed
The head problem has inputs [h(x), 1], a linear model (features, outputs) and F's losses, weights and
regulariser; its lam is (W', b). Last-layer influence functions (Barshan et al. 2020; 003, section 5.1.1.3)
are `metainfl.influence` and `metainfl.scores` of it, exact for the head where the body is frozen; what the
body would have learnt is left out. For single-level problems. The head of a network that was trained is
stationary only where the whole network is and regularises as F does: else `solve()` the head first, which
changes it. Cost: one forward pass, then that of a linear model.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from metainfl.adaptation import NoAdaptation
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.problem import FromModule, Linear, Tasks


def head(problem: Problem) -> Problem:
    """The problem of the last layer alone, lam set to its weights ((d + 1) c,), or (d c,) without bias.

    `feature_tasks` makes its targets. Raises `InvalidProblem` where the last layer is not linear.
    """
    if not isinstance(problem.adaptation, NoAdaptation):
        raise InvalidProblem(
            "the last layer stands alone in single-level problems only; with adaptation take "
            "metainfl.adaptation.RidgeHead, whose head is adapted"
        )
    name, layer = _last(problem)
    model = problem.setting.model
    assert isinstance(model, FromModule)
    own = model.to_dict(problem.lam)
    weight = own[f"{name}.weight"] if name else own["weight"]
    parts = [weight.T]
    if layer.bias is not None:
        parts.append((own[f"{name}.bias"] if name else own["bias"])[None])
    lam = torch.cat(parts).reshape(-1)
    reg = problem.outer_reg
    if isinstance(reg, Tensor):
        by_name = model.to_dict(reg)
        kept = [by_name[f"{name}.weight" if name else "weight"].T]
        if layer.bias is not None:
            kept.append(by_name[f"{name}.bias" if name else "bias"][None])
        reg = torch.cat(kept).reshape(-1)
    d = len(lam) // weight.shape[0]
    return Problem(
        Linear(d, weight.shape[0]),
        feature_tasks(problem, problem.tasks),
        NoAdaptation(),
        inner_loss=problem.outer_loss,
        outer_reg=reg,
        lam=lam,
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
    """h(x) (n, d) of inputs (n, ...): what the last linear layer is given."""
    name, _ = _last(problem)
    model = problem.setting.model
    assert isinstance(model, FromModule)
    module, seen = copy.deepcopy(model.module), []
    module.get_submodule(name).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    out = functional_call(module, model.to_dict(problem.lam), (x,))
    if len(seen) != 1 or not isinstance(out, Tensor) or seen[0].ndim != 2:
        raise InvalidProblem("the last linear layer must be used once, on features (n, d)")
    return seen[0].detach()


def _last(problem: Problem) -> tuple[str, nn.Linear]:
    """Name and module of the last layer, which makes the outputs."""
    model = problem.setting.model
    if not isinstance(model, FromModule):
        raise InvalidProblem(
            "a last layer is known for torch.nn.Module models; metainfl.Linear is one layer as it is"
        )
    name = list(model.shapes)[-1].rpartition(".")[0]
    layer = model.module.get_submodule(name)
    if not isinstance(layer, nn.Linear) or model.output is not None:
        raise InvalidProblem(
            f"the last module with parameters, {name!r}, is {type(layer).__name__}, not a Linear that "
            "makes the outputs"
        )
    return name, layer

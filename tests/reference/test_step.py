"""One step of a run: torch's optimisers and clipping, roots at zero, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from metainfl_reference.errors import InvalidProblem, NotCertified
from metainfl_reference.estimands.trajectory import (
    Recipe,
    State,
    adjoint,
    run,
    step,
    tangent,
)
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import targets
from metainfl_reference.generators import classification, small
from metainfl_reference.perturbation import query, shift, support, task
from metainfl_reference.routes.trajectories import recipe
from metainfl_reference.second_route import rerun
from tests.helpers import assert_close
from tests.reference.runs import every_kind, start

RNG = np.random.default_rng(0)


def test_a_second_moment_of_exactly_zero_has_a_derivative():
    """Guards the dead unit: the root has none at 0, the step has; others return NaN here."""
    e = classification(1)
    e.query_x[0, :, 1] = 0.0  # feature 1 is silent in task 0, so its gradient there is exactly zero
    family = FAMILIES["single_softmax"](e, d_out=0.0)
    rec = Recipe(((0,), (0, 1), (2,)), (0.05,) * 3, optimiser="adam", eps=1e-3)
    of = run(family, rec, np.zeros(family.n_meta))
    assert (of.states[1].second == 0).any() and (of.states[2].second > 0).all()
    for p in (task(0), task(1), query(0, 1)):
        got = tangent(of, [p])
        assert_close(got.value[0], rerun.by_differences(of, p, h=0.02), 1e-9)
        target = targets(e)[3]
        slope = family.target_gradient(target, of.lam[-1])
        assert_close(adjoint(of, target).of([p]).value, got.value @ slope, 1e-13)
        assert np.isfinite(got.bound).all()
    broken = State(of.lam[0], np.ones(family.n_meta), np.zeros(family.n_meta))
    with pytest.raises(InvalidProblem, match="second moment is zero and the first is not"):
        tangent(run(family, Recipe(((0,),), (0.1,), optimiser="adam"), broken), [task(0)])


@pytest.mark.parametrize("optimiser", ["gradient descent", "momentum", "Adam"])
def test_clipping_and_sums_are_differentiated(optimiser):
    """Guards the derivative of a norm where it acts, before weight decay, and a batch's sum."""
    family = small("maml_softmax", 1)
    plain = recipe(optimiser)
    norms = [
        np.linalg.norm(b.gradient())
        for b in map(run(family, plain, start(family)).batch, range(plain.steps))
    ]
    rec = replace(plain, clip=float(np.median(norms)), reduction="sum")
    of, target = run(family, rec, start(family)), targets(family.episodes)[2]
    acts = [np.linalg.norm(of.batch(t).gradient()) > rec.clip for t in range(rec.steps)]
    assert any(acts)
    pis = every_kind(family)
    second = np.stack([rerun.by_complex_step(of, p) for p in pis])
    answer = tangent(of, pis)
    assert_close(answer.value, second, 1e-13)
    assert answer.bound.max() <= 1e-12 * np.abs(second).max()
    weights = [task(0), support(0, 1), query(3, 0)]
    want = tangent(of, weights).value @ family.target_gradient(target, of.lam[-1])
    assert_close(adjoint(of, target).of(weights).value, want, 1e-12)


def test_clipping_is_that_of_torch():
    """Guards torch's 1e-6 in the denominator, and gradients that are left alone."""
    rec = Recipe(((0,),), (1.0,), clip=0.7)
    for g in (3 * RNG.standard_normal(4), 0.01 * RNG.standard_normal(4)):
        parameter = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        parameter.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_([parameter], 0.7)
        ours = -step.forward(rec, 1.0, State.at(np.zeros(4)), g).lam
        assert_close(ours, parameter.grad.numpy(), 1e-15)


TORCH = {
    "plain": (torch.optim.SGD, {}, {}),
    "momentum": (torch.optim.SGD, *2 * ({"momentum": 0.9, "weight_decay": 0.1},)),
    "dampened": (torch.optim.SGD, *2 * ({"momentum": 0.9, "dampening": 0.3},)),
    "nesterov": (torch.optim.SGD, *2 * ({"momentum": 0.9, "nesterov": True},)),
    "adam": (torch.optim.Adam, {"weight_decay": 0.1}, {"optimiser": "adam", "weight_decay": 0.1}),
    "adamw": (
        torch.optim.AdamW,
        {"weight_decay": 0.1, "eps": 1e-4, "betas": (0.8, 0.95)},
        {
            "optimiser": "adam",
            "weight_decay": 0.1,
            "decoupled": True,
            "eps": 1e-4,
            "betas": (0.8, 0.95),
        },
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_steps_are_those_of_torch(name):
    """Guards our reading of the optimisers: 100 steps on a given sequence of gradients, another code."""
    make, theirs, ours = TORCH[name]
    gradients, x = RNG.standard_normal((100, 4)), RNG.standard_normal(4)
    parameter = torch.tensor(x, requires_grad=True)
    optimiser = make([parameter], lr=0.03, **theirs)
    rec, state = Recipe(((0,),), (0.03,), **ours), State.at(x)
    for g in gradients:
        parameter.grad = torch.tensor(g)
        optimiser.step()
        state = step.forward(rec, 0.03, state, g)
    assert_close(state.lam, parameter.detach().numpy(), 1e-12)


def test_bad_recipes_and_runs_are_named():
    family = small("single_ridge", 1)
    lam = np.zeros(family.n_meta)
    for options, message in [
        ({"batches": ((0,), ())}, "batch of step 1 is empty"),
        ({"rates": (0.1, 0.1)}, "rates have shape"),
        ({"optimiser": "lion"}, "unknown optimiser 'lion'"),
        ({"eps": 0.0}, "eps = 0"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"nesterov": True}, "momentum above 0"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"momentum": 0.5, "dampening": 1.0}, "dampening"),
        ({"dampening": 0.2}, "dampening needs optimiser 'sgd' with momentum"),
    ]:
        with pytest.raises(InvalidProblem, match=message):
            Recipe(**{"batches": ((0,),), "rates": (0.1,), **options})
    with pytest.raises(InvalidProblem, match="names task 9"):
        run(family, Recipe(((9,),), (0.1,)), lam)
    with pytest.raises(InvalidProblem, match="the family has"):
        run(family, Recipe(((0,),), (0.1,)), np.zeros(2))
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(NotCertified, match="rate"):
        run(family, Recipe(((0,),) * 400, (1e6,) * 400), lam + 1)
    of = run(family, Recipe(((0,),), (0.1,)), lam)
    with pytest.raises(InvalidProblem, match="no weight"):
        adjoint(of, lam).of([shift("query", 0, 0, 0)])

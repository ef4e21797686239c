"""Training runs: the identities they obey, each by a route that shares nothing with the formulas."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from metainfl_reference.episodes import Weights
from metainfl_reference.errors import InvalidProblem, NotCertified
from metainfl_reference.estimands.trajectory import (
    Recipe,
    State,
    adjoint,
    ideal_tracin,
    removal,
    replay,
    run,
    step,
    tangent,
    tracin,
)
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import targets
from metainfl_reference.generators import classification, small
from metainfl_reference.perturbation import group, query, shift, support, task
from metainfl_reference.routes.trajectories import RECIPES, recipe, smallest
from metainfl_reference.second_route import highprec_run, rerun
from tests.helpers import NAMES, assert_close

RNG = np.random.default_rng(0)


def start(family):
    return 0.3 * np.random.default_rng(0).standard_normal(family.n_meta)


def every_kind(family):
    own = [] if family.name.startswith("single") else [support(0, 1), shift("support", 3, 0, 2)]
    return [task(0), query(1, 0), group([task(2), query(3, 1)]), shift("query", 4, 0, 1), *own]


@pytest.mark.parametrize("optimiser", RECIPES)
@pytest.mark.parametrize("name", NAMES)
def test_tangent_is_the_complex_step_of_the_run(name, optimiser):
    """Guards every derivative of every optimiser on every family, input shifts and groups too.

    Ten steps of float64 on both sides: a few dozen roundings of relative size eps each.
    """
    family = small(name, 1)
    of, pis = run(family, recipe(optimiser), start(family)), every_kind(small(name, 1))
    second = np.stack([rerun.by_complex_step(of, p) for p in pis])
    assert_close(tangent(of, pis).value, second, 1e-13, optimiser)


@pytest.mark.parametrize("optimiser", RECIPES)
@pytest.mark.parametrize("name", ["proximal_ridge", "maml_softmax", "prototypes", "single_softmax"])
def test_adjoint_is_tangent_dot_target_gradient(name, optimiser):
    """Guards the transpose of the step, the state's cotangent and the order of the sweep: every weight."""
    family = small(name, 1)
    of, target = run(family, recipe(optimiser), start(family)), targets(family.episodes)[2]
    slopes = adjoint(of, target)
    n, n_q = family.episodes.query_x.shape[:2]
    pis = [task(k) for k in range(n)] + [query(k, j) for k in range(n) for j in range(n_q)]
    if not name.startswith("single"):
        n_s = family.episodes.support_x.shape[1]
        pis += [support(k, j) for k in range(n) for j in range(n_s)]
    want = tangent(of, pis).value @ family.target_gradient(target, of.lam[-1])
    assert_close(slopes.of(pis).value, want, 1e-12)
    # with the weights of all query instances of a task, the task's own weight moves
    assert_close(slopes.query.value.sum(axis=1), slopes.task.value, 1e-12)
    moved = of.lam[0] + 1e-30j * np.eye(family.n_meta)[1]
    along = family.target_loss(target, run(family, of.recipe, moved).lam[-1]).imag / 1e-30
    assert abs(slopes.start.value[1] - along) <= 1e-12 * np.abs(slopes.start.value).max()


@pytest.mark.parametrize("optimiser", RECIPES)
def test_the_bound_covers_fifty_digits_and_not_by_being_huge(optimiser):
    """Guards the run's bounds: mpmath from the definitions, within the bound, the bound within 1e3."""
    for name in ("single_softmax", "maml_linear", "prototypes"):
        of = smallest(name, optimiser)
        off = float(np.linalg.norm((of.lam[-1] - highprec_run.final(of)).astype(float)))
        assert off <= of.final.bound <= 1e3 * max(off, 1e-17)
        pis = [task(1), query(0, 0)]
        answer = tangent(of, pis)
        truth = np.stack([highprec_run.derivative(of, p) for p in pis])
        gaps = np.linalg.norm(answer.value - truth, axis=1)
        # the second route is rounded to float64 at the end
        assert (gaps <= answer.bound + 1.2e-16 * np.linalg.norm(truth, axis=1)).all()
        assert answer.bound.max() <= 1e3 * max(gaps.max(), 1e-17)
        target = targets(of.family.episodes)[0]
        slope = adjoint(of, target).of(pis)
        d = of.family.target_gradient(target, of.lam[-1])
        noise = 8 * len(d) * 2.2e-16 * (np.abs(truth) @ np.abs(d))  # of the sums on the right
        assert (np.abs(slope.value - truth @ d) <= slope.bound + noise).all()


@pytest.mark.parametrize("optimiser", ["dampened sums", "Adam"])
def test_a_last_phase_carries_the_moments_on(optimiser):
    """Guards a phase that begins afresh: its end, and its derivative by mpmath from the carried state."""
    whole = smallest("maml_linear", optimiser)
    r, s = whole.recipe, whole.states[1]
    phase = run(whole.family, replace(r, batches=r.batches[1:], rates=r.rates[1:]), s)
    assert_close(phase.lam[-1], whole.lam[-1], 1e-15)
    pis = [task(1), query(0, 0)]
    truth = np.stack([highprec_run.derivative(phase, p) for p in pis])
    answer = tangent(phase, pis)
    gaps = np.linalg.norm(answer.value - truth, axis=1)
    assert (gaps <= answer.bound + 1.2e-16 * np.linalg.norm(truth, axis=1)).all()
    fresh = tangent(run(phase.family, phase.recipe, s.lam), pis).value
    assert np.abs(fresh - truth).max() > 1e-3 * np.abs(truth).max()


def test_one_step_is_a_gradient_dot_product():
    """Guards scale and sign: rate/|B| g_i . g_target, minus; and H plays no part in one step."""
    family = small("maml_softmax", 2)
    of = run(family, Recipe(((0, 2, 3),), (0.07,)), start(family))
    target = targets(family.episodes)[1]
    slope = family.target_gradient(target, of.lam[-1])
    got = adjoint(of, target).task.value
    for k in range(5):
        g = family.task(k, of.lam[0]).gradient()
        want = -0.07 / 3 * (g @ slope) if k in (0, 2, 3) else 0.0
        assert abs(got[k] - want) <= 1e-15


@pytest.mark.parametrize("name", ["single_softmax", "proximal_ridge"])
def test_a_long_run_has_the_implicit_influence(name):
    """Guards against a second definition: on strongly convex F the run's derivative tends to task-IF.

    The run's loss is a mean over T tasks, so its minimiser is that of the sum with T d_out.
    """
    family = small(name, 1, d_out=2.0)
    n = family.episodes.n_tasks
    minimised = small(name, 1, d_out=2.0 * n)
    at = minimised.solve()
    rate = 1.0 / (at.certificate.largest / n)
    steps = 200
    of = run(family, Recipe((tuple(range(n)),) * steps, (rate,) * steps), start(family))
    left = (1 - at.certificate.smallest / at.certificate.largest) ** steps
    assert left < 1e-12
    pis = [task(1), query(0, 1)]
    assert_close(of.lam[-1], at.lam, 1e-11)
    # the derivative converges as steps * contraction^steps
    assert_close(tangent(of, pis).value, minimised.influence(pis, at).value, 1e-10)


def test_ideal_tracin_adds_up_to_the_whole_change():
    """Guards 003 eq. 52, and that its derivative-free credit does not ask for plain descent."""
    for optimiser in RECIPES:
        family = small("maml_softmax", 1)
        of = run(family, recipe(optimiser, tuple((i % 5,) for i in range(20))), start(family))
        target = targets(family.episodes)[2]
        ideal = ideal_tracin(of, target)
        drop = family.target_loss(target, of.lam[0]) - family.target_loss(target, of.lam[-1])
        assert abs(ideal.value.sum() - drop) <= ideal.bound.sum() + 1e-14
    with pytest.raises(InvalidProblem, match="step 0 has 3"):
        ideal_tracin(run(family, recipe("momentum"), start(family)), target)


def test_tracin_is_the_first_order_of_ideal_tracin():
    family = small("single_softmax", 1, d_out=1e-9)  # weight decay belongs to no task
    target = targets(family.episodes)[0]
    gaps = []
    for rate in (1e-3, 5e-4):
        of = run(family, Recipe(((3,),), (rate,)), start(family))
        gaps.append(abs(ideal_tracin(of, target).value - tracin(of, target).value).max())
    assert 1.9 < np.log2(gaps[0] / gaps[1]) < 2.1


@pytest.mark.parametrize("optimiser", RECIPES)
def test_replay(optimiser):
    """Guards determinism and removal: weight 1 changes no bit, weight 0 is a run on zeroed losses."""
    family = small("proximal_ridge", 1)
    of = run(family, recipe(optimiser), start(family))
    assert np.array_equal(replay(of, Weights.ones(family.episodes)).lam, of.lam)
    gone = removal(of, group([task(1), query(0, 2)]))
    w = Weights.ones(family.episodes)
    w.task[1] = w.query[0, 2] = 0
    assert np.array_equal(gone.lam, run(family, of.recipe, of.lam[0], w).lam)
    slope, errors = tangent(of, [task(1)]).value[0], []
    for eps in (2e-3, 1e-3):
        moved = replay(of, of.weights.moved(task(1), -eps)).lam[-1]
        errors.append(np.abs(moved - of.lam[-1] + eps * slope).max())
    assert 1.8 < np.log2(errors[0] / errors[1]) < 2.2  # what is left is of second order


def test_a_run_goes_on_from_its_state():
    """Guards the state: two halves, the second from the first's last state, are the whole run."""
    family = small("maml_linear", 1)
    whole = recipe("Adam")
    halves = [recipe("Adam") for _ in range(2)]
    halves = [
        Recipe(h.batches[s], h.rates[s], optimiser="adam", weight_decay=0.05)
        for h, s in zip(halves, (slice(0, 4), slice(4, None)), strict=True)
    ]
    one = run(family, halves[0], start(family))
    two = run(family, halves[1], one.states[-1])
    assert np.array_equal(two.lam[-1], run(family, whole, start(family)).lam[-1])
    # a fixed start: only what the last phase read has a derivative
    assert tangent(two, [task(0)]).value.shape == (1, family.n_meta)


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

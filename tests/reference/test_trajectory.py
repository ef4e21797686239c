"""Training runs: the identities they obey, each by a route that shares nothing with the formulas."""

from dataclasses import replace

import numpy as np
import pytest

from metainfl_reference.episodes import Weights
from metainfl_reference.estimands.trajectory import (
    Recipe,
    adjoint,
    removal,
    replay,
    run,
    tangent,
)
from metainfl_reference.family import targets
from metainfl_reference.generators import small
from metainfl_reference.perturbation import group, query, support, task
from metainfl_reference.routes.trajectories import RECIPES, recipe, smallest
from metainfl_reference.second_route import highprec_run, rerun
from tests.helpers import NAMES, assert_close
from tests.reference.runs import every_kind, start


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

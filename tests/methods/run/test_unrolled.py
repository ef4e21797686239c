"""HyDRA, SGD-influence, SOURCE, influence at the end and the baselines: where each is exact, and by hand."""

import pytest
import torch

import metainfl as mi
from metainfl.curvature import exact
from metainfl.errors import InvalidOption, InvalidRecipe, SingularHessian
from metainfl.methods.run import (
    gradient_dot,
    gradient_norm,
    hydra,
    hydra_fast,
    sgd_influence,
    source,
    task_if_at_end,
    tracin,
    tracin_cp,
    training_loss,
)
from metainfl.training import SGD, Adam, AdamW, Recipe, train
from tests.helpers import assert_close, relative
from tests.training.helpers import network, twins

PIS = [
    mi.task(0),
    mi.task(2),
    mi.support(1, 0),
    mi.query(2, 1),
    mi.group([mi.task(3), mi.query(0, 2)]),
]
BATCHES = ((0, 2), (1, 1, 3), (4, 5, 2), (0, 1, 2))


def small_run(optimiser=None, **options):
    optimiser = optimiser or SGD()
    recipe = Recipe(rate=[0.3, 0.1, 0.2, 0.2], batches=BATCHES, optimiser=optimiser, **options)
    return train(network(), recipe, progress=False)


OPTIMISERS = [SGD(0.9, nesterov=True, weight_decay=0.1), Adam(eps=1e-2), AdamW(weight_decay=0.1)]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_hydra_is_the_runs_derivative(optimiser):
    """Guards the tangent against the adjoint, moments, decay and unequal batches included."""
    run = small_run(optimiser, clip=0.5)
    target = run.program.problem.tasks.select([5, 0])
    assert_close(hydra(run, PIS, target), run.scores(target, PIS).value, 1e-11)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_hydra_fast_carries_everything_but_the_curvature(optimiser):
    """Guards moments that are forgotten: forwards, by hand, with the loss's Hessian taken as zero."""
    run = small_run(optimiser)
    program, problem = run.program, run.program.problem
    target = problem.tasks.select([5])
    rows = (torch.zeros(6, problem.n_meta, dtype=torch.float64),) * (1 + optimiser.n_moments)
    for t, batch in enumerate(program.batches):
        state = run.state_at(t)
        each, d_g = problem.task_gradients(state.lam), problem.outer_reg * rows[0]
        for i in batch:
            d_g[i] += each[i] / len(batch)
        g = program.gradient(t, state.lam)[1]
        rows = program.update.push(state, g, program.rates[t], (*rows, d_g))
    want = rows[0] @ run.target_slopes(target)[0]
    found = hydra_fast(run, [mi.task(k) for k in range(6)], target)[:, 0]
    assert_close(found, want, 1e-12)


def test_hydra_fast_of_plain_descent_is_equation_64():
    """Guards weight decay's place: (1 - rate (reg + decay)) a step, and TracIn's product at the end."""
    run = small_run(SGD(weight_decay=0.3))
    problem = run.program.problem
    target = problem.tasks.select([5])
    slope, want = run.target_slopes(target)[0], torch.zeros(6, dtype=torch.float64)
    for t, batch in enumerate(BATCHES):
        rate = run.program.rates[t]
        want *= 1 - rate * (problem.outer_reg + 0.3)
        each = problem.task_gradients(run.state_at(t).lam)
        for i in batch:
            want[i] -= rate / len(batch) * each[i] @ slope
    assert_close(hydra_fast(run, [mi.task(k) for k in range(6)], target)[:, 0], want, 1e-12)


def test_one_step_is_exact_for_all_but_tracin():
    """Guards the scale of each: after one step the derivative needs no curvature of the loss."""
    run = train(network(), Recipe(rate=0.3, batches=[[0, 2, 5]]), progress=False)
    target = run.program.problem.tasks.select([1])
    want = run.scores(target, PIS).value
    for method in (hydra, hydra_fast, sgd_influence):
        assert_close(method(run, PIS, target), want, 1e-12)
    assert relative(tracin(run, PIS, target), want) > 1e-3  # its target's slope is at lam_0


@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_sgd_influence_is_exact_for_plain_descent_only(decay):
    """Guards the recursion and where it stops to hold."""
    run = small_run(SGD(weight_decay=decay), reduction="sum")
    target = run.program.problem.tasks.select([5, 0])
    assert_close(sgd_influence(run, PIS, target), run.scores(target, PIS).value, 1e-11)
    other = small_run(SGD(0.5))
    with pytest.raises(InvalidRecipe, match="plain gradient descent"):
        sgd_influence(other, PIS, target)
    forgotten = sgd_influence(other, PIS, target, as_if_plain=True)
    assert relative(forgotten, other.scores(target, PIS).value) > 0.05


def quadratic(rate, time, optimiser=None, start=0.3):
    """Full batches of a ridge problem whose outputs are affine in lam, for a given time."""
    problem = twins("proximal_ridge", "gradient descent")[0].program.problem
    steps, draw = round(time / rate), torch.Generator().manual_seed(0)
    lam = start * torch.randn(problem.n_meta, generator=draw, dtype=torch.float64)
    recipe = Recipe(rate=rate, steps=steps, optimiser=optimiser or SGD())
    return train(problem, recipe, start=lam, progress=False)


def test_source_tends_to_the_derivative_as_rates_shrink():
    """Guards segments, exponentials and scale: the checkpoints' mean of a gradient that moves leaves an
    error of order 1/segments^2 (midpoints), Euler's steps one of order rate: both fall as they must."""
    errors = []
    for rate, segments in ((0.02, 2), (0.005, 4)):
        run = quadratic(rate, 1.6)
        target = run.program.problem.tasks.select([1])
        pis = [mi.task(0), mi.task(2), mi.query(1, 0), mi.support(2, 1)]
        found = source(run, pis, target, segments=segments, checkpoints=1)
        errors.append(float(relative(found, run.scores(target, pis).value)))
    assert errors[1] < 0.35 * errors[0] < 0.05, errors


def test_source_keeps_its_segments_error_as_rates_shrink():
    """Guards the docstring's limit: at a given time small rates do not take away what moves in a segment, and
    it falls with the square of the segments' number (a factor of 4, here 4.2 less Euler's own error)."""
    errors = {}
    for rate, segments in ((0.01, 2), (0.0025, 2), (0.0025, 4)):
        run = quadratic(rate, 1.6)
        target = run.program.problem.tasks.select([1])
        pis = [mi.task(0), mi.task(2), mi.query(1, 0), mi.support(2, 1)]
        found = source(run, pis, target, segments=segments, checkpoints=1)
        errors[rate, segments] = relative(found, run.scores(target, pis).value)
    assert 0.9 < errors[0.0025, 2] / errors[0.01, 2] < 1.3, errors
    assert 3 < errors[0.0025, 2] / errors[0.0025, 4] < 6, errors


def test_source_at_rest_is_exact_up_to_the_rate():
    """Guards momentum's factor and the preconditioner's place: at the minimiser gradients do not
    move, and Euler's steps differ from the exponential by rate h x exp(-x)/2 at most, x = h T: below 0.01."""
    for optimiser, allowed in ((SGD(), 0.01), (SGD(0.5), 0.01)):
        run = quadratic(0.05, 15.0 / (1 if optimiser.momentum == 0 else 2), optimiser)
        target = run.program.problem.tasks.select([1])
        pis = [mi.task(0), mi.task(2), mi.query(1, 0)]
        phase = run.phase(run.done // 2)
        want = phase.scores(target, pis).value
        assert relative(source(phase, pis, target, segments=1, checkpoints=1), want) < allowed


def test_source_follows_adam_better_than_without_its_scale():
    """Guards Adam's preconditioner: a run of Adam with a second moment that has settled (beta2 = 0.5)."""
    run = train(
        network(tasks=8),
        Recipe(rate=0.005, steps=40, optimiser=Adam(0.0, 0.5, 1e-1, eps_inside_root=True)),
        progress=False,
    )
    target = run.program.problem.tasks.select([1])
    pis = [mi.task(k) for k in range(8)]
    want = run.scores(target, pis).value[:, 0]
    found = source(run, pis, target, segments=4, curvature=exact)[:, 0]
    assert abs(float(found @ want / (found @ found)) - 1) < 0.3
    with pytest.raises(InvalidOption, match="do not fit"):
        source(run, pis, target, segments=40)


def test_influence_at_the_end_of_a_long_run_is_its_derivative():
    """Guards the objective's units: share, decay and damping, where the run has come to rest."""
    run = quadratic(0.2, 40.0, SGD(weight_decay=0.1))
    target = run.program.problem.tasks.select([1])
    pis = [mi.task(0), mi.task(2), mi.query(1, 0), mi.support(2, 1)]
    want = run.scores(target, pis).value
    assert_close(task_if_at_end(run, pis, target), want, 1e-7)
    h = run.problem().hessian(run.lam) - run.problem().outer_reg * torch.eye(len(run.lam))
    t = run.program.problem.tasks.n_tasks
    a = h / t + (run.problem().outer_reg + 0.1 + 0.7) * torch.eye(len(run.lam), dtype=torch.float64)
    g = run.problem().task_gradients(run.lam)[[0, 2]] / t
    damped = -g @ torch.linalg.solve(a, run.target_slopes(target)[0])
    found = task_if_at_end(run, pis[:2], target, damping=0.7)[:, 0]
    assert_close(found, damped, 1e-11)


ENDS = [
    SGD(0.9, weight_decay=0.5),
    SGD(0.9, weight_decay=0.5, decoupled=True),
    SGD(0.9, dampening=0.5, weight_decay=0.5, decoupled=True),
    SGD(0.5, nesterov=True, weight_decay=0.5, decoupled=True),
    SGD(dampening=0.5, weight_decay=0.5, decoupled=True),
    Adam(0.9, 0.99, 0.3, weight_decay=0.5),
    Adam(0.9, 0.99, 0.1, weight_decay=0.5, eps_inside_root=True),
]


@pytest.mark.parametrize("optimiser", ENDS, ids=str)
def test_what_weight_decay_adds_where_the_optimiser_rests(optimiser):
    """Guards decoupled decay taken for coupled: momentum takes it times 1 - momentum over 1 - dampening."""
    run = quadratic(0.1, 60.0, optimiser)
    target = run.program.problem.tasks.select([1])
    pis = [mi.task(0), mi.task(2), mi.query(1, 0), mi.support(2, 1)]
    assert_close(task_if_at_end(run, pis, target), run.scores(target, pis).value, 1e-7)


@pytest.mark.parametrize("inside", [False, True])
def test_decoupled_decay_of_adam_up_to_how_far_it_draws(inside, monkeypatch):
    """Guards AdamW's decay left out, or taken in the gradient's units: with its scale as given, what is added
    misses a factor 1 - wd |lam|, here a half at most, and the answer less than that; without it, far more."""
    run = quadratic(0.1, 60.0, AdamW(0.9, 0.99, 0.3, weight_decay=0.5, eps_inside_root=inside))
    target = run.program.problem.tasks.select([1])
    pis = [mi.task(0), mi.task(2), mi.query(1, 0), mi.support(2, 1)]
    want = run.scores(target, pis).value
    off = relative(task_if_at_end(run, pis, target), want)
    assert off < 0.5 * float(run.lam.abs().max()) < 0.6
    monkeypatch.setattr("metainfl.training.descended.decay", lambda run, t: 0.0)
    assert relative(task_if_at_end(run, pis, target), want) > 2 * off


def test_decay_that_nothing_is_known_of_is_refused():
    """Guards a number made up for steps that never settle, and for an optimiser of one's own."""
    run = small_run(SGD(1.0, weight_decay=0.1, decoupled=True))
    target = run.program.problem.tasks.select([1])
    for method in (task_if_at_end, lambda *a: source(*a, segments=1, checkpoints=1)):
        with pytest.raises(InvalidRecipe, match="do not settle"):
            method(run, PIS, target)


def test_influence_at_the_end_refuses_what_has_no_inverse():
    """Guards a silent pseudo-inverse: a network without a regulariser that was barely trained."""
    base = network(outer_reg=0.0)
    x = base.tasks.query_x.clone()
    flat = mi.Tasks(
        torch.zeros_like(x), base.tasks.support_y, torch.zeros_like(x), base.tasks.query_y
    )
    run = train(base.replaced(tasks=flat), Recipe(rate=0.1, steps=2), progress=False)
    with pytest.raises(SingularHessian):
        task_if_at_end(run, [mi.task(0)], flat.select([1]))


def test_baselines_by_hand():
    """Guards what the baselines read: the last state, adapted losses, whole gradients, the sum of rates."""
    run = small_run()
    problem, lam, target = run.problem(), run.lam, run.program.problem.tasks.select([5, 0])
    rows = [mi.task(k) for k in range(6)]
    losses = training_loss(run, rows, target)
    assert_close(losses, problem.losses(lam)[:, None].expand(-1, 2), 1e-13)
    each = training_loss(run, [mi.query(2, j) for j in range(6)], target)
    assert_close(each.sum(0), losses[2], 1e-13)
    gradients = problem.task_gradients(lam)
    assert_close(gradient_norm(run, rows, target)[:, 1], gradients.norm(dim=1), 1e-13)
    scale = sum(run.program.rates) / 6
    want = -scale * gradients @ problem.task_gradients(lam, target).T
    assert_close(gradient_dot(run, rows, target), want, 1e-12)


def test_gradient_dot_is_tracin_cp_at_the_end_for_equal_steps_only():
    """Guards the docstring's equality: with other rates or batches TracInCP takes those of the last step."""
    target = network().tasks.select([5, 0])

    def both(**steps):
        run = train(network(), Recipe(**steps), progress=False)
        return gradient_dot(run, PIS, target), tracin_cp(run, PIS, target, checkpoints=[run.done])

    assert_close(*both(rate=0.1, batches=[[0, 2], [1, 3], [4, 5]]), 1e-12)
    assert relative(*both(rate=[0.1, 0.2], steps=2)) > 0.1
    assert relative(*both(rate=0.1, batches=[[0, 2], [1]], reduction="sum")) > 0.1

"""The adjoint: against the reference's, written by hand without autodiff, and against reruns."""

import pytest
import torch

import metainfl as mi
from metainfl.adaptation import ProximalCG
from metainfl.training import SGD, Adam, Recipe, train
from metainfl.training.update import Update
from metainfl_reference.estimands import trajectory
from metainfl_reference.family import targets
from tests.helpers import NAMES, assert_close, relative
from tests.training.helpers import RECIPES, extrapolated, network, twins

FIELDS = ("task_weight", "support_weight", "query_weight")


@pytest.mark.parametrize(
    ("name", "optimiser"),
    [(n, "Adam") for n in NAMES]
    + [
        (n, o)
        for n in ("maml_softmax", "prototypes", "single_ridge")
        for o in RECIPES
        if o != "Adam"
    ],
)
def test_every_weight_of_two_targets_as_the_reference_has_it(name, optimiser):
    """Guards state forgotten, bias correction, batch size, decay, order, H, first order: any of them.

    1e-11: ten steps, a few dozen roundings each, through inner solves of condition up to 1e3.
    """
    run, of = twins(name, optimiser)
    assert_close(run.lam, of.lam[-1], 1e-12, "lam_S")
    both = [targets(of.family.episodes)[k] for k in (2, 0)]
    seeds = run.target_slopes(run.program.problem.tasks.select([2, 0]))
    found = run.sensitivities(seeds, FIELDS)
    for row, target in enumerate(both):
        want = trajectory.adjoint(of, target)
        assert_close(found.value["task_weight"][row], want.task.value, 1e-11, "task")
        if not name.startswith("single"):
            assert_close(found.value["support_weight"][row], want.support.value, 1e-11, "support")
        assert_close(found.value["query_weight"][row], want.query.value, 1e-11, "query")
        assert_close(found.start[row], want.start.value, 1e-11, "start")


@pytest.mark.parametrize("product", ["forward", "reverse"])
@pytest.mark.parametrize("chunk", [1, 2, 16])
def test_both_orders_and_any_stacking_agree(product, chunk):
    """Guards a way that is chosen for speed and gives another number."""
    recipe = Recipe(optimiser=Adam(), rate=0.02, steps=6, batch_size=4)
    own = train(network(), recipe, progress=False)
    other = train(network(product=product, chunk=chunk), recipe, progress=False)
    seeds = torch.randn(3, len(own.lam), dtype=torch.float64)
    fields = (*FIELDS, "support_x", "query_x")
    a, b = (r.sensitivities(seeds, fields) for r in (own, other))
    for name in fields:
        assert_close(b.value[name], a.value[name], 1e-11, name)
    one = own.sensitivities(seeds[1:2], fields)
    for name in fields:
        assert_close(one.value[name], a.value[name][1:2], 1e-11, name)


@pytest.mark.parametrize(("reduction", "clip"), [("mean", 0.4), ("sum", None)])
@pytest.mark.parametrize(
    "optimiser", [SGD(0.5, weight_decay=0.1), Adam(eps=1e-2, eps_inside_root=True)]
)
def test_against_reruns_on_a_network(optimiser, reduction, clip):
    """Guards clipping, sums against means, and everything autodiff: 1e-8 is what reruns resolve.

    Central differences of losses good to 1e-15 at steps from 0.05 down to 0.05/8, extrapolated.
    """
    problem = network()
    rate = 0.02 if isinstance(optimiser, Adam) else 0.1
    recipe = Recipe(
        optimiser=optimiser, rate=rate, steps=5, batch_size=3, reduction=reduction, clip=clip
    )
    run = train(problem, recipe, progress=False)
    target = problem.tasks.select([5])
    pis = [mi.query(0, 4), mi.group([mi.task(3), mi.support(4, 0)])]
    value = run.scores(target, pis).value[:, 0]
    for p, found in zip(pis, value, strict=True):
        want = extrapolated(lambda s, p=p: run.replay({p: 1 + s}).target_losses(target)[0])
        assert relative(found, want) < 1e-8, (p, float(found), float(want))
    norms = [float(run.program.gradient(t, run.state_at(t).lam)[1].norm()) for t in range(5)]
    assert clip is None or max(norms) > clip, "a test of clipping needs a step where it acts"


def test_one_step_is_a_gradient_dot_product():
    """Guards sign and scale: d L_t/d w_i = -rate/|B| D L_t(lam_1) . D L_i(lam_0)."""
    problem = network()
    run = train(problem, Recipe(rate=0.3, batches=[[0, 2, 5]]), progress=False)
    slopes = problem.task_gradients(run.program.start.lam)
    target = problem.tasks.select([1])
    want = -0.1 * slopes @ run.target_slopes(target)[0]
    found = run.scores(target, [mi.task(k) for k in (0, 2, 5)]).value[:, 0]
    assert_close(found, want[[0, 2, 5]], 1e-13)
    assert float(run.scores(target, [mi.task(1)]).value) == 0  # not in the batch


def test_a_task_twice_in_a_batch_counts_twice():
    """Guards a scatter that overwrites instead of adding."""
    run = train(network(), Recipe(rate=0.3, batches=[[0, 2, 2], [1, 1, 1]]), progress=False)
    target = run.program.problem.tasks.select([3])
    found = run.scores(target, [mi.task(2), mi.query(1, 2)]).value[:, 0]
    for p, one in zip([mi.task(2), mi.query(1, 2)], found, strict=True):
        want = extrapolated(lambda s, p=p: run.replay({p: 1 + s}).target_losses(target)[0])
        assert relative(one, want) < 1e-8


def test_the_run_tends_to_the_implicit_influence():
    """Guards the two answers to one question: on a strongly convex F they meet at the linear rate of
    gradient descent, (1 - rate mu)^S."""
    problem = twins("proximal_ridge", "gradient descent")[0].problem()
    problem.solve(torch.zeros(problem.n_meta, dtype=torch.float64))
    h = problem.hessian(problem.lam) / problem.tasks.n_tasks
    # the mean over the batch leaves outer_reg as it is: rescale it to have the same minimiser
    mean = problem.replaced(outer_reg=problem.outer_reg / problem.tasks.n_tasks)
    values = torch.linalg.eigvalsh(h)
    rate, steps = float(1 / values[-1]), 150
    long = train(mean, Recipe(rate=rate, steps=steps), start=problem.lam + 0.1, progress=False)
    pis = [mi.task(0), mi.task(3), mi.query(1, 0), mi.support(2, 1)]
    want = mi.influence(problem, pis).value
    left = steps * float(1 - rate * values[0]) ** (steps - 1)
    found = long.influence(pis).value
    assert relative(found, want) < max(10 * left, 1e-10)
    assert left < 1e-3


def test_update_without_moments_or_gradient_has_zero_rows():
    """Guards the first step of momentum, where the moment is not read."""
    update = Update(SGD(0.9), None)
    run = train(network(), Recipe(optimiser=SGD(0.9), rate=0.1, steps=1), progress=False)
    rows = (torch.ones(2, len(run.lam), dtype=torch.float64),) * 2
    lam_bar, moment_bar, g_bar = update.pull(
        run.program.start, torch.zeros_like(run.lam), 0.1, rows
    )
    assert torch.equal(lam_bar, rows[0]) and not moment_bar.any()
    assert_close(g_bar, 0.9 * rows[0], 1e-15)


@pytest.mark.parametrize("product", ["forward", "reverse"])
def test_several_targets_through_inner_solves(product):
    """Guards solves inside an adaptation, which stop where they have converged, under several targets."""
    problem = network(tasks=2, d=2, hidden=2, product=product)
    problem = problem.replaced(adaptation=ProximalCG(1.0))
    run = train(problem, Recipe(optimiser=Adam(), rate=0.1, steps=2), progress=False)
    asked = [mi.task(0), mi.support(1, 0), mi.shift("support", 1, 0, 1)]
    targets = problem.tasks
    each = [run.scores(targets.select([t]), asked).value for t in range(2)]
    found = run.scores(targets, asked).value
    assert_close(found, torch.cat(each, 1), 1e-9)  # of solves to 1e-10
    assert_close(run.influence(asked).value @ run.target_slopes(targets).T, found, 1e-9)

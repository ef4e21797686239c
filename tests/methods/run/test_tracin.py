"""TracIn and its kin: against plain loops over the steps, the reference, and each other."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidOption, InvalidRecipe
from metainfl.methods.run import tracin, tracin_cp, tracin_ideal, tracin_last, tracin_rp
from metainfl.methods.run.reading import last_layer
from metainfl.methods.run.tracin_cp import represented
from metainfl.methods.run.tracin_rp import sketched
from metainfl.training import SGD, Adam, Recipe, train
from metainfl_reference.estimands import trajectory
from metainfl_reference.family import targets as targets_of
from tests.helpers import assert_close
from tests.training.helpers import network, twins


def tasks(run):
    return [mi.task(k) for k in range(run.program.problem.tasks.n_tasks)]


def small_run(batches=((0, 2), (1, 1, 3), (4, 5, 2)), optimiser=None, **options):
    """Unequal batches, one with a task twice, rates that differ."""
    recipe = Recipe(
        rate=[0.3, 0.1, 0.2][: len(batches)],
        batches=batches,
        optimiser=optimiser or SGD(0.5),
        **options,
    )
    return train(network(), recipe, progress=False)


def by_hand(run, target, mask=1.0):
    """Eq. 55 with loops: minus rate_t/|B_t| D L_i . D L_target at lam_t, over the steps that use i."""
    problem, lam = run.program.problem, run.program.start.lam
    out = torch.zeros(problem.tasks.n_tasks, dtype=torch.float64)
    for t, batch in enumerate(run.program.batches):
        lam = run.state_at(t).lam
        slope = mask * problem.task_gradients(lam, target)[0]
        rows = problem.task_gradients(lam)
        for i in batch:
            out[i] -= run.program.rates[t] / len(batch) * rows[i] @ slope
    return out


def test_tracin_is_the_sum_over_steps():
    """Guards an off-by-one state, the batch's size, a task twice in a batch, and the sign."""
    run = small_run()
    target = run.program.problem.tasks.select([5, 0])
    found = tracin(run, tasks(run), target)
    for column, k in enumerate((5, 0)):
        want = by_hand(run, run.program.problem.tasks.select([k]))
        assert_close(found[:, column], want, 1e-13)
    whole = small_run(reduction="sum")
    pair = tracin(whole, [mi.task(0)], target)
    assert_close(
        pair, 2 * tracin(small_run(whole.program.batches[:1]), [mi.task(0)], target), 1e-13
    )


@pytest.mark.parametrize("name", ["maml_softmax", "prototypes", "single_ridge"])
@pytest.mark.parametrize("optimiser", ["momentum", "Adam"])
def test_tracin_as_the_reference_has_it(name, optimiser):
    """Guards against a loop of the test's own that shares a mistake. 1e-11: as for the adjoint."""
    run, of = twins(name, optimiser)
    found = tracin(run, tasks(run), run.program.problem.tasks.select([2]))[:, 0]
    want = trajectory.tracin(of, targets_of(of.family.episodes)[2]).value
    assert_close(found, -torch.tensor(want), 1e-11)


def test_instances_and_groups_add_up():
    """Guards kinds that are read from the wrong array: query instances of a task, and a group."""
    run = small_run()
    target = run.program.problem.tasks.select([5])
    rows = [mi.query(1, j) for j in range(6)]
    found = tracin(run, [mi.task(1), *rows, mi.group([mi.task(0), mi.query(1, 2)])], target)[:, 0]
    assert_close(found[1:7].sum(), found[0], 1e-12)
    assert_close(found[7], tracin(run, [mi.task(0)], target)[0, 0] + found[3], 1e-12)


def test_ideal_adds_up_to_the_whole_change():
    """Guards eq. 52, for an optimiser with moments, and tasks that no step used."""
    run = small_run(((0,), (2, 2), (0,)), Adam())
    problem = run.program.problem
    target = problem.tasks.select([5, 1])
    found = tracin_ideal(run, tasks(run), target)
    first, last = (problem.losses(run.state_at(t).lam, target) for t in (0, 3))
    assert_close(found.sum(0), last - first, 1e-12)
    assert not found[[1, 3, 4, 5]].any() and (found[[0, 2]] != 0).all()
    middle = (
        problem.losses(run.state_at(1).lam, target),
        problem.losses(run.state_at(2).lam, target),
    )
    assert_close(found[2], middle[1] - middle[0], 1e-11)
    with pytest.raises(InvalidRecipe, match="step 1 has 2"):
        tracin_ideal(small_run(((0,), (1, 2))), [mi.task(0)], target)
    with pytest.raises(InvalidOption, match="whole tasks"):
        tracin_ideal(run, [mi.query(0, 1)], target)


def test_tracin_is_the_ideal_to_first_order():
    """Guards the claim: one step of rate r, gap of order r^2; a factor of two in r is four in the gap."""
    gaps = []
    for rate in (1e-3, 5e-4):
        run = train(network(outer_reg=0.0), Recipe(rate=rate, batches=[[2]]), progress=False)
        target = run.program.problem.tasks.select([4])
        gaps.append(
            float(tracin(run, tasks(run), target)[2] - tracin_ideal(run, tasks(run), target)[2])
        )
    assert 3.9 < gaps[0] / gaps[1] < 4.1


def test_checkpoints_at_every_step_of_full_batches_are_tracin():
    """Guards eq. 56's scale against eq. 55's, and that duplicates are equal where batches differ."""
    full = train(network(), Recipe(rate=[0.3, 0.1, 0.2], steps=3), progress=False)
    target = full.program.problem.tasks.select([5, 0])
    assert_close(
        tracin_cp(full, tasks(full), target, checkpoints=None),
        tracin(full, tasks(full), target),
        1e-13,
    )
    base = network()
    twice = base.replaced(tasks=base.tasks.select([0, 1, 2, 0]))
    run = train(twice, Recipe(rate=0.3, batches=[[0, 1], [1, 2], [2]]), progress=False)
    found = tracin_cp(run, tasks(run), target, checkpoints=2)
    # rows of batched products are equal to the last digit, not in it
    assert_close(found[0], found[3], 4 * torch.finfo(torch.float64).eps)
    assert found[0].all()
    apart = tracin(run, [mi.task(0), mi.task(3)], target)
    assert float((apart[0] - apart[1]).norm()) > 1e-2 * float(apart.norm())
    by_hand = torch.zeros(2, dtype=torch.float64)
    for t, steps in ((0, 1.5), (2, 1.5)):  # three steps: the one in the middle is shared
        lam, share = run.state_at(t).lam, (1 / 4)
        rows = twice.task_gradients(lam), twice.task_gradients(lam, target)
        by_hand -= steps * 0.3 * share * rows[1] @ rows[0][0]
    assert_close(tracin_cp(run, tasks(run), target, checkpoints=[0, 2])[0], by_hand, 1e-13)
    assert represented([0, 2], 3) == [1.5, 1.5] and sum(represented([1, 5], 9)) == 9
    with pytest.raises(InvalidOption, match="ascend"):
        tracin_cp(run, tasks(run), target, checkpoints=[2, 0])


def test_last_layer_and_masks():
    """Guards the place of the last layer in lam, and a mask that is not applied."""
    run = small_run()
    target = run.program.problem.tasks.select([5])
    mask = torch.zeros(run.program.problem.n_meta, dtype=torch.bool)
    mask[-(4 * 3 + 3) :] = True  # Linear(4, 3), weight and bias
    found = tracin_last(run, tasks(run), target)
    assert_close(found[:, 0], by_hand(run, target, mask.double()), 1e-13)
    every = tracin_last(run, tasks(run), target, parameters=torch.ones_like(mask))
    assert_close(every, tracin(run, tasks(run), target), 1e-13)
    with pytest.raises(InvalidOption, match="mask"):
        tracin_last(run, tasks(run), target, parameters=mask.double())
    plain, _ = twins("maml_softmax", "Adam")
    with pytest.raises(InvalidOption, match="last layer"):
        tracin_last(plain, tasks(plain), plain.program.problem.tasks.select([0]))


class HeadFirst(torch.nn.Module):
    """Its head is registered before its body; weights of the head by a parametrisation."""

    def __init__(self):
        super().__init__()
        self.out, self.body = torch.nn.Linear(4, 3), torch.nn.Linear(5, 4)
        torch.nn.utils.parametrizations.weight_norm(self.out)

    def forward(self, x):
        return self.out(torch.tanh(self.body(x)))


def test_the_last_layer_is_the_one_used_last():
    """Guards the order of registration taken for the order of use, and parts of a layer left out."""
    torch.manual_seed(0)
    net = HeadFirst().double()
    base = network()
    problem = mi.Problem(
        net, base.tasks, base.adaptation, inner_loss=mi.cross_entropy, outer_reg=0.01
    )
    names = mi.FromModule(net).shapes
    want = [torch.full((s.numel(),), n.startswith("out.")) for n, s in names.items()]
    assert torch.equal(last_layer(problem), torch.cat(want))
    run = train(problem, Recipe(rate=0.1, batches=[[0], [1]]), progress=False)
    target = problem.tasks.select([5])
    found = tracin_last(run, tasks(run), target)
    assert_close(found[:, 0], by_hand(run, target, torch.cat(want).double()), 1e-13)


def test_sketches_are_unbiased_with_the_variance_stated():
    """Guards the 1/d: over 400 draws of G, the mean lies within 5 standard errors of the variance that the
    docstring states, and the spread is that variance within 5 of its own (kurtosis of a mean over d = 8)."""
    g, h = torch.randn(2, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    draws = torch.stack([sketched(g[None], 8, seed)[0] @ h for seed in range(400)])
    variance = (g.square().sum() * h.square().sum() + (g @ h) ** 2) / 8
    assert abs(draws.mean() - g @ h) < 5 * (variance / 400).sqrt()
    assert abs(draws.var() / variance - 1) < 5 * (4 / 400) ** 0.5
    run = small_run()
    target = run.program.problem.tasks.select([5])
    found = tracin_rp(run, tasks(run), target, dimension=4, seed=3)
    p, steps = run.program.problem.n_meta, run.program
    sketch = torch.randn(4, p, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) / 2
    want = torch.zeros(6, dtype=torch.float64)
    for t, batch in enumerate(steps.batches):
        lam = run.state_at(t).lam
        rows, slope = (
            steps.problem.task_gradients(lam),
            steps.problem.task_gradients(lam, target)[0],
        )
        for i in batch:
            want[i] -= steps.rates[t] / len(batch) * (sketch @ rows[i]) @ (sketch @ slope)
    assert_close(found[:, 0], want, 1e-12)

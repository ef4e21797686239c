"""Reruns: removal with the same seed, many of them, over seeds, and predicted beside true."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import Interrupted, InvalidProblem, InvalidRecipe
from metainfl.training import SGD, Recipe, Reruns, train
from metainfl.training.scores import spearman
from metainfl_reference import perturbation as truth
from metainfl_reference.estimands import trajectory
from tests.helpers import NAMES, assert_close
from tests.training.helpers import network, production, twins


@pytest.fixture(scope="module")
def run():
    recipe = Recipe(optimiser=SGD(0.5), rate=0.02, steps=10, batch_size=4, seed=2)
    return train(network(), recipe, progress=False)


@pytest.mark.parametrize("name", NAMES)
def test_removal_as_the_reference_has_it(name):
    """Guards a batch mean that divides by what is left, and weights that are added instead of set."""
    run, of = twins(name, "Adam")
    pis = [truth.query(2, 0), truth.group([truth.task(0), truth.task(3)])]
    for p, own in zip(pis, production(pis), strict=True):
        assert_close(run.without(own).lam, trajectory.removal(of, p).final.value, 1e-11, str(p))


def test_replay_at_weight_one_changes_nothing(run):
    """Guards a rerun that is another program: equal to the last digit."""
    assert torch.equal(run.replay().lam, run.lam)
    assert torch.equal(run.replay({mi.task(0): 1.0}).lam, run.lam)
    assert run.replay().losses == run.losses
    assert torch.equal(run.replay(run.program.problem.tasks).lam, run.lam)


def test_weight_two_is_a_duplicate():
    """Guards the meaning of a weight."""
    problem = network()
    doubled = train(
        problem, Recipe(rate=0.1, batches=[[0, 1, 1]] * 3, reduction="sum"), progress=False
    )
    once = train(problem, Recipe(rate=0.1, batches=[[0, 1]] * 3, reduction="sum"), progress=False)
    assert_close(once.replay({mi.task(1): 2.0}).lam, doubled.lam, 1e-14)


def test_many_reruns_are_those_one_by_one_and_go_on_after_a_kill(run, tmp_path, monkeypatch):
    """Guards the order of results, and a store that returns another run's."""
    pis = [mi.task(0), mi.support(1, 2), mi.group([mi.task(3), mi.query(0, 0)])]
    want = torch.stack([run.without(p).lam for p in pis])
    assert torch.equal(run.replay_many(pis, store=tmp_path), want)
    assert len(list(tmp_path.iterdir())) == 3

    def no(*_):
        raise AssertionError("was done already")

    monkeypatch.setattr("metainfl.training.replays._one", no)
    assert torch.equal(run.replay_many(pis[::-1], store=tmp_path), want.flip(0))
    other = train(network(seed=1), run.recipe, progress=False)
    with pytest.raises(AssertionError, match="done already"):
        other.replay_many(pis, store=tmp_path)


@pytest.mark.slow
def test_many_reruns_in_processes(run):
    """Guards what cannot be sent to another process."""
    pis = [mi.task(k) for k in range(4)]
    assert torch.equal(run.replay_many(pis, jobs=2), run.replay_many(pis))


def test_other_seeds_are_other_batches_from_the_same_start(run):
    """Guards seeds that change nothing, or the start as well."""
    a, b, again = run.over_seeds([2, 3, 3])
    assert torch.equal(a.lam, run.lam) and torch.equal(b.lam, again.lam)
    assert not torch.equal(a.lam, b.lam)
    start = run.program.start.lam
    (moved,) = run.over_seeds([2], starts=lambda s: start + 0.1 * s)
    assert torch.equal(moved.program.start.lam, start + 0.2)
    with pytest.raises(InvalidRecipe, match="draws nothing"):
        train(network(), Recipe(rate=0.1, steps=1), progress=False).over_seeds([1])


def test_scores_say_what_they_rest_on(run):
    """Guards a prediction without evidence: reruns agree with it to first order, and are counted."""
    targets = run.problem().tasks.select([0, 2])
    pis = [mi.support(k, j) for k in range(6) for j in range(6)]
    scores = run.scores(targets, pis, reruns=12, smoothness=True)
    assert scores.reruns is not None and len(scores.reruns.perturbations) == 12
    assert scores.reruns.true.shape == (12, 2)
    assert (scores.reruns.spearman > 0.8).all()
    first = pis.index(scores.reruns.perturbations[0])
    assert_close(scores.reruns.predicted[0], -scores.value[first], 1e-14)
    want = run.without(pis[first]).target_losses(targets) - run.target_losses(targets)
    assert_close(scores.reruns.true[0], want, 1e-12)
    assert "12 reruns" in str(scores) and "metasmoothness" in str(scores)
    assert "not known whether they predict" in str(run.scores(targets, pis))


def test_rank_correlation_with_ties_and_constants():
    """Guards ranks that hang on the order of ties, and NaN where there is nothing to rank."""
    a = torch.tensor([1.0, 2.0, 2.0, 3.0])
    assert float(spearman(a, torch.tensor([1.0, 2.0, 3.0, 4.0]))) == pytest.approx(
        0.9486832980505138
    )
    assert torch.isnan(spearman(a, torch.ones(4)))
    few = Reruns((mi.task(0),) * 3, torch.rand(3, 1), torch.rand(3, 1))
    assert few.interval.tolist() == [[-1.0, 1.0]]
    still = Reruns((mi.task(0),) * 5, torch.rand(5, 1), torch.zeros(5, 1))
    assert "undefined" in str(still)


def test_what_cannot_be_replayed_is_refused(run):
    """Guards a negative weight that trains."""
    with pytest.raises((InvalidProblem, ValueError), match="not negative"):
        run.replay({mi.task(0): -1.0})


def test_a_shift_is_no_removal():
    """Guards the unchanged run in place of a removal: a shift by 0 times anything moves nothing."""
    run = train(network(), Recipe(rate=0.1, steps=2), progress=False)
    moved, targets = mi.shift("query", 1, 0, 2), network().tasks.select([0])
    for call in (
        lambda: run.without(moved),
        lambda: run.replay_many([mi.task(0), moved]),
        lambda: run.scores(targets, [moved], reruns=1),
        lambda: run.scores(targets, [mi.task(0)], reruns=[moved]),
    ):
        with pytest.raises(InvalidProblem, match=r"query_input 1.0\[2\] is an input shift"):
            call()
    with pytest.raises(InvalidProblem, match=r"run.replay\(\{shift: value\}\)"):
        run.without(moved)
    assert not torch.equal(run.replay({moved: 0.1}).lam, run.lam)
    many = run.replay_many([moved], factor=0.1)
    assert torch.equal(many[0], run.replay({moved: 0.1}).lam)


@pytest.mark.parametrize("size", [6, 100])
def test_batches_of_all_tasks_draw_nothing(size):
    """Guards an interval of rounding: every seed orders the same tasks, and the sum is the same."""
    run = train(network(), Recipe(rate=0.1, steps=2, batch_size=size), progress=False)
    with pytest.raises(InvalidRecipe, match="batch_size below 6"):
        run.over_seeds([1, 2])
    a, b = run.over_seeds([1, 2], starts=lambda s: torch.full((39,), 0.1 * s).double())
    assert not torch.equal(a.lam, b.lam)


def test_other_seeds_go_as_far_as_the_run():
    """Guards a run of some steps that is compared with runs of all of them."""

    def stop(done, *rest):
        if done == 2:
            raise KeyboardInterrupt

    recipe = Recipe(rate=0.1, steps=5, batch_size=2)
    with pytest.raises(Interrupted) as caught:
        train(network(), recipe, progress=stop)
    (other,) = caught.value.result.over_seeds([7])
    whole = train(network(), Recipe(rate=0.1, steps=5, batch_size=2, seed=7), progress=False)
    assert other.done == 2 and torch.equal(other.lam, whole.state_at(2).lam)


def test_a_shift_of_inputs_in_another_order_of_memory():
    """Guards an error of torch, and another feature, where inputs are kept channels last or transposed."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 2, 4, 4, generator=draw, dtype=torch.float64)
    last = x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    assert torch.equal(x, last) and not last[0, 0].is_contiguous()
    y = torch.eye(3, dtype=torch.float64).expand(2, -1, -1).clone()
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32, 3)).double()
    moved, found = mi.shift("support", 1, 2, 21), []
    for inputs in (x, last):
        tasks = mi.Tasks(inputs, y, inputs, y)
        problem = mi.Problem(
            net, tasks, mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy, outer_reg=1e-2
        )
        run = train(problem, Recipe(rate=0.1, steps=2), progress=False)
        before = inputs.clone()
        found.append((run.replay({moved: 0.5}).lam, run.influence([moved]).value))
        assert torch.equal(inputs, before) and not torch.equal(found[-1][0], run.lam)
    for a, b in zip(*found, strict=True):
        assert_close(b, a, 1e-13)

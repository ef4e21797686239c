"""Parameter groups: torch's loops given back, the unrolled derivative, each read with its group."""

import pytest
import torch
from torch.optim import SGD as TorchSGD
from torch.optim import Adam as TorchAdam
from torch.optim import AdamW as TorchAdamW

import metainfl as mi
from metainfl.errors import InvalidRecipe
from metainfl.methods.run.gradient_dot import gradient_dot
from metainfl.methods.run.tracin import tracin
from metainfl.methods.run.tracin_cp import tracin_cp
from metainfl.training import (
    SGD,
    Adam,
    AdamW,
    Group,
    Groups,
    Recipe,
    Recorder,
    by_name,
    load,
    save,
    train,
)
from metainfl.training.steps import decay, step_scale
from tests.helpers import relative
from tests.training.helpers import network
from tests.training.test_recorder import recorded


def by_turns(kind, first, second, rate):
    """Weights with some options and biases with others."""

    def make(parameters):
        every = list(parameters)
        return kind([{"params": every[::2], **first}, {"params": every[1::2], **second}], lr=rate)

    return make


MAKE = {
    "no decay on biases": by_turns(
        TorchAdamW, {"eps": 1e-3}, {"eps": 1e-3, "weight_decay": 0}, 0.02
    ),
    "coupled decay, slower": by_turns(TorchAdam, {"lr": 0.002}, {"weight_decay": 0.1}, 0.02),
    "momentum for some": by_turns(TorchSGD, {"momentum": 0.9}, {"lr": 0.3}, 0.1),
    "rates alone": by_turns(TorchSGD, {}, {"lr": 0.01}, 0.1),
    "one is frozen by its rate": by_turns(TorchAdam, {"lr": 0.0, "eps": 1e-2}, {"eps": 1e-2}, 0.02),
}


def differences(run, target, p, h=1e-4):
    """The fourth-order quotient of reruns at weights about 1."""
    at = {s: float(run.replay({p: 1 + s * h}).target_losses(target)[0]) for s in (-2, -1, 1, 2)}
    return (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * h)


@pytest.mark.parametrize("late", [0, 2])
@pytest.mark.parametrize("name", MAKE)
def test_a_loop_with_groups_is_given_back_and_attributed(name, late):
    """Guards options and rates of a group that are lost, or go to the other group's parameters."""
    recorder, problem = recorded(MAKE[name], schedule=True, late=late)
    run = recorder.run(problem)
    assert isinstance(run.recipe.optimiser, Groups)
    assert relative(run.lam, recorder.states[-1]) < 1e-12
    target, p = network(outer_reg=0.0).tasks.select([3]), mi.query(2, 1)
    assert relative(run.scores(target, [p]).value[0, 0], differences(run, target, p)) < 1e-6
    row = run.influence([p]).value[0]
    pulled = run.scores(target, [mi.task(1), p]).value[1, 0]
    slope = problem.replaced(tasks=target).task_gradients(run.lam)[0]
    assert float(row @ slope) == pytest.approx(float(pulled), rel=1e-10)


def test_single_precision_and_clipping():
    recorder, problem = recorded(MAKE["no decay on biases"], dtype=torch.float32, clip=0.5)
    assert relative(recorder.run(problem, clip=0.5).lam, recorder.states[-1]) < 1e-5


def test_groups_that_are_alike_are_one():
    recorder, problem = recorded(by_turns(TorchAdam, {}, {}, 0.01))
    assert type(recorder.run(problem).recipe.optimiser) is Adam


def test_rates_in_another_proportion_are_refused():
    net = torch.nn.Linear(3, 2)
    optimiser = by_turns(TorchSGD, {}, {"lr": 0.2}, 0.1)(net.parameters())
    recorder = Recorder(net, optimiser)
    recorder.step([0])
    optimiser.param_groups[1]["lr"] = 0.1
    recorder.step([0])
    with pytest.raises(InvalidRecipe, match=r"rates .* are \(0.1, 0.1\) at step 1"):
        recorder.recipe()


def test_an_option_of_one_group_that_changes_is_named():
    net = torch.nn.Linear(3, 2)
    optimiser = by_turns(TorchSGD, {"momentum": 0.9}, {}, 0.1)(net.parameters())
    recorder = Recorder(net, optimiser)
    optimiser.param_groups[1]["weight_decay"] = 0.1
    with pytest.raises(InvalidRecipe, match=r"weight_decay was 0\.0 .* is 0\.1"):
        recorder.step([0])


def test_by_name_trains_as_torch_does_and_is_kept(tmp_path):
    """Guards groups that are lost on their way through JSON."""
    problem = network()
    net = problem.setting.model.module
    own = by_name(
        net, AdamW(), {"*.bias": AdamW(weight_decay=0.0), "0.*": Group(AdamW(), rate=0.1)}
    )
    assert [m.rate for m in own.members] == [1.0, 1.0, 0.1]
    recipe = Recipe(optimiser=own, rate=0.05, steps=4, batch_size=3)
    assert Recipe.from_json(recipe.to_json()) == recipe
    run = train(problem, recipe, progress=False)
    save(run, tmp_path / "run")
    assert torch.equal(load(tmp_path / "run", problem).lam, run.lam)
    plain = train(
        problem, Recipe(optimiser=AdamW(), rate=0.05, steps=4, batch_size=3), progress=False
    )
    size = net[0].weight.numel()
    moved, usual = (r.lam[:size] - problem.own_start()[:size] for r in (run, plain))
    assert float(moved.norm()) < 0.2 * float(usual.norm())


def test_what_a_step_comes_to_is_told_by_group():
    """Guards decay of 0, and a rate of 1, where an optimiser has none of its own."""
    problem = network()
    net = problem.setting.model.module
    groups = {"*.bias": Group(SGD(weight_decay=0.0), rate=0.5)}
    own = by_name(net, SGD(momentum=0.5, weight_decay=0.1), groups)
    run = train(problem, Recipe(optimiser=own, rate=0.05, steps=2), progress=False)
    bias = torch.cat([
        torch.full_like(p, n.endswith("bias")).reshape(-1) for n, p in net.named_parameters()
    ])  # fmt: skip
    assert torch.equal(decay(run, 1), 0.1 * (1 - bias))
    assert torch.equal(step_scale(run, [1]), 2.0 - 1.5 * bias)
    decoupled = by_name(
        net, AdamW(weight_decay=0.1), {"*.bias": Group(AdamW(weight_decay=0.0), 0.0)}
    )
    run = train(problem, Recipe(optimiser=decoupled, rate=0.05, steps=2), progress=False)
    plain = train(
        problem, Recipe(optimiser=AdamW(weight_decay=0.1), rate=0.05, steps=1), progress=False
    )
    assert torch.isfinite(decay(run, 0)).all() and not decay(run, 0)[bias > 0].any()
    assert relative(decay(run, 0)[bias == 0], decay(plain, 0)[bias == 0]) < 1e-12


@pytest.mark.parametrize("method", [tracin, tracin_cp, gradient_dot])
def test_estimators_of_one_step_read_the_rates_of_groups(method):
    """Guards one rate for all: after a single step of SGD, TracIn is the run's derivative, at lam_0."""
    problem = network(outer_reg=0.0)
    net = problem.setting.model.module
    own = by_name(net, SGD(), {"*.bias": Group(SGD(), rate=0.1)})
    # a step so small that slopes at lam_1 are those at lam_0
    run = train(problem, Recipe(optimiser=own, rate=1e-7, steps=1), progress=False)
    target, pis = network(seed=1).tasks.select([0]), [mi.task(0), mi.query(2, 1)]
    assert relative(method(run, pis, target), run.scores(target, pis).value) < 1e-6


def test_a_schedule_that_ends_at_zero_is_in_proportion():
    """Guards a proportion of what is left of rates by rounding."""
    net = torch.nn.Linear(3, 2)
    optimiser = by_turns(TorchSGD, {}, {"lr": 0.3}, 0.1)(net.parameters())
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 50)
    recorder = Recorder(net, optimiser)
    for _ in range(51):
        optimiser.step()
        recorder.step([0])
        fall.step()
    made, _ = recorder.recipe()
    assert [m.rate for m in made.optimiser.members] == pytest.approx([1 / 3, 1.0], rel=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: by_name(torch.nn.Linear(3, 2), SGD(), {"head.*": SGD()}), "no trained parameter is called"),
        (lambda: Groups((), ((0, 1),)), "members are Groups"),
        (lambda: Groups((Group(SGD()), Group(Adam())), ((0, 1), (1, 1))), "do not carry the same"),
        (lambda: Groups((Group(SGD()),), ((1, 4),)), "runs name member 1 of 1"),
        (lambda: Groups((Group(SGD()),), None), "runs are pairs"),
        (lambda: by_name(torch.nn.Linear(3, 2), {"*.bias": SGD()}, SGD()), "the order is by_name"),
        (lambda: Group(torch.optim.SGD), "is stepped by SGD"),
        (lambda: Group(SGD(), rate=-1.0), "rate of a group"),
    ],
)  # fmt: skip
def test_what_are_no_groups_is_refused(make, words):
    with pytest.raises(InvalidRecipe, match=words):
        make()


def test_groups_of_another_network_are_refused():
    own = Groups((Group(SGD()),), ((0, 4),))
    with pytest.raises(InvalidRecipe, match="the groups are of 4 numbers"):
        train(network(), Recipe(optimiser=own, rate=0.1, steps=1), progress=False)

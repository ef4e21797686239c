"""Recorded loops: accepted where replaying gives them back, refused with the step that differs."""

from functools import partial

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import metainfl as mi
from metainfl.errors import InvalidRecipe, NotFinite, NotReplayed
from metainfl.training import Recorder
from tests.helpers import relative
from tests.training.helpers import extrapolated, network

BATCHES = [[0, 1, 2], [3, 4, 5], [1, 5], [2, 0, 4]]


def recorded(
    make, *, hand="indices", slip=None, dtype=torch.float64, schedule=False, clip=None, late=0
):
    """A plain torch loop of MAML, as people write it, recorded from step `late` on."""
    problem = network(outer_reg=0.0, dtype=dtype)
    net = problem.setting.model.module
    optimiser = make(net.parameters())
    fall = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.8) if schedule else None
    for t, batch in enumerate(BATCHES):
        if t == late:
            recorder = Recorder(net, optimiser)
        optimiser.zero_grad()
        for k in batch:
            x, y, q, z = (v[k] for v in problem.tasks.view()[:4])
            own = dict(net.named_parameters())
            fit = cross_entropy(torch.func.functional_call(net, own, (x,)), y, reduction="sum")
            slopes = torch.autograd.grad(fit, list(own.values()), create_graph=True)
            fast = {n: p - 0.2 * g for (n, p), g in zip(own.items(), slopes, strict=True)}
            out = torch.func.functional_call(net, fast, (q,))
            (cross_entropy(out, z, reduction="sum") / len(batch)).backward()
        if slip == t:
            for p in net.parameters():
                p.grad.mul_(1.001)
        if clip:
            torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimiser.step()
        if t >= late:
            recorder.step(batch if hand == "indices" else problem.tasks.select(batch))
        if fall:
            fall.step()
    return recorder, problem


MAKE = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.5, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, 0.01, eps=1e-3),
    "adamw": lambda p: torch.optim.AdamW(p, 0.01, eps=1e-3),
}


@pytest.mark.parametrize("hand", ["indices", "tasks"])
@pytest.mark.parametrize("name", MAKE)
def test_a_plain_loop_is_given_back_and_attributed(name, hand):
    """Guards options, rates and moments that are lost on the way from torch.optim."""
    recorder, problem = recorded(MAKE[name], hand=hand, schedule=True)
    run = recorder.run(problem)
    assert relative(run.lam, recorder.states[-1]) < 1e-12
    target = network(outer_reg=0.0).tasks.select([3])
    p = mi.query(2, 1)
    # Adam's root of the squared gradient has kinks in its second derivative: stay between them
    want = extrapolated(lambda s: run.replay({p: 1 + s}).target_losses(target)[0], h=1e-3, rows=2)
    assert relative(run.scores(target, [p]).value[0, 0], want) < 1e-6


def test_float32_and_clipping():
    """Guards a tolerance that refuses right loops in single precision."""
    recorder, problem = recorded(MAKE["sgd"], dtype=torch.float32, clip=0.5)
    assert relative(recorder.run(problem, clip=0.5).lam, recorder.states[-1]) < 1e-5
    with pytest.raises(NotReplayed, match="step 0"):
        recorder.run(problem)


@pytest.mark.parametrize("slip", [0, 2])
def test_the_step_that_differs_is_named(slip):
    """Guards a run that is accepted though one step was another: a thousandth of a gradient is enough."""
    recorder, problem = recorded(MAKE["sgd"], slip=slip)
    with pytest.raises(NotReplayed, match=f"step {slip} of the loop") as caught:
        recorder.run(problem)
    assert caught.value.step == slip and 1e-5 < caught.value.gap < 1e-2
    with pytest.raises(NotReplayed, match="step 0"):
        recorder.run(problem, reduction="sum")


def test_what_cannot_be_recorded_is_refused_by_name():
    """Guards options that would be dropped."""
    net = network().setting.model.module
    for make, what in (
        (lambda: torch.optim.Adam(net.parameters(), 0.1, amsgrad=True), "amsgrad"),
        (lambda: torch.optim.RMSprop(net.parameters(), 0.1), "RMSprop"),
    ):
        with pytest.raises(InvalidRecipe, match=what):
            Recorder(net, make())
    with pytest.raises(InvalidRecipe, match="nothing was recorded"):
        Recorder(net, torch.optim.SGD(net.parameters(), 0.1)).recipe()


def test_a_step_is_recorded_whole_or_not_at_all(monkeypatch):
    """Guards a rate or a batch without its parameters, where Ctrl-C falls into the recording."""
    problem = network()
    net = problem.setting.model.module
    recorder = Recorder(net, torch.optim.SGD(net.parameters(), lr=0.1))
    flat = Recorder._flat

    def stopped(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "_flat", stopped)
    with pytest.raises(KeyboardInterrupt):
        recorder.step([0, 1])
    with pytest.raises(InvalidRecipe, match="nothing was recorded"):
        recorder.recipe()
    monkeypatch.setattr(Recorder, "_flat", flat)
    recorder.step([2])
    recipe, _ = recorder.recipe()
    assert recipe.batches == ((2,),) and len(recorder.states) == 2


def test_a_scheduler_before_the_recorder_is_among_the_reasons():
    """Guards a refusal that names everything but what is the matter: the rate of the next step."""
    recorder, problem = recorded(MAKE["sgd"])
    rates = [(0.5 * rate,) for (rate,), _, _ in recorder.steps]
    recorder.steps = [(r, b, s) for r, (_, b, s) in zip(rates, recorder.steps, strict=True)]
    with pytest.raises(NotReplayed) as caught:
        recorder.run(problem)
    for why in ("scheduler", "no create_graph", "noise", "clip_grad_value_", "clip="):
        assert why in str(caught.value)


def test_a_loop_that_does_not_move_is_replayed():
    """Guards 0/0: "rounding grew to nan of the whole way"."""
    recorder, problem = recorded(lambda p: torch.optim.SGD(p, 0.0))
    assert torch.equal(recorder.run(problem).lam, recorder.start)


def test_a_rate_in_single_precision_is_the_first_reason():
    """Guards a list of a dozen reasons without the one that holds."""
    recorder, problem = recorded(lambda p: torch.optim.Adam(p, torch.tensor(0.01), eps=1e-3))
    with pytest.raises(
        NotReplayed, match=r"rate is a tensor of torch.float32, .* a tensor of torch.float64"
    ):
        recorder.run(problem)


def test_places_are_whole_numbers_or_a_mask():
    """Guards 0.7 recorded as task 0, and a mask as the places 0 and 1."""
    net = network().setting.model.module
    recorder = Recorder(net, torch.optim.SGD(net.parameters(), 0.1))
    for mask in ([False, True, True], torch.tensor([False, True, True]), np.array([1, 2])):
        recorder.step(mask)
        assert recorder.steps[-1][1] == [1, 2]
    for wrong in (
        [1.7],
        torch.tensor([1.7]),
        3,
        None,
        "ab",
        torch.tensor(1),
        torch.ones(1, 1).long(),
    ):
        with pytest.raises(InvalidRecipe, match="task"):
            recorder.step(wrong)
    assert len(recorder.steps) == 3
    with pytest.raises(InvalidRecipe, match="a recipe has no 'foo'; it has optimiser, rate"):
        recorder.run(network(), foo=1)


def test_what_is_no_loop_is_refused():
    """Guards errors from inside of torch, and a KeyError where an optimiser has no weight decay."""
    net = network().setting.model.module
    of = partial(torch.optim.SGD, lr=0.1)
    sgd = of(net.parameters())
    for make, words in (
        (lambda: Recorder(net, torch.optim.LBFGS(net.parameters())), "LBFGS is not recorded"),
        (lambda: Recorder(torch.nn.Tanh(), sgd), "Tanh has no parameter to train"),
        (lambda: Recorder(sgd, net), r"Recorder\(net, optimiser\); got a SGD, a Sequential"),
        (lambda: Recorder(None, sgd), "got a NoneType"),
        (lambda: Recorder(net, of(net[2].parameters())), "not train '0.weight', '0.bias' of"),
        (lambda: Recorder(net[2], sgd), "also trains parameters that the network does not have"),
    ):
        with pytest.raises(InvalidRecipe, match=words):
            make()


@pytest.mark.parametrize("freed", [False, True])
def test_what_is_trained_stays_the_same(freed):
    """Guards a bare error of shapes long after a parameter was frozen, or set free, within the loop."""
    net = network().setting.model.module
    first = next(iter(net.parameters())).requires_grad_(not freed)
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    recorder = Recorder(net, optimiser)
    recorder.step([0])
    first.requires_grad_(freed)
    with pytest.raises(InvalidRecipe, match="was frozen or set free after the recorder was made"):
        recorder.step([0])
    assert len(recorder.steps) == 1


def test_a_loop_that_diverges_is_told_at_its_step():
    """Guards "it ends nan away, where the loop moved by nan. Look at the loss ..."."""
    recorder, problem = recorded(MAKE["sgd"])
    kept = len(recorder.steps)
    with torch.no_grad():
        next(iter(recorder.net.parameters())).view(-1)[1] = float("nan")
    with pytest.raises(NotFinite, match=f"not finite after step {kept} .number 1 of"):
        recorder.step([0])
    assert recorder.run(problem).done == kept  # what was recorded before is a run


def test_weight_norm_is_refused_with_a_word_on_it_and_right_where_it_is_written_out():
    """Guards a right run that is refused in words that send the reader elsewhere: it is the loop whose steps
    go along a wrong derivative, by torch's second one of `weight_norm`.
    """
    problem = network(outer_reg=0.0)
    view = problem.tasks.view()

    def recorded(written_out):
        torch.manual_seed(0)
        layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(5, 3)).double()
        if written_out:
            own = layer.parametrizations.weight[0]
            own.forward = lambda g, v: g * v / v.norm(dim=1, keepdim=True)
        optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
        recorder = Recorder(layer, optimiser)
        for k in range(2):
            optimiser.zero_grad()
            own = dict(layer.named_parameters())
            x, y, q, z = (t[k] for t in view[:4])
            out = torch.func.functional_call(layer, own, (x,))
            fit = torch.nn.functional.cross_entropy(out, y, reduction="sum")
            slopes = torch.autograd.grad(fit, list(own.values()), create_graph=True)
            fast = {n: p - 0.2 * g for (n, p), g in zip(own.items(), slopes, strict=True)}
            out = torch.func.functional_call(layer, fast, (q,))
            torch.nn.functional.cross_entropy(out, z, reduction="sum").backward()
            optimiser.step()
            recorder.step([k])
        return recorder.run(problem.replaced(model=layer))

    assert recorded(written_out=True).done == 2
    v, g = torch.eye(3, dtype=torch.float64) + 0.5, torch.ones(3, 1, dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda v: torch._weight_norm(v, g).cos().sum(), v)
    if torch.allclose(hessian.reshape(9, 9), hessian.reshape(9, 9).T):
        pytest.skip("this torch has the second derivative right")
    with pytest.raises(NotReplayed, match="weight_norm"):
        recorded(written_out=False)

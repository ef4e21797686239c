"""Runs: what they copy, what stops them, and going on."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import Interrupted, InvalidRecipe, RunNotFinite
from metainfl.training import Adam, Recipe, State, train
from tests.helpers import assert_close
from tests.training.helpers import network


def test_a_run_is_what_torch_does():
    """Guards the whole loop against a plain one in torch: batches, mean, regulariser, optimiser; and an
    inner rate that goes through float32 on its way."""
    problem = network()
    recipe = Recipe(optimiser=Adam(), rate=0.01, steps=9, batch_size=4, seed=5)
    run = train(problem, recipe, progress=False)
    lam = torch.nn.Parameter(problem.setting.model.current())
    optimiser = torch.optim.Adam([lam], lr=0.01)
    for t, batch in enumerate(recipe.batches_of(6)):
        optimiser.zero_grad()
        rows = []
        for k in batch:
            x, y, q, z = (
                getattr(problem.tasks, n)[k]
                for n in ("support_x", "support_y", "query_x", "query_y")
            )
            fit = torch.nn.functional.cross_entropy(
                problem.setting.model(lam, x), y, reduction="sum"
            )
            theta = lam - 0.2 * torch.autograd.grad(fit, lam, create_graph=True)[0]
            out = problem.setting.model(theta, q)
            rows.append(torch.nn.functional.cross_entropy(out, z, reduction="sum"))
        loss = torch.stack(rows).mean()
        assert run.losses[t] == pytest.approx(float(loss.detach()), rel=1e-12)
        (loss + 0.5e-2 * lam.square().sum()).backward()
        optimiser.step()
    assert_close(run.lam, lam.detach(), 1e-12)


def test_what_the_caller_changes_later_stays_out():
    """Guards a run that remembers tensors, a module or an adaptation that can change in place."""
    problem = network()
    rate = torch.full((problem.n_meta,), 0.2, dtype=torch.float64)
    problem = problem.replaced(adaptation=mi.Unrolled(1, rate))
    start = torch.zeros(problem.n_meta, dtype=torch.float64)
    run = train(problem, Recipe(rate=0.1, steps=3), start=start, progress=False)
    before = run.lam
    start += 1
    rate += 1
    problem.tasks.query_x.add_(1)
    for p in problem.setting.model.module.parameters():
        p.data.add_(1)
    run.lam.add_(1)
    assert torch.equal(run.lam, before)
    assert torch.equal(run.replay().lam, before)


def test_interrupted_goes_on_as_if_it_had_not_been():
    """Guards Ctrl-C that loses steps, or a run that goes on elsewhere: equal to the last digit."""
    recipe = Recipe(optimiser=Adam(), rate=0.01, steps=8, batch_size=4)

    def stop(done, total, loss, state):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="5 of 8") as caught:
        train(network(), recipe, progress=stop)
    run = caught.value.result
    assert run.done == 5 and not run.finished
    part = run.scores(run.problem().tasks, [mi.task(1)]).value  # of the steps taken
    assert torch.isfinite(part).all() and torch.equal(run.replay().lam, run.lam)
    whole = train(network(), recipe, progress=False)
    assert torch.equal(run.resume(progress=False).lam, whole.lam)
    assert run.losses == whole.losses and run.finished
    assert not torch.equal(run.scores(run.problem().tasks, [mi.task(1)]).value, part)


def test_nan_has_a_step_and_a_task_and_loses_nothing():
    """Guards NaN that trains on: the error names step and task, and holds the run up to there."""
    problem = network()

    def loss(outputs, y):
        bad = (y[:, 0] == 0.5).to(outputs)  # a label of the one task
        return mi.cross_entropy(outputs, y) / (1 - bad)

    problem.tasks.query_y[4, 1, 0] = 0.5
    broken = problem.replaced(outer_loss=loss)
    with pytest.raises(RunNotFinite, match="step 2: the loss of task 4") as caught:
        train(broken, Recipe(rate=0.1, batches=[[0, 1], [2, 3], [5, 4]]), progress=False)
    assert (caught.value.step, caught.value.task) == (2, 4)
    run = caught.value.result
    assert run.done == 2 and torch.isfinite(run.lam).all()


def test_a_step_that_overflows_is_named():
    """Guards an infinity that appears in the parameters though every gradient is finite."""
    with pytest.raises(RunNotFinite, match=r"step 0.*lower the rate") as caught:
        train(network(), Recipe(rate=1.7e308, steps=3, reduction="sum"), progress=False)
    assert caught.value.result.done == 0


def test_a_last_phase_is_the_run_from_a_given_state():
    """Guards moments and counts of a start that are dropped: equal to the last digit."""
    recipe = Recipe(optimiser=Adam(), rate=lambda t: 0.02 / (1 + t), steps=8, batch_size=4)
    run = train(network(), recipe, progress=False)
    last = run.phase(5)
    assert torch.equal(last.lam, run.lam) and last.program.steps == 3
    assert last.losses == run.losses[5:]
    # influence over the phase alone: the whole's minus what went through the state at its start
    target = run.problem().tasks.select([1])
    seeds = run.target_slopes(target)
    whole, late = run.sensitivities(seeds), last.sensitivities(seeds)
    early = train(network(), recipe, progress=False).phase(0)
    assert_close(early.sensitivities(seeds).value["task_weight"], whole.value["task_weight"], 1e-14)
    assert not torch.equal(late.value["task_weight"], whole.value["task_weight"])


def test_float32_and_a_start_of_another_dtype():
    """Guards constants of the model left in another dtype."""
    recipe = Recipe(rate=0.1, steps=3, dtype="float32")
    run = train(network(), recipe, progress=False)
    assert run.lam.dtype == torch.float32
    assert_close(run.lam, train(network(), Recipe(rate=0.1, steps=3), progress=False).lam, 1e-5)
    value = run.scores(network().tasks, [mi.task(0)]).value
    assert value.dtype == torch.float32 and torch.isfinite(value).all()


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (torch.zeros(3), "must be"),
        (torch.full((39,), float("nan")), "not finite at index 0"),
        (State(torch.zeros(39), (), 4), "0 moments, but Adam carries 2"),
        (torch.zeros(39) * 1j, "lam of the start must be a real tensor, got torch.complex64"),
        (
            State(torch.zeros(39), (torch.zeros(39), 0.0)),
            "moment 1 of the start must be a real tensor",
        ),
        ([0.0] * 39, r"start is a tensor \(39,\) or a State"),
        (lambda: None, r"start is a tensor \(39,\) or a State"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(start, what):
    """Guards a start that is broadcast, or whose moments are made up."""
    with pytest.raises(InvalidRecipe, match=what):
        train(network(), Recipe(optimiser=Adam(), rate=0.1, steps=1), start=start, progress=False)


def test_what_is_no_run_recipe_or_step_is_told():
    """Guards errors of Python's own, and reasons that are none: NaN seeds called a run that is not smooth."""
    recipe = Recipe(rate=0.1, steps=3, batch_size=2)
    run, one = train(network(), recipe, progress=False), torch.ones(1, 39)
    for call, words in (
        (lambda: train(network(), recipe, start=run), "start=run.state goes on from a run"),
        (lambda: train(network(), None), r"takes a metainfl.training.Recipe"),
        (
            lambda: run.phase(3),
            "no step is left from step 3 on: this run has 3, the last is step 2",
        ),
        (lambda: run.phase("a"), "the first step of a phase must be a whole number"),
        (lambda: run.state_at(0.5), "the step of a state must be a whole number"),
        (
            lambda: run.sensitivities(one, ["nope"]),
            "read is a list of task_weight, .*; got str 'nope'",
        ),
        (lambda: run.sensitivities(one, "task_weight"), "read is a list of"),
        (lambda: run.sensitivities(one * float("nan")), "row 0 of the seeds is not finite"),
        (lambda: run.sensitivities(one * 1j), "seeds must be real"),
        (lambda: run.sensitivities([1.0]), r"seeds must be a tensor \(m, 39\)"),
        (lambda: run.over_seeds(3), "seeds are a list"),
        (lambda: run.over_seeds([1], starts=3), "starts is a function"),
        (lambda: run.over_seeds([1], starts=lambda s: [0.0]), "start is a tensor"),
        (lambda: run.replay({mi.task(0): "a"}), "the value of task 0 must be a number"),
        (lambda: run.replay_many([mi.task(0)], factor="a"), "factor must be a number"),
        (lambda: run.smoothness(h="a"), "h must be in"),
        (lambda: run.smoothness(seed=2**70), "seed must be a whole number"),
    ):
        with pytest.raises(InvalidRecipe, match=words):
            call()
    with pytest.raises(mi.InvalidProblem, match=r"this is asked of a metainfl.Problem"):
        train(None, recipe)


def test_progress_is_told_and_says_nothing_where_there_is_no_terminal(capfd):
    """Guards a bar in a log file, and steps counted wrongly."""
    seen = []
    run = train(network(), Recipe(rate=0.1, steps=3), progress=lambda *a: seen.append(a[:3]))
    assert seen == [(t + 1, 3, run.losses[t]) for t in range(3)]
    train(network(), Recipe(rate=0.1, steps=3), progress=True)
    assert capfd.readouterr() == ("", "")
    assert "Run(3 of 3 steps, SGD, 39 parameters, 6 tasks" in repr(run)


def test_progress_is_yes_no_or_a_function():
    """Guards "'int' object is not callable" from inside of the loop."""
    for wrong in (3, "yes"):
        with pytest.raises(InvalidRecipe, match="progress is True, False, or a function"):
            train(network(), Recipe(rate=0.1, steps=1), progress=wrong)

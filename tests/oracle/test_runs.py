"""Claims about training runs: right methods hold, each slip is named, each law of a run has a use."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.methods.run import hydra, sgd_influence, tracin, tracin_ideal
from metainfl.oracle import check_method
from metainfl.oracle.checks import CHECKS, checks_for
from metainfl.oracle.mutants import MUTANTS
from metainfl.oracle.runs.backwards import backwards, seeds_of
from metainfl.oracle.runs.slips import SLIPS, Slip
from metainfl.oracle.runs.space import DESIGNS, FAR, SINGLE, drawn_run
from metainfl_reference.families import FAMILIES
from tests.helpers import assert_close

FEW = ("maml_softmax", "prototypes", "proximal_ridge")
RUNS = [n for n, c in CHECKS.items() if c.evidence == ("run",)]


def judged(
    method, estimand, checks=None, kinds=("task", "support", "query", "group"), families=FEW
):
    claim = mi.Claim(estimand=estimand, kinds=kinds, families=families)
    return check_method(method, claim=claim, checks=checks, quick=True, in_process=True)


def adjoint(run, pis, targets):
    return run.scores(targets, pis).value


def test_the_adjoint_holds_and_all_laws_of_a_run_are_asked():
    """Guards false alarms, and laws that are always skipped."""
    report = judged(adjoint, "run_score")
    assert report.passed, str(report)
    assert {o.check for o in report.outcomes} == set(checks_for("run")) and set(RUNS) <= set(
        checks_for("run")
    )
    assert [o.check for o in report.outcomes if o.status != "pass"] == ["ranks_removals"]


@pytest.mark.parametrize(
    ("method", "estimand", "kinds"),
    [
        (lambda run, pis: run.influence(pis).value, "run_derivative", ("task", "support_input")),
        (hydra, "run_score", ("query", "query_input")),
        (lambda run, pis: run.replay_many(pis), "run_removal", ("task", "support", "group")),
        (tracin, "tracin", ("task",)),
        (tracin_ideal, "ideal_tracin", ("task", "group")),
    ],
)
def test_every_estimand_of_a_run_has_a_right_method(method, estimand, kinds):
    """Guards a truth of another sign, scale or domain than the methods of this library."""
    checks = ["returns_an_array", "leaves_its_inputs_alone", "agrees_with_the_truth"]
    report = judged(method, estimand, checks, kinds)
    assert report.passed, str(report)


def test_a_slip_fails_and_is_named():
    """Guards a slip that has no name of its own; `metainfl check --self` judges all of them."""
    assert set(SLIPS) <= set(MUTANTS)
    specimen = MUTANTS["state_forgotten"]
    kinds, families = ("task",), FEW[:1]
    report = judged(
        specimen.method, specimen.claim.estimand, ["agrees_with_the_truth"], kinds, families
    )
    assert report.failures[0].diagnosis == specimen.defect, str(report)


def test_a_method_without_a_slip_is_not_named():
    """Guards a wrong name, which is worse than none; and the sign."""
    found = judged(tracin, "run_score", ["agrees_with_the_truth"], ("task",), FEW[:1])
    assert found.failures[0].diagnosis.startswith("no known variant")
    turned = judged(
        lambda run, pis, targets: -adjoint(run, pis, targets),
        "run_score", ["agrees_with_the_truth"], ("task",), FEW[:1],
    )  # fmt: skip
    assert "sign" in turned.failures[0].diagnosis


def dotted_at_the_start(run, pis, targets):
    """Right after one step but for the state that the target's slope is taken at."""
    slopes = run.program.problem.task_gradients(run.program.start.lam, targets.to(run.lam))
    return run.influence(pis).value @ slopes.T


def all_tasks_at_every_step(run, pis, targets):
    """As if every task were in every batch, at its share."""
    found = adjoint(run, pis, targets)
    return found + 1e-3 * found.abs().max()


@pytest.mark.parametrize(
    ("check", "method"),
    [
        ("order_along_the_run", lambda r, p, t: 1.001 * adjoint(r, p, t)),
        ("one_step_is_a_gradient_dot_product", lambda r, p, t: 1.5 * adjoint(r, p, t)),
        ("tends_to_the_implicit_answer", lambda r, p, t: 1.5 * adjoint(r, p, t)),
        ("what_no_batch_holds_changes_nothing", all_tasks_at_every_step),
        ("parts_of_a_run_add_up", all_tasks_at_every_step),
    ],
)
def test_each_law_of_a_run_can_fail(check, method):
    """Guards a check that passes everything."""
    assert check in RUNS
    report = judged(method, "run_score", [check])
    assert [o.check for o in report.failures] == [check], str(report)
    assert judged(adjoint, "run_score", [check]).passed


def test_checks_know_whose_claims_they_judge():
    """Guards a law of the minimiser that is asked of a run, and a run's of a minimiser."""
    report = judged(adjoint, "run_score", ["tasks_add_up_to_the_regulariser"])
    assert report.outcomes[0].status == "skip" and "about a run" in report.outcomes[0].message
    assert not set(RUNS) & set(checks_for("minimiser"))


def test_no_slip_is_the_adjoint_itself():
    """Guards the pass that mutants and diagnosis share: without a slip it is the run's derivative."""
    for design in DESIGNS:
        if design == "long":
            continue  # the same steps, more of them
        case = drawn_run("maml_softmax", design)
        run = case.problem()
        targets = case.target_tasks(run)
        pis = case.perturbations(["task", "support", "query", "group"], 6)
        found = backwards(run, pis, seeds_of(run, targets), Slip())
        assert_close(found, run.scores(targets, pis).value, 1e-10, design)


def test_drawn_runs_cover_what_they_say():
    """Guards designs that lose a part: clipping that never acts, equal batches, a task everywhere."""
    acts = clipped = 0
    for name in FAMILIES:
        case = drawn_run(name, "Adam")
        run, clip = case.problem(), case.recipe.clip
        norms = [run.program.gradient(t, run.state_at(t).lam)[1].norm() for t in range(run.done)]
        clipped += clip is not None
        acts += clip is not None and any(n > clip for n in norms)
        used = {k for b in case.recipe.batches for k in b}
        assert len({len(b) for b in case.recipe.batches}) > 1
        assert len(used) < case.family.episodes.n_tasks
        assert_close(run.lam, case.truth_run.lam[-1], case.tolerance(), name)
    assert clipped == len(FAMILIES) / 2 and acts > clipped / 2
    nesterov = drawn_run("proximal_softmax", "Nesterov").problem()
    norms = [
        nesterov.program.gradient(t, nesterov.state_at(t).lam)[1].norm()
        for t in range(nesterov.done)
    ]
    assert max(norms) > nesterov.recipe.clip and len(nesterov.kept.states) < nesterov.done
    phase = drawn_run("proximal_ridge", "long").problem()
    assert phase.done > 100 and phase.program.start.steps and phase.program.start.moments[0].any()
    assert phase.recipe.optimiser.dampening
    with pytest.raises(mi.MetainflError):
        sgd_influence(run, [mi.task(0)], case.target_tasks(run))
    assert torch.isfinite(run.lam).all()


def test_what_goes_together_in_one_recipe_is_apart_in_another():
    """Guards slips that show under one optimiser alone: each was met with one clip, decay and reduction."""
    seen = {}
    for seed in (0, 1):
        for name in FAMILIES:
            for design in DESIGNS[:5]:
                case = drawn_run(name, design, seed)
                r, sizes = case.recipe, case.family.episodes.n_tasks
                own = seen.setdefault((r.optimiser, r.momentum > 0, r.nesterov), set())
                own.add(("clip", r.clip is None))
                own.add(("reduction", r.reduction))
                own.add(("decoupled", r.decoupled))
                own.add(("carried", case.carried is None))
                own.add(("root", r.eps_inside_root))
                own.add(("tasks", min(sizes, 3)))
                own.add(("one rate", len(set(r.rates)) == 1))
    for optimiser, fields in seen.items():
        for name, values in (("clip", 2), ("reduction", 2), ("decoupled", 2)):
            assert len({v for n, v in fields if n == name}) == values, (optimiser, name)
    every = set.union(*seen.values())
    assert {v for n, v in every if n == "tasks"} == {1, 2, 3} and ("one rate", True) in every
    assert {v for n, v in seen["adam", False, False] if n == "root"} == {False, True}
    assert ("carried", False) in seen["sgd", True, True] and ("carried", True) in seen[
        "adam", False, False
    ]


def test_some_runs_stopped_before_their_recipe_ended():
    """Guards a method that takes the steps of the recipe for those of the run."""
    case = drawn_run("linear_representation", "momentum")
    run = case.problem()
    assert not run.finished and run.program.steps == run.done + 2 == case.recipe.steps + 2
    assert_close(run.lam, case.truth_run.lam[-1], case.tolerance(), "stopped")


def test_batches_of_one_are_drawn_with_one_target_and_three():
    """Guards claims of ideal TracIn, which is defined for these alone: one design of two was asked."""
    for seed in (0, 1):
        cases = [drawn_run("maml_softmax", d, seed) for d in SINGLE]
        assert sorted(len(c.targets) for c in cases) == [1, 3]
        assert all(len(b) == 1 for c in cases for b in c.recipe.batches)


def test_a_slip_on_drawn_runs_alone_is_judged():
    """Guards evidence of two runs that were held for one, as they had one name: the oracle stopped."""

    def plain_only(run, pis):
        found = run.influence(pis).value
        return found if run.program.problem.tasks.query_x.shape[2] == 3 else 2 * found

    report = judged(
        plain_only, "run_derivative", ["returns_an_array", "agrees_with_the_truth"], ("task",)
    )
    assert not report.broken and report.failures


def test_a_check_that_stops_by_the_oracles_own_fault_is_an_alarm(monkeypatch):
    """Guards a self-check that passes because a check judged nobody: an exception of the oracle's own counts
    as a check that was not made, and not made for any method is no check at all."""
    from metainfl.oracle import self_check as room
    from metainfl.oracle.outcome import Outcome

    stopped = Outcome("agrees_with_the_truth", "skip", "the oracle itself stopped", cause="oracle")
    monkeypatch.setattr(room, "Parallel", lambda **_: lambda work: ([stopped] for _ in work))
    found = room.self_check(mutants=[], seeds=[0])
    assert found.right_runs == len(found.alarms) and not found.passed


@pytest.mark.parametrize("optimiser", DESIGNS)
def test_drawn_runs_stay_near_their_start(optimiser):
    """Guards draws whose outputs saturate: what is left of their slopes is rounding, and would be judged."""
    for seed in range(3):
        case = drawn_run("proximal_softmax", optimiser, seed)
        assert np.abs(case.truth_run.lam).max() <= FAR * np.abs(case.start).max()

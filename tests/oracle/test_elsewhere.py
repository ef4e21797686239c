"""What is wrong, or left changed, where a method is seldom asked: each is seen, by the check that says so."""

import asyncio
import codecs
import copyreg
import logging
import os
import signal
from dataclasses import replace

import pytest
import torch

import metainfl as mi
from metainfl.oracle import check_method, manner
from metainfl.oracle.mutants.parts import truth
from metainfl.problem.ragged import Ragged
from metainfl.training import SGD, train

RIDGE = ("proximal_ridge",)
WEIGHTS = ("task", "support", "query", "group")


def halved(rows, pis, where):
    """Rows of the perturbations at which `where` holds, at half their size."""
    return rows * torch.tensor([0.5 if where(p) else 1.0 for p in pis]).to(rows)[:, None]


def ragged(problem):
    return isinstance(problem.tasks, Ragged)


def inputs_of_ragged(problem, pis):
    return halved(truth(problem, pis), pis, lambda p: ragged(problem) and p.kind.endswith("input"))


def chunks_of_ragged(problem, pis):
    return truth(problem, pis) * (0.5 if ragged(problem) and problem.asked_chunk else 1.0)


def supports_beside_queries(problem, pis):
    mixed = {"support", "query"}
    return halved(truth(problem, pis), pis, lambda p: {m.kind for m in p.members} == mixed)


def every_task_at_once(problem, pis):
    n = problem.tasks.n_tasks
    of_tasks = lambda p: {m.kind for m in p.members} == {"task"} and len(p.members) == n  # noqa: E731
    return halved(truth(problem, pis), pis, lambda p: n > 2 and of_tasks(p))


def groups_of_absent_tasks(problem, pis):
    gone = lambda m: m.kind == "task" and not problem.tasks.w[m.task]  # noqa: E731
    return halved(truth(problem, pis), pis, lambda p: any(map(gone, p.members)))


def direct_beside_a_vector(problem, pis):
    both = problem.direct > 0 and isinstance(problem.outer_reg, torch.Tensor)
    return truth(problem, pis) * (0.5 if both else 1.0)


def prints_of_many(problem, pis):
    if problem.tasks.n_tasks > 10:
        print("many tasks")
    return truth(problem, pis)


def draws_of_many(problem, pis):
    if problem.tasks.n_tasks > 10:
        torch.rand(1)
    return truth(problem, pis)


def sets_up_once():
    done = []

    def method(problem, pis):
        if not done:
            torch.manual_seed(0)
            done.append(1)
        return truth(problem, pis)

    return method


CASES = {
    "inputs_of_ragged": (inputs_of_ragged, "notation_does_not_matter", "different sizes"),
    "chunks_of_ragged": (chunks_of_ragged, "notation_does_not_matter", "in chunks"),
    "supports_beside_queries": (supports_beside_queries, "groups_add_up", "not the members' sum"),
    "every_task_at_once": (every_task_at_once, "groups_add_up", "not the members' sum"),
    "groups_of_absent_tasks": (groups_of_absent_tasks, "weight_zero_is_absence", "of weight 0"),
    "prints_of_many": (prints_of_many, "is_quiet", "printed 'many tasks"),
    "draws_of_many": (draws_of_many, "leaves_the_random_state_alone", "torch"),
    "sets_up_once": (sets_up_once(), "leaves_the_random_state_alone", "torch"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_elsewhere_is_seen(name):
    method, check, words = CASES[name]
    checks = ["returns_an_array", check]  # the first call of all is another check's
    report = check_method(method, families=RIDGE, quick=True, checks=checks, in_process=True)
    assert [o.check for o in report.failures] == [check]
    assert words in report.failures[0].message


def test_a_direct_term_meets_a_regulariser_of_every_parameter():
    report = check_method(
        direct_beside_a_vector,
        families=("maml_linear",),
        quick=True,
        checks=["agrees_with_the_truth"],
        in_process=True,
    )
    assert report.failures and "line" in report.failures[0].where


def test_ragged_tasks_are_asked_about_along_a_run():
    def half(run, pis):
        return run.influence(pis).value * (0.5 if ragged(run.program.problem) else 1.0)

    claim = mi.Claim(estimand="run_derivative", kinds=WEIGHTS)
    checks = ["notation_does_not_matter"]
    report = check_method(half, claim=claim, quick=True, checks=checks, in_process=True)
    assert "different sizes" in report.failures[0].message


def test_batches_that_are_drawn_by_seed_are_asked_about():
    def of_all_tasks(run, pis):
        recipe = run.recipe
        if recipe.batches is None:
            recipe = replace(recipe, batch_size=None)
        again = train(run.program.problem, recipe, start=run.program.start, progress=False)
        return again.influence(pis).value

    claim = mi.Claim(estimand="run_derivative", kinds=WEIGHTS)
    checks = ["notation_does_not_matter"]
    report = check_method(of_all_tasks, claim=claim, quick=True, checks=checks, in_process=True)
    assert "drawn by seed" in report.failures[0].message


def test_ranks_along_runs_are_asked_of_several_optimisers():
    def turned(run, pis, targets):
        sign = -1.0 if isinstance(run.recipe.optimiser, SGD) else 1.0
        return sign * run.scores(targets, pis).value

    claim = mi.Claim(estimand="run_score", accuracy="rank", kinds=("task", "query"))
    checks = ["ranks_removals"]
    assert check_method(turned, claim=claim, quick=True, checks=checks, in_process=True).failures


def test_one_target_that_is_ranked_backwards_is_seen_among_others():
    def turned(problem, pis, targets):
        found = truth(problem, pis) @ problem.task_gradients(problem.lam, targets).T
        found[:, 2:] *= -1
        return found

    claim = mi.Claim(estimand="score", accuracy="rank", kinds=("task", "query"))
    report = check_method(
        turned, claim=claim, quick=True, checks=["ranks_removals"], in_process=True
    )
    assert "column 2" in report.failures[0].message


CHANGES = {
    "environment variables, past os.environ": lambda: os.putenv("METAINFL_HIDDEN", "1"),
    "handlers of the root logger": lambda: logging.getLogger().addHandler(logging.NullHandler()),
    "how codecs take what they cannot": lambda: codecs.register_error(
        "strict", lambda error: ("", error.end)
    ),
    "how objects are pickled": lambda: copyreg.pickle(complex, lambda c: (complex, (c.real,))),
    "asyncio's policy": lambda: asyncio.set_event_loop_policy(
        type("Policy", (asyncio.DefaultEventLoopPolicy,), {"__module__": "another"})()
    ),
    "torch's default generator": lambda: setattr(torch, "default_generator", torch.Generator()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_later_programs_look_up_is_looked_at_and_put_back(name):
    before = manner.process()
    CHANGES[name]()
    assert manner.put_back(before) == [name]
    assert manner.put_back(before) == []


def test_where_signals_are_told_is_looked_at_and_put_back():
    before, (reading, writing) = manner.process(), os.pipe2(os.O_NONBLOCK)
    try:
        signal.set_wakeup_fd(writing)
        assert "where signals are told" in manner.put_back(before)
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        os.close(reading)
        os.close(writing)


def test_logging_by_the_root_is_no_fault():
    """Guards who warns as is_quiet tells to: logging.warning adds a handler where there is none."""
    own, logging.root.handlers[:] = list(logging.root.handlers), []
    try:
        before = manner.process()
        logging.warning("H is nearly singular")
        assert logging.root.handlers and manner.put_back(before) == []
    finally:
        logging.root.handlers[:] = own

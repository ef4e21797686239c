"""The process that a method runs in: whatever the method does ends in a report.

Guards: a verdict that hangs, dies, is given twice (a forked child), raises, or takes a method's changes
to its process for somebody else's.
"""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidMethod
from metainfl.oracle import check_method, small_case
from metainfl.oracle.child import Child
from metainfl.oracle.context import Context
from metainfl.oracle.judging import run_one
from metainfl.oracle.mutants import MUTANTS
from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.outcome import Failed
from metainfl.oracle.processes_left import _at_work


@pytest.fixture(scope="module")
def child():
    """One process for all tests of this file; it starts again by itself when a method ends it."""
    with Child(mi.task_if, memory=2.0) as running:
        running.prepare()
        # the first call pays for what torch imports late
        running.call(small_case("single_ridge").problem(), [mi.task(0)])
        yield running


def outcome(child, name, check, seconds=20.0):
    specimen = MUTANTS[name]
    child.load(specimen.method)
    claim = replace(specimen.claim, families=("proximal_ridge",))
    ctx = Context(specimen.method, claim, quick=True, seconds=seconds, runner=child)
    return run_one(ctx, check)


KINDS = {
    "raises_the_unspeakable": ("returns_an_array", "raised Unspeakable"),
    "raises_generator_exit": ("returns_an_array", "raised GeneratorExit"),
    "raises_keyboard_interrupt": ("returns_an_array", "raised KeyboardInterrupt"),
    "exits": ("returns_an_array", "raised SystemExit: 0"),
    "returns_sparse": ("returns_an_array", "sparse tensor"),
    "returns_bfloat16": ("returns_an_array", "dtype bfloat16"),
    "returns_meta": ("returns_an_array", "meta tensor"),
    "returns_complex": ("returns_an_array", "dtype complex128"),
    "returns_a_list": ("returns_an_array", "returned list"),
    "devours_memory": ("returns_an_array", "allocate"),
    "prints": ("is_quiet", "printed 'solving"),
    "prints_past_python": ("is_quiet", "printed 'solving"),
    "changes_outer_reg": ("leaves_its_inputs_alone", "outer_reg"),
    "changes_the_adaptation": ("leaves_its_inputs_alone", "adaptation.inner_reg"),
    "moves_lam": ("leaves_its_inputs_alone", "lam"),
    "empties_the_list": ("leaves_its_inputs_alone", "list of perturbations"),
    "seeds_globally": ("leaves_the_random_state_alone", "torch"),
    "leaves_a_trace_function": ("leaves_the_process_alone", "trace function"),
    "ignores_alarms": ("leaves_the_process_alone", "signal handlers"),
    "replaces_a_function_of_torch": ("leaves_the_process_alone", "functions of torch"),
    "a_thread_a_call": ("leaves_the_process_alone", "threads left at work"),
    "leaves_print_options": ("leaves_the_process_alone", "print options"),
    "writes_where_answers_go": ("returns_an_array", "file descriptors that it did not open"),
    "turns_gradients_off": ("leaves_the_process_alone", "grad mode"),
    "leaves_a_default_dtype": ("leaves_the_process_alone", "default dtype"),
    "leaves_the_folder": ("leaves_the_process_alone", "working directory"),
    "sets_the_environment": ("leaves_the_process_alone", "environment variables"),
    "silences_warnings": ("leaves_the_process_alone", "warning filters"),
    "leaves_autocast_on": ("leaves_the_process_alone", "autocast"),
    "turns_logging_off": ("leaves_the_process_alone", "logging"),
    "opens_descriptors": ("leaves_the_process_alone", "open file descriptors"),
    "closes_standard_output": ("leaves_the_process_alone", "streams, which it closed"),
    "replaces_a_method_of_the_problem": ("leaves_the_process_alone", "or metainfl"),
    "leaves_numpys_errors": ("leaves_the_process_alone", "numpy's error handling"),
    "leaves_a_call_on_errors": ("leaves_the_process_alone", "numpy's error handling"),
    "leaves_scipys_errors": ("leaves_the_process_alone", "scipy's error handling"),
    "rounds_decimals_up": ("leaves_the_process_alone", "decimal numbers"),
    "replaces_a_module": ("leaves_the_process_alone", "modules that were imported"),
    "shows_no_warnings": ("leaves_the_process_alone", "functions of torch, numpy, Python"),
    "hooks_every_module": ("leaves_the_process_alone", "hooks of all modules"),
    "turns_a_flag_of_torch": ("leaves_the_process_alone", "flags of torch"),
    "handles_a_signal": ("leaves_the_process_alone", "signal handlers"),
    "leaves_a_program": ("leaves_the_process_alone", "processes left at work"),
    "leaves_an_orphan": ("leaves_the_process_alone", "processes left at work"),
    "returns_a_doubled_tensor": ("returns_an_array", "values are others each time"),
    "returns_another_dtype": ("returns_an_array", "says its dtype is"),
    "returns_what_grows": ("returns_an_array", "values are others each time"),
    "hessian_by_the_object": ("sees_what_was_assigned", "before lam, tasks"),
    "turns_off_the_watch": ("leaves_its_inputs_alone", "lam"),
    "leaves_a_thread": ("is_quiet", "printed 'started"),
    "forks": ("agrees_with_the_truth", "not d lam*/d weight"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_bad_manner_is_a_failed_check_that_names_it(child, name):
    check, words = KINDS[name]
    found = outcome(child, name, check)
    assert found.status == "fail" and words in found.message
    if found.message.startswith("raised"):
        assert f"in {name}: raise" in found.cause or name == "devours_memory"


@pytest.mark.parametrize(
    "name, words",
    [
        ("exits_at_once", "exit status 0"),
        ("segfaults", "killed by SIGSEGV"),
        ("ends_its_parent", "killed by SIGKILL"),
        ("closes_descriptors", "ended the process"),
    ],
)
def test_a_process_that_is_lost_is_told_and_started_again(child, name, words):
    found = outcome(child, name, "returns_an_array")
    assert found.status == "fail" and words in found.message
    assert outcome(child, "prints", "is_quiet").status == "fail"  # judged in the next process


def test_what_a_lost_process_started_ends_with_it(child):
    """Guards programs that outlive the judge: the method ended its process and left one in a session of
    its own."""
    child.load(starts_and_ends)
    with pytest.raises(Failed, match="exit status 3") as failed:
        child.call(small_case("single_ridge").problem(), [mi.task(0)])
    started = int(failed.value.found["cause"].splitlines()[-1].split()[-1])
    end = time.monotonic() + 10
    while _at_work(started) and time.monotonic() < end:
        time.sleep(0.02)
    assert not _at_work(started)


def starts_and_ends(problem, pis):
    started = subprocess.Popen(["sleep", "60"], start_new_session=True)
    os.write(2, f"started {started.pid}\n".encode())
    os._exit(3)


def test_a_method_that_evades_timers_is_ended_from_outside(child):
    child.load(mi.task_if)
    child.call(small_case("single_ridge").problem(), [mi.task(0)])
    started = time.perf_counter()
    found = outcome(child, "hangs_and_swallows", "returns_an_array", seconds=0.5)
    assert "still running after 0.5 s" in found.message and child.given_up
    assert time.perf_counter() - started < 20
    with pytest.raises(Failed, match="not asked again"):
        child.call(small_case("single_ridge").problem(), [mi.task(0)])


def shouts(problem, pis):
    print("x" * 2**22)
    sys.stderr.write("x" * 2**22)
    return truth(problem, pis)


def test_what_is_printed_does_not_fill_the_disk(child):
    """Guards a folder of temporary files that grows with every call."""
    case = small_case("single_ridge")
    child.load(shouts)
    for _ in range(3):
        printed = child.call(case.problem(), case.perturbations(["task"])).printed
        assert printed.startswith("xxx")
    for file in (child._printed, child._errors):
        assert os.fstat(file.fileno()).st_size < 3 * 2**22


def test_half_of_an_answer_is_not_waited_for(child):
    """Guards a wait without end: of an answer that a method began to write, the rest never came."""
    started = time.perf_counter()
    found = outcome(child, "writes_half_an_answer", "returns_an_array", seconds=3.0)
    assert "still running after 3 s" in found.message and child.given_up
    assert time.perf_counter() - started < 30


def test_nothing_here_changes(child):
    before = (os.getcwd(), dict(os.environ), torch.is_grad_enabled(), torch.get_rng_state())
    for name in ("leaves_the_folder", "sets_the_environment", "turns_gradients_off"):
        outcome(child, name, "returns_an_array")
    after = (os.getcwd(), dict(os.environ), torch.is_grad_enabled(), torch.get_rng_state())
    assert before[:3] == after[:3] and torch.equal(before[3], after[3])


def test_a_closure_travels_and_a_lock_does_not(child):
    factor = 2.0
    child.load(lambda problem, pis: factor * mi.task_if(problem, pis))
    problem, pis = small_case("single_ridge").problem(), [mi.task(0)]
    twice = child.call(problem, pis).array
    child.load(mi.task_if)
    assert abs(twice / child.call(problem, pis).array - 2).max() < 1e-12
    lock = threading.Lock()
    with pytest.raises(InvalidMethod, match="in_process=True"):
        check_method(lambda problem, pis: lock and mi.task_if(problem, pis), quick=True)
    report = check_method(
        lambda problem, pis: lock and mi.task_if(problem, pis),
        quick=True,
        checks=["is_quiet"],
        in_process=True,
    )
    assert report.passed


def test_answers_are_the_same_here_and_there(child):
    child.load(mi.task_if)
    problem, pis = small_case("proximal_ridge").problem(), [mi.task(0), mi.task(1)]
    there = child.call(problem, pis)
    assert (there.array == mi.task_if(problem, pis).numpy()).all() and there.dtype == "float64"

"""Bad manners of methods: each gets a clear result, and the caller is left alone."""

import subprocess
import sys
import time

import pytest
import torch

import metainfl as mi
from metainfl.oracle import check_method, small_case
from metainfl.oracle.contents import changed, contents
from metainfl.oracle.mutants import MUTANTS
from metainfl.oracle.outcome import Failed
from metainfl.oracle.runner import InProcess
from tests.oracle.judged import judge

MANNERS = {
    "returns_a_list": ("returns_an_array", "returned list"),
    "returns_the_transpose": ("returns_an_array", "transposed"),
    "returns_float32": ("keeps_the_dtype", "float32 out"),
    "raises": ("returns_an_array", "raised RuntimeError: CUDA error"),
    "exits": ("returns_an_array", "raised SystemExit"),
    "prints": ("is_quiet", "printed 'solving"),
    "moves_lam": ("leaves_its_inputs_alone", "changed its input: lam"),
    "normalises_inputs": ("leaves_its_inputs_alone", "query_x"),
    "empties_the_list": ("leaves_its_inputs_alone", "list of perturbations"),
    "writes_into_its_last_answer": ("leaves_its_inputs_alone", "wrote into the answer of the call"),
    "seeds_globally": ("leaves_the_random_state_alone", "torch"),
    "draws_globally": ("leaves_the_random_state_alone", "numpy, random"),
    "noisy": ("is_reentrant", "two equal calls disagree"),
    "nan_for_a_null_row": ("null_task", "not finite"),
}


@pytest.mark.parametrize("name", MANNERS)
def test_bad_manners_get_a_clear_result(name):
    check, words = MANNERS[name]
    report = judge(name, [check])
    assert [o.check for o in report.failures] == [check]
    assert words in report.failures[0].message


def test_a_hanging_method_is_stopped():
    case = small_case("single_ridge")
    started = time.perf_counter()
    with pytest.raises(Failed, match=r"still running after 0\.2 s"):
        InProcess(MUTANTS["hangs"].method).call(case.problem(), [mi.task(0)], seconds=0.2)
    assert time.perf_counter() - started < 5


def test_the_callers_random_state_is_left_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    check_method(
        MUTANTS["seeds_globally"].method,
        quick=True,
        checks=["agrees_with_the_truth"],
        in_process=True,
    )
    assert torch.equal(before, torch.get_rng_state())


LATE = """
import torch
from metainfl.oracle import manner
before = manner.process()
import torch._dynamo
assert "functions of torch, numpy, Python or metainfl" not in manner.put_back(before)
table = torch.jit._builtins._builtin_table
seeds = {number for number, name in table.items() if name == "aten::manual_seed"}
assert seeds <= {id(torch.manual_seed), id(torch.random.manual_seed)}
"""


def test_what_torch_replaces_by_itself_is_left_there():
    """Guards a right method: put back, the number that torch.jit knew was taken by another function."""
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_hook_that_is_left_on_a_module_is_seen():
    """Guards a module whose parameters are as they were, and which answers otherwise."""
    x, y = torch.ones(2, 3, 4), torch.ones(2, 3, 1)
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    problem = mi.Problem(
        torch.nn.Linear(4, 1), tasks, mi.NoAdaptation(), inner_loss=mi.squared, outer_reg=1.0
    )
    before = contents(problem)
    assert not changed(before, problem)
    problem.setting.model.module.register_forward_hook(lambda *_: None)
    assert any("hooks" in name for name in changed(before, problem))


def test_writing_into_a_perturbation_is_seen_and_undone():
    """Cases hand out the same perturbations again: the next method is not to be asked of another one."""

    def renumbers(problem, perturbations):
        object.__setattr__(perturbations[0], "task", 1)
        return torch.zeros(1, problem.n_meta)

    case = small_case("single_ridge")
    asked = case.perturbations(["task"])[:1]
    found = InProcess(renumbers).call(case.problem(), asked)
    assert "the list of perturbations" in found.changed
    assert asked == case.perturbations(["task"])[:1] == [mi.task(0)]


def test_what_was_written_is_undone_where_time_ran_out_too():
    """Guards the same where no answer comes back: the case is asked about again by the next method."""

    def renumbers_and_hangs(problem, perturbations):
        object.__setattr__(perturbations[0], "task", 1)
        time.sleep(30)

    case = small_case("single_ridge")
    asked = case.perturbations(["task"])[:1]
    with pytest.raises(Failed, match="still running"):
        InProcess(renumbers_and_hangs).call(case.problem(), asked, seconds=0.2)
    assert asked == [mi.task(0)]


def test_settling_on_the_usual_way_to_start_processes_is_no_change():
    """Where nothing has started a process yet, a progress bar's first lock settles on what it stands at."""
    script = (
        "import multiprocessing\n"
        "from metainfl.oracle.settings_of_process import SETTINGS\n"
        "read = SETTINGS['how processes are started'][0]\n"
        "before = read()\n"
        "multiprocessing.RLock()\n"
        "assert read() == before, (before, read())\n"
        "multiprocessing.set_start_method('spawn', force=True)\n"
        "other = read()\n"
        "multiprocessing.set_start_method('forkserver', force=True)\n"
        "assert read() != other\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr

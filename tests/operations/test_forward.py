"""Forward mode is the whole process's in torch: threads that go forwards take turns."""

import re
import threading
from pathlib import Path

import torch

import metainfl as mi
from metainfl.operations import forward
from tests.helpers import relative
from tests.training.helpers import network


def test_two_threads_that_go_forwards_at_once(often):
    """Guards numbers of one thread's tangents in the other's answers, and errors on levels of forward AD."""
    asked = [mi.task(0), mi.support(1, 2), mi.shift("query", 2, 0, 1)]
    how = {"damping": 20.0, "allow_nonstationary": True}
    problems = [
        p.replaced(lam=p.setting.model.current())
        for p in (network(outer_reg=1.0, product="forward"), network(outer_reg=1.0, seed=1))
    ]

    def answers(problem):
        found = mi.influence(problem, asked, curvature=mi.curvature.gauss_newton, **how).value
        return torch.cat([found, mi.influence(problem, asked, **how).value])

    want, wrong = [answers(p) for p in problems], []

    def work(k):
        for _ in range(6):
            try:
                error = relative(answers(problems[k]), want[k])
            except Exception as error_:
                error = repr(error_)
            if not (isinstance(error, float) and error < 1e-12):
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_nothing_goes_forwards_past_the_turns():
    """Guards the next file that takes jvp from torch itself."""
    room = Path(mi.__file__).parent
    names = "(jvp|jacfwd|hessian|linearize)"
    past = re.compile(rf"from torch\.func import [^\n]*\b{names}\b|torch\.func\.{names}\(")
    own = {
        "operations/forward.py",
        "oracle/child_main.py",
    }  # the second warms up a process of one thread
    found = {str(f.relative_to(room)) for f in room.rglob("*.py") if past.search(f.read_text())}
    assert {f for f in found - own if not f.startswith("oracle/mutants/")} == set()


def test_a_child_has_turns_of_its_own():
    """Guards a fork in the middle of another thread's turn, which would wait for ever."""
    held, turns = forward._turns.lock, forward._turns
    turns.renew()
    assert turns.lock is not held and turns.lock.acquire(blocking=False)
    turns.lock.release()

"""Ctrl-C at every instruction of a run's own loop: no step is lost, and none is taken twice."""

import sys

import pytest
import torch

from metainfl.errors import Interrupted
from metainfl.training import Adam, Recipe, load, save, train
from metainfl.training import trajectory as module
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.program import Program
from metainfl.training.run import Run
from tests.training.helpers import network

RECIPE = Recipe(optimiser=Adam(), rate=0.01, steps=3, batch_size=4)


class Stopped:
    """Raises KeyboardInterrupt at one instruction of the file that holds the loop, counted from 0."""

    def __init__(self, at):
        self.left, self.raised = at, False

    def __call__(self, frame, event, arg):
        if frame.f_code.co_filename != module.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and not self.raised:
            self.left -= 1
            if self.left < 0:
                self.raised = True
                raise KeyboardInterrupt
        return self


@pytest.mark.parametrize("ask", [lambda r: r.resume(progress=False), lambda r: r._to(2, False)])
def test_at_every_instruction(ask):
    """Guards a step whose state is there and whose loss is not, or the other way round."""
    whole = train(network(), RECIPE, progress=False)
    program, before, stops = Program(network(), RECIPE, None), sys.gettrace(), 0
    while True:
        run, stop = Run(Checkpoints(program, 2**20)), Stopped(stops)
        sys.settrace(stop)
        try:
            ask(run)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        if not stop.raised:
            break
        stops += 1
        assert run.losses == whole.losses[: run.done] and run.state.steps == run.done
        while not run.finished:
            run.resume(progress=False)
        assert torch.equal(run.lam, whole.lam) and run.losses == whole.losses
        assert all(torch.equal(run.state_at(t).lam, whole.state_at(t).lam) for t in range(4))
    assert stops > 100


def test_an_error_of_the_watch_leaves_a_whole_step():
    """Guards the caller's own exception, which leaves the run where it came to."""
    whole = train(network(), RECIPE, progress=False)
    run = Run(Checkpoints(Program(network(), RECIPE, None), 2**20))

    def broken(done, *rest):
        raise KeyError(done)

    with pytest.raises(KeyError):
        run.resume(progress=broken)
    assert run.done == 1 and run.losses == whole.losses[:1]
    assert torch.equal(run.resume(progress=False).lam, whole.lam) and run.losses == whole.losses


def test_a_run_of_some_steps_stops_as_a_whole_one_does(tmp_path):
    """Guards a replay of an unfinished run that says nothing on its way, and loses what it did."""

    def stop(after, seen):
        def tell(done, total, loss, state):
            seen.append((done, total))
            if done == after:
                raise KeyboardInterrupt

        return tell

    with pytest.raises(Interrupted) as caught:
        train(network(), RECIPE, progress=stop(2, []))
    run, seen = caught.value.result, []
    with pytest.raises(Interrupted, match="1 of 2 steps") as caught:
        run.replay(progress=stop(1, seen))
    assert seen == [(1, 2)] and caught.value.result.done == 1
    whole = run.replay(progress=stop(9, seen))
    assert seen == [(1, 2), (1, 2), (2, 2)]
    half = caught.value.result
    save(half, tmp_path)
    for again in (half, load(tmp_path, network())):  # to where it was to go, and then as any run
        assert again.resume(progress=False).done == 2 and torch.equal(again.lam, whole.lam)
        assert again.resume(progress=False).finished

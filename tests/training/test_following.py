"""Kind guarded: a right loop refused because a replay magnifies rounding, or a wrong one followed."""

import itertools

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.errors import NotReplayed
from metainfl.training import Adam, Recipe, Recorder, load, save, train
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.fingerprint import fingerprint
from metainfl.training.following import with_rounding
from metainfl.training.program import Program
from metainfl.training.run import Run
from tests.training.helpers import extrapolated, network
from tests.training.test_single_precision import recorded


def followed(size=1e-3, keep=2**30):
    """A smooth run in float64 with constants added to each step, far larger than rounding, and its states."""
    program = Program(
        network(),
        Recipe(optimiser=Adam(eps=1e-2, eps_inside_root=True), rate=0.02, steps=6, batch_size=3),
        None,
    )
    draw = torch.Generator().manual_seed(1)
    own = torch.randn(6, program.problem.n_meta, generator=draw, dtype=torch.float64) * size
    state, states = program.start, [program.start.lam]
    for t in range(6):
        state, _ = program.advance(t, state)
        state = state._replace(lam=state.lam + own[t])
        states.append(state.lam)
    program = with_rounding(program, own)
    return Run(Checkpoints(program, keep)).resume(progress=False), states


@pytest.mark.parametrize("keep", [2**30, 3 * 8 * 3 * 60])
def test_it_goes_where_the_loop_went(keep):
    """Also where states are computed again."""
    run, states = followed(keep=keep)
    for t, state in run.states_at(range(7)):
        assert torch.allclose(state.lam, states[t], rtol=1e-15, atol=1e-15), t
    assert torch.equal(run.replay().lam, run.lam)
    assert "following a recorded loop" in repr(run)


def test_its_derivative_is_that_of_reruns():
    """Extrapolated central differences: to h^6, and rounding over h."""
    run, _ = followed()
    new, pis = network(tasks=2, seed=5).tasks, [mi.task(0), mi.task(2)]
    value = run.scores(new, pis).value
    along = run.influence(pis).value @ run.target_slopes(new).T
    assert torch.allclose(value, along, rtol=1e-10, atol=1e-14)

    for row, p in zip(value, pis, strict=True):

        def moved(h, p=p):
            return run.replay({p: 1 + h}).target_losses(new)

        assert torch.allclose(row, extrapolated(moved), rtol=1e-8, atol=1e-12)


def test_it_is_kept_by_phases_and_files(tmp_path):
    run, states = followed()
    assert torch.allclose(run.phase(2, progress=False).lam, states[-1], rtol=1e-14)
    problem = network()
    save(run, tmp_path / "run")
    again = load(tmp_path / "run", problem)
    assert torch.equal(again.replay().lam, run.lam)
    alone = with_rounding(run.program, ())
    assert fingerprint(alone) != fingerprint(run.program) == fingerprint(again.program)


def test_a_loop_in_single_precision_is_followed():
    """Batch normalisation, ReLU and a large rate: its replay is elsewhere after some dozens of steps."""
    sgd = torch.optim.SGD
    recorder, problem = recorded(lambda p: sgd(p, 1.0, momentum=0.9), 30, width=16, seed=1)
    run = recorder.run(problem())
    assert run.program.rounding and not recorder.loose.any()
    for (t, state), own in zip(run.states_at(range(31)), recorder.states, strict=True):
        assert torch.allclose(state.lam, own, rtol=1e-6, atol=1e-9), t
    assert torch.equal(run.replay().lam, run.lam)
    bare = train(run.program.problem, run.recipe, start=recorder.start, progress=False)
    assert float((bare.lam - run.lam).norm()) > 1e-3 * float((run.lam - recorder.start).norm())


def test_what_adds_up_to_one_side_is_no_rounding():
    """Guards a recipe that differs by less than rounding in every step, in the same direction."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
    x, y = torch.randn(1, 20, 6), torch.randn(1, 20, 2)
    problem = mi.Problem(net, mi.Tasks(x[:, :0], y[:, :0], x, y), mi.NoAdaptation(), outer_reg=0.0)
    for push in (0.0, 2e-7):
        optimiser = torch.optim.SGD(net.parameters(), 1e-5)
        recorder = Recorder(net, optimiser)
        for _ in range(100):
            optimiser.zero_grad()
            (0.5 * (net(x[0]) - y[0]).square().sum()).backward()
            optimiser.step()
            with torch.no_grad():
                for p in itertools.islice(net.parameters(), 2):
                    p.add_(push)
            recorder.step([0])
        if push:
            with pytest.raises(NotReplayed, match="100 of them add up to"):
                recorder.run(problem)
        else:
            recorder.run(problem)

"""Advice on training runs: smoothness read rightly, and knobs that are turned for real."""

import json

import pytest
import torch

import metainfl as mi
from metainfl.advice.advise_run import advise_run
from metainfl.advice.knobs import knobs, mean_loss, tried
from metainfl.advice.smoothed import without_batch_statistics, without_kinks
from metainfl.cli import main
from metainfl.data import digit_tasks
from metainfl.oracle.bridge import tasks_of
from metainfl.problem.model import FromModule
from metainfl.training import SGD, Adam, Recipe, train
from metainfl.training.networks import conv4, mlp

STEPS = 12


def _exit(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def _problem(net, n=16, *, image=False):
    tasks = tasks_of(digit_tasks(tasks=n))
    if image:
        shape = lambda x: x.reshape(*x.shape[:2], 1, 8, 8)  # noqa: E731
        tasks = mi.Tasks(
            shape(tasks.support_x), tasks.support_y, shape(tasks.query_x), tasks.query_y
        )
    return mi.Problem(net, tasks, mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy, outer_reg=1e-3)


def _run(net, *, image=False, **recipe):
    own = {"rate": 0.01, "steps": STEPS, "batch_size": 4} | recipe
    return train(_problem(net, image=image), Recipe(**own), progress=False)


@pytest.mark.parametrize(
    ("net", "recipe", "offered"),
    [
        (mlp((64, 8, 5)), {}, {"rate", "batch", "fixed start"}),
        (mlp((64, 8, 5)), {"batch_size": None}, {"rate", "fixed start"}),
        (
            mlp((64, 8, 5), activation="relu"),
            {"optimiser": SGD(momentum=0.9), "clip": 1.0},
            {"activation", "rate", "batch", "momentum", "clip", "fixed start"},
        ),
        (
            conv4(5, size=8, hidden=2, blocks=2),
            {"optimiser": Adam(), "image": True},
            {"activation", "normalisation", "rate", "batch", "epsilon", "fixed start"},
        ),
    ],
)
def test_what_the_run_has_is_not_offered(net, recipe, offered):
    run = _run(net, **recipe)
    assert {k.name for k in knobs(run)} == offered


def test_a_knob_is_the_run_that_its_words_say():
    """Guards a smoothness measured on another run than the one that is recommended."""
    run = _run(mlp((64, 8, 5), activation="relu"), optimiser=SGD(momentum=0.5))
    by_name = {k.name: k for k in knobs(run)}
    problem = run.program.problem.replaced(lam=None)
    start = run.program.start.lam
    smooth = problem.replaced(model=FromModule(mlp((64, 8, 5), activation="softplus")))
    for name, same, recipe in (
        ("momentum", problem, Recipe(rate=0.02, steps=STEPS, batch_size=4)),
        ("activation", smooth, run.recipe),
        (
            "rate",
            problem,
            Recipe(optimiser=SGD(momentum=0.5), rate=0.01 / 3, steps=STEPS, batch_size=4),
        ),
    ):
        want = train(same, recipe, start=start, progress=False)
        got = tried(run, by_name[name])
        assert got.loss == pytest.approx(mean_loss(want), rel=1e-12), name
        assert got.smoothness == pytest.approx(want.smoothness().value, abs=1e-9), name
    phase = run.phase(STEPS - STEPS // 4, progress=False)
    got = tried(run, by_name["fixed start"])
    assert got.smoothness == pytest.approx(phase.smoothness().value, abs=1e-9)


def test_layers_are_exchanged_and_parameters_kept():
    net = conv4(5, size=8, hidden=2, blocks=2)
    model = FromModule(net)
    theta, x = model.current(), torch.randn(3, 1, 8, 8, dtype=torch.float64)
    smooth, count = without_kinks(model)
    assert count == 4 and smooth.shapes == model.shapes
    assert not any(
        isinstance(m, torch.nn.ReLU | torch.nn.MaxPool2d) for m in smooth.module.modules()
    )
    grouped, count = without_batch_statistics(model)
    assert count == 2 and grouped.shapes == model.shapes and grouped.batch_statistics is None
    alone = torch.cat([grouped(theta, x[i : i + 1]) for i in range(3)])
    assert torch.allclose(grouped(theta, x), alone)  # an instance no longer depends on its batch
    assert model.batch_statistics is not None
    plain = without_kinks(FromModule(mlp((64, 8, 5))))
    assert plain[1] == 0


def test_advice_says_what_was_measured():
    run = _run(mlp((64, 8, 5), activation="relu"), optimiser=SGD(momentum=0.9), rate=0.1)
    stages = []
    found = advise_run(run, measure=True, progress=lambda *a: stages.append(a))
    assert stages[-1][0] == stages[-1][1] and len(found.tried) >= 5 and not found.untried
    values = [t.smoothness for t in found.tried]
    assert values == sorted(values, reverse=True)
    if found.best is not None:
        assert found.best.words in str(found)
    assert "do not apply" in found.implicit and found.residual > 1e-3
    true = found.reruns.true[:, 0]
    p = found.reruns.perturbations[0]
    target = run.program.problem.tasks.select([0])
    want = run.without(p).target_losses(target) - run.target_losses(target)
    assert float(true[0]) == pytest.approx(float(want), rel=1e-10)
    json.dumps(found.as_dict())


def test_command_line_advises_on_a_run(tmp_path, capsys):
    mine = tmp_path / "mine.py"
    mine.write_text(
        "import metainfl as mi\n"
        "from metainfl.data import digit_tasks\n"
        "from metainfl.oracle.bridge import tasks_of\n"
        "from metainfl.training import Recipe, train\n"
        "from metainfl.training.networks import mlp\n"
        "def run():\n"
        "    tasks = tasks_of(digit_tasks(tasks=8))\n"
        "    problem = mi.Problem(mlp((64, 4, 5)), tasks, mi.Unrolled(1, 0.1),\n"
        "                         inner_loss=mi.cross_entropy, outer_reg=1e-3)\n"
        "    return train(problem, Recipe(rate=0.01, steps=5), progress=False)\n"
        "def pair():\n"
        "    return run(), run().program.problem.tasks.select([1])\n"
        "def wrong():\n"
        "    return 3\n"
    )
    out = tmp_path / "advice.json"
    assert _exit("advise", f"{mine}:run", "--json", str(out), "--no-progress") == 0
    said = capsys.readouterr().out
    assert "metasmoothness" in said and "not tried" in said
    assert json.loads(out.read_text())["smoothness"]["value"] <= 1
    assert _exit("advise", f"{mine}:pair", "--no-progress") == 0
    assert _exit("advise", f"{mine}:wrong", "--no-progress") == 2
    assert "metainfl.training.Run" in capsys.readouterr().err


def test_a_run_that_has_settled_is_told_to_be_at_a_minimum():
    """Guards a last state that is looked at as if its regulariser stood once beside all tasks."""
    g = torch.Generator().manual_seed(0)
    x, q = torch.randn(5, 6, 3, generator=g).double(), torch.randn(5, 7, 3, generator=g).double()
    y, z = torch.randn(5, 6, 2, generator=g).double(), torch.randn(5, 7, 2, generator=g).double()
    torch.manual_seed(0)
    own = mi.Tasks(x, y, q, z)
    problem = mi.Problem(torch.nn.Linear(3, 2), own, mi.Unrolled(1, 0.01), outer_reg=0.5)
    run = train(problem, Recipe(optimiser=SGD(), rate=0.2, steps=100), progress=False)
    told = advise_run(run)
    assert told.residual < 1e-8 and told.low > 0
    assert (
        "ended at a minimum: metainfl.influence of metainfl.training.objective(run)"
        in told.implicit
    )

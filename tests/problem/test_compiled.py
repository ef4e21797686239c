"""Parts of a model that torch made something else of: compiling is undone, TorchScript is refused by name."""

import copy

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.errors import InvalidProblem
from metainfl.training import Recipe, load, save, train
from tests.training.helpers import network


class Holding(nn.Module):
    """A layer that calls a function which it holds."""

    def __init__(self, f):
        super().__init__()
        self.layer, self.norm, self.head = nn.Linear(5, 4), nn.LayerNorm(4), nn.Linear(4, 3)
        self.f = f

    def forward(self, x):
        return self.head(self.f(self.norm(self.layer(x))))


graphs = []


def compiled(f):
    """Compiled by a backend that keeps what it is handed."""

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    return torch.compile(f, backend=backend)


def squashed(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.layer_norm(torch.tanh(x), [4])


def loss(outputs, y):
    return nn.functional.cross_entropy(outputs, y, reduction="none")


def problem_of(module, **options):
    return network(outer_reg=1.0).replaced(model=module, **options)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Holding(squashed).double()


@pytest.mark.filterwarnings("ignore:Guards may run slower")  # torch of Python 3.13.0
@pytest.mark.parametrize("part", ["layer", "function", "loss", "all"])
def test_what_is_compiled_within_a_model_is_taken_as_it_was(net, part):
    """Guards compiling within a transform, which fails in torch's words, or hides what is called."""
    torch.compiler.reset()
    plain = problem_of(net, inner_loss=loss)
    lam = plain.setting.model.current()
    want = plain.hessian(lam)
    own, options = copy.deepcopy(net), {"inner_loss": loss}
    if part in ("layer", "all"):
        own.norm = compiled(own.norm)
    if part in ("function", "all"):
        own.f = compiled(own.f)
    if part in ("loss", "all"):
        options["inner_loss"] = compiled(loss)
    own = compiled(own) if part == "all" else own
    found = problem_of(own, **options)
    assert torch.equal(found.hessian(lam), want)
    if part == "layer":  # the user's own is still compiled
        graphs.clear()
        with torch.no_grad():
            own(torch.ones(2, 5, dtype=torch.float64))
        assert graphs


def test_a_run_of_a_model_with_a_compiled_layer_is_saved_and_loaded(net, tmp_path):
    """Guards what is put in the place of a compiled layer: copied, digested, and found again."""
    net.norm = compiled(net.norm)
    problem = problem_of(net)
    run = train(problem, Recipe(rate=0.05, steps=2), progress=False)
    save(run, tmp_path)
    again = load(tmp_path, problem_of(net))
    targets = problem.tasks.select([1])
    assert torch.equal(
        again.scores(targets, [mi.task(0)]).value, run.scores(targets, [mi.task(0)]).value
    )


def test_a_compiled_function_of_theta_and_x():
    """Guards n_params, which is the function's own, and the function that is compiled around it."""

    def f(theta, x):
        return torch.tanh(x @ theta.reshape(5, 3))

    f.n_params = 15
    lam = torch.linspace(-1, 1, 15, dtype=torch.float64)
    want = problem_of(f).hessian(lam)
    made = compiled(f)
    assert torch.equal(problem_of(made).hessian(lam), want)


@pytest.mark.filterwarnings("ignore:.*torch.jit:")
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            lambda net: setattr(net, "norm", torch.jit.script(net.norm)),
            "layer 'norm' is TorchScript",
        ),
        (
            lambda net: setattr(net, "f", torch.jit.script(squashed)),
            "'f' is a TorchScript function",
        ),
        (
            lambda net: setattr(net, "f", torch.jit.trace(squashed, torch.ones(2, 4).double())),
            "'f' is a TorchScript function",
        ),
        (
            lambda net: setattr(net, "more", [torch.jit.script(squashed)]),
            "functions of TorchScript",
        ),
    ],
)
def test_torchscript_within_a_model_is_refused_by_name(net, change, what):
    """Guards torch's own words on dictionaries without `clear`, and a pickle that nobody asked for."""
    change(net)
    with pytest.raises(InvalidProblem, match=what):
        problem_of(net)

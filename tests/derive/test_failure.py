"""What fails in a user's code or shapes comes as the project's error, with its text, line and shapes."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import metainfl as mi
from metainfl.errors import InvalidProblem, NotDerived
from metainfl.oracle import small_case

D = torch.float64


class Own(nn.Module):
    """A linear layer, then whatever `f` does."""

    def __init__(self, f):
        super().__init__()
        self.layer, self.f = nn.Linear(3, 2, dtype=D), f

    def forward(self, x):
        return self.f(self.layer(x))


def raised(kind):
    def f(*args):
        raise kind("my own words\nin two lines")  # the line

    return f


def problem(model=None, y=None, adaptation=None, tasks=3, **options):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(tasks, 5, 3, dtype=D, generator=g)
    y = torch.randn(tasks, 5, 2, dtype=D, generator=g) if y is None else y[:tasks]
    model = Own(torch.tanh) if model is None else model
    return mi.Problem(model, mi.Tasks(x, y, x, y), adaptation or mi.Unrolled(1, 0.1),
                      outer_reg=0.5, lam=torch.zeros(8, dtype=D), **options)  # fmt: skip


WAYS = {
    "solve": lambda p: p.solve(),
    "trust": lambda p: p.solve(way="trust-region"),
    "losses": lambda p: p.losses(p.lam),
    "gradient": lambda p: p.gradient(p.lam),
    "product": lambda p: p.hessian_product(p.lam, p.lam),
    "hessian": lambda p: p.hessian(p.lam),
    "stationary": lambda p: p.check_stationary(),
    "influence": lambda p: mi.influence(p, [mi.task(0)]),
    "targets": lambda p: problem().losses(p.lam, p.tasks),
}


@pytest.mark.parametrize("way", [w for w in WAYS if w != "targets"])
@pytest.mark.parametrize("kind", [ValueError, KeyError, AssertionError, ZeroDivisionError])
@pytest.mark.parametrize("where", ["model", "inner loss", "outer loss"])
def test_an_exception_of_ones_own_keeps_text_and_line(way, kind, where):
    """Guards exceptions of a user's code that escape bare, or are told without their text and line."""
    f = raised(kind)
    parts = {"model": {"model": Own(f)}, "inner loss": {"inner_loss": f, "outer_loss": mi.squared}}
    p = problem(**parts.get(where, {"outer_loss": f}))
    with pytest.raises(InvalidProblem) as found:
        WAYS[way](p)
    text = str(found.value)
    assert not isinstance(found.value, NotDerived)
    assert where in text and kind.__name__ in text and "test_failure.py, line" in text
    assert "my own words" in text and "two lines" in text and "# the line" in text


@pytest.mark.parametrize("way", [w for w in WAYS if w != "targets"])
def test_an_adaptation_of_ones_own(way):
    """Guards the same in an adaptation that is not ours."""

    class Mine(mi.NoAdaptation):
        def adapt(self, s, lam, task, state):
            raise LookupError("my own words")

    with pytest.raises(InvalidProblem, match=r"adaptation.*(?s:.)*my own words"):
        WAYS[way](problem(adaptation=Mine()))


SHAPES = {
    "labels of another shape": {"y": torch.zeros(3, 5, 1, dtype=torch.long), "inner_loss": mi.cross_entropy},
    "F.cross_entropy": {
        "y": torch.zeros(3, 5, 3, dtype=D),
        "inner_loss": lambda a, b: F.cross_entropy(a, b, reduction="none"),
    },
    "types": {"inner_loss": lambda a, b: (a[:, None] @ b.float()[:, :, None])[:, 0, 0]},
    "broadcast": {"y": torch.ones(3, 5, 3, dtype=D), "inner_loss": lambda a, b: (a - b).square().sum(1)},
}  # fmt: skip


@pytest.mark.parametrize("way", [w for w in WAYS if w != "targets"])
@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("what", SHAPES)
def test_shapes_are_no_missing_derivative(way, tasks, what):
    """Guards the advice product='forward' for a mistake of shapes or types."""
    p = problem(tasks=tasks, **SHAPES[what])
    with pytest.raises(InvalidProblem, match=r"outputs \(5, 2\).*targets \(5") as found:
        WAYS[way](p)
    assert "product=" not in str(found.value)


def test_targets_of_another_shape_are_named():
    """Guards the same for tasks that are given beside the problem's own."""
    x = torch.zeros(2, 5, 4, dtype=D)
    y = torch.zeros(2, 5, 2, dtype=D)
    with pytest.raises(InvalidProblem, match=r"model failed on parameters.*\(5, 4\)"):
        problem().losses(torch.zeros(8, dtype=D), mi.Tasks(x, y, x, y))


def test_one_number_an_instance():
    """Guards the squared loss of outputs (n,): an IndexError, though it is that of (n, 1)."""
    y = torch.randn(3, 5, dtype=D, generator=torch.Generator().manual_seed(1))
    flat = problem(Own(lambda out: out[:, 0]), y)
    column = problem(Own(lambda out: out[:, :1]), y[..., None])
    a, b = flat.solve(), column.solve()
    assert torch.allclose(a, b, rtol=0, atol=1e-12)
    i, j = (mi.influence(p, [mi.task(0), mi.query(1, 2)]).value for p in (flat, column))
    assert torch.allclose(i, j, rtol=0, atol=1e-12)


@pytest.mark.parametrize("adaptation", [mi.Unrolled(1, 0.1), mi.NoAdaptation()])
@pytest.mark.parametrize("ask", ["objective", "losses", "gradient", "task_gradients", "hessian"])
def test_a_lam_that_is_not_finite_is_named(ask, adaptation):
    """Guards NaN in lam that is blamed on the data."""
    p = problem(adaptation=adaptation)
    with pytest.raises(mi.NotFinite, match="lam is not finite at index 1"):
        getattr(p, ask)(torch.tensor([0, float("nan"), *[0] * 6], dtype=D))


@pytest.mark.parametrize(
    "vectors",
    [torch.zeros(7, dtype=D), torch.zeros(8, dtype=torch.complex64), torch.zeros(8, 2, 2, dtype=D)],
)
def test_vectors_of_another_shape_or_type(vectors):
    """Guards vectors that reach torch's own complaint, or are broadcast."""
    p = problem()
    with pytest.raises(InvalidProblem, match="vectors to be multiplied"):
        p.hessian_product(p.lam, vectors)


@pytest.mark.parametrize("ask", ["losses", "gradient", "task_gradients", "hessian", "objective"])
def test_a_lam_of_another_shape_or_type(ask):
    """Guards a complaint about derivatives for a lam that does not fit; another precision is converted."""
    with pytest.raises(InvalidProblem, match="lam must have shape") as found:
        getattr(problem(), ask)(torch.zeros(7, dtype=D))
    assert "product=" not in str(found.value)
    single = getattr(problem(), ask)(torch.full((8,), 0.5))
    assert torch.equal(single, getattr(problem(), ask)(torch.full((8,), 0.5, dtype=D)))


def test_inference_mode_is_refused_by_name():
    """Guards influences that torch got wrong by factors in inference mode, without an error."""
    problem = small_case("proximal_ridge").problem()
    with torch.inference_mode(), pytest.raises(InvalidProblem, match="no_grad"):
        mi.task_if(problem, [mi.task(0)])
    with torch.no_grad():
        assert torch.isfinite(mi.task_if(problem, [mi.task(0)])).all()


class Branches(nn.Module):
    """Decides by the values of a tensor."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        h = self.layer(x)
        return torch.tanh(h) if h.sum() > 0 else h


class Writes(nn.Module):
    """Writes into what its derivative needs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        h = self.layer(x).clone()
        h[:, 0] = h[:, 1].sin()
        return h


@pytest.mark.parametrize(
    ("net", "words"), [(Branches, r"take torch\.where"), (Writes, "write it out of place")]
)
def test_complaints_of_torch_say_what_to_do(net, words):
    """Guards "please file an issue", and a missing derivative for one that was written over."""
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    tasks = mi.Tasks(x, x[..., :2], x, x[..., :2])
    p = mi.Problem(net().double(), tasks, mi.NoAdaptation(), outer_reg=1.0)
    p.lam = p.own_start()
    with pytest.raises(mi.InvalidProblem, match=words):
        mi.influence(p, [mi.task(0)], allow_nonstationary=True)

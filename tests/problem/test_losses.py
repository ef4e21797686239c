"""Losses as users write them: what is none is told by what it returned, draws or writes."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import metainfl as mi

D = torch.float64


def problem(loss, y=None, adaptation=None, **changes):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 3, dtype=D, generator=g)
    y = torch.randn(2, 4, 3, dtype=D, generator=g) if y is None else y
    lam = 0.3 * torch.randn(9, dtype=D, generator=g)
    options = {"inner_loss": loss, "outer_reg": 1.0, "lam": lam, **changes}
    return mi.Problem(
        mi.Linear(3, 3), mi.Tasks(x, y, x, y), adaptation or mi.NoAdaptation(), **options
    )


def asked(loss, y=None, adaptation=None):
    p = problem(loss, y, adaptation)
    return mi.influence(p, [mi.task(0)], allow_nonstationary=True, damping=1e3).value


def squares(o, y):
    return (o - y).square().sum(1)


def counted(o, y, calls=[]):  # noqa: B006  (state that is kept is the point)
    calls.append(1)
    return squares(o, y) * len(calls)


def overwritten(o, y):
    y.clamp_(min=0)
    return squares(o, y)


LABELS = torch.tensor([[0, 1, 2, 0], [2, 1, 0, 0]])


@pytest.mark.parametrize(
    "loss, said",
    [
        (lambda o, y: list(squares(o, y)), "a torch tensor.*list"),
        (lambda o, y: None, "a torch tensor.*None"),
        (lambda o, y: squares(o, y).sum(), "one loss an instance"),
        (lambda o, y: squares(o, y).to(torch.complex128), "complex128.*not real"),
        (lambda o, y: squares(o, y).half(), "float16.*too coarse"),
        (lambda o, y: squares(o, y) * random.random(), "draws random numbers .Python.s random"),
        (lambda o, y: squares(o, y) * np.random.default_rng().random(), "different values.*random"),
        (counted, "different values.*state"),
        (overwritten, "writes into its targets"),
    ],
)
def test_what_a_loss_returns_draws_or_writes_is_told(loss, said):
    """Guards bare AttributeErrors, and explanations of another fault: instances that hang together."""
    with pytest.raises(mi.InvalidProblem, match=said):
        asked(loss)


@pytest.mark.parametrize("loss", [3, "mse", None, torch.nn.MSELoss, squares(torch.eye(2), 0)])
@pytest.mark.parametrize("side", ["inner_loss", "outer_loss"])
def test_what_is_no_loss_is_told_at_once(loss, side):
    """Guards problems that are made and fail when they are used."""
    if loss is None and side == "outer_loss":
        return  # the inner one
    with pytest.raises(mi.InvalidProblem, match="a loss is a function"):
        problem(mi.squared, **{side: loss})


@pytest.mark.parametrize(
    "y, said",
    [
        (LABELS[..., None], "labels of cross_entropy are"),
        (F.one_hot(LABELS, 3), r"one-hot vectors as floating point"),
        (F.one_hot(LABELS, 3).bool(), r"one-hot vectors as floating point"),
        (LABELS.double(), r"whole numbers, targets\.long"),
        (F.one_hot(LABELS, 4).double(), "another number of ways"),
    ],
)
def test_labels_of_another_kind_are_told(y, said):
    """Guards torch's words on index tensors, and talk of ways where the kind of label is meant."""
    with pytest.raises(mi.InvalidProblem, match=said):
        asked(mi.cross_entropy, y)


def test_outputs_that_follow_from_adapted_parameters_are_explained():
    """Guards a look at query inputs where the inner gradient is what is not finite."""

    def root(o, y):
        return squares(o, o).sqrt() + squares(o, y)

    with pytest.raises(mi.NotFinite, match="adapted parameters are not"):
        asked(root, adaptation=mi.Unrolled(1, 0.1))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("steps", [0, 1])
def test_the_gaussian_likelihood_is_batched(full, steps):
    """Guards torch's question whether a variance is negative, which a batch cannot answer."""

    def theirs(o, y):
        return F.gaussian_nll_loss(o[:, 0], y[:, 0], o[:, 1].exp(), full=full, reduction="none")

    def written(o, y):
        v = o[:, 1].exp()
        more = 0.5 * np.log(2 * np.pi) if full else 0
        return 0.5 * (v.log() + (o[:, 0] - y[:, 0]).square() / v) + more

    adaptation = mi.Unrolled(1, 0.1) if steps else mi.NoAdaptation()
    torch.testing.assert_close(
        asked(theirs, adaptation=adaptation), asked(written, adaptation=adaptation)
    )
    p, q = problem(theirs, adaptation=adaptation), problem(written, adaptation=adaptation)
    torch.testing.assert_close(p.objective(p.lam), q.objective(q.lam))
    torch.testing.assert_close(p.hessian(p.lam), q.hessian(q.lam))
    with pytest.raises(mi.NotFinite):
        problem(lambda o, y: F.gaussian_nll_loss(o, y, o, reduction="none").sum(1)).gradient(p.lam)
    with pytest.raises(mi.InvalidProblem, match="one variance an output"):
        asked(lambda o, y: F.gaussian_nll_loss(o, y, o[:, :2], reduction="none").sum(1))

"""Arguments that torch takes or refuses are taken or refused by the operations that stand in for its own."""

import pytest
import torch
import torch.nn.functional as F

import metainfl as mi
from metainfl.errors import InvalidProblem
from metainfl.operations import exact_derivatives

D = torch.float64
G = torch.Generator().manual_seed(0)
X, M = torch.randn(3, 4, dtype=D, generator=G), torch.randn(4, 4, dtype=D, generator=G)
ONES, I = torch.ones(1, 2, dtype=D), torch.tensor([[0, 1]])

TAKEN = {
    **{f"roll {a}": lambda a=a: torch.roll(X, *a) for a in
       [(1, [1]), ((3,),), ([3],), (1, ()), (1, []), ((1,), 1), ([1], -1), ((1, 2), (0, 0)), (5, (1,))]},
    "roll method": lambda: X.roll(shifts=(1, 2), dims=(0, -1)),
    "select_scatter": lambda: torch.select_scatter(X, X[0], -2, -1),
    "layer_norm": lambda: F.layer_norm(X, [3, 4], X, X),
    "logdet singular": lambda: torch.logdet(torch.ones(4, 4, dtype=D)),
    "logdet zero": lambda: torch.logdet(torch.zeros(2, 2, dtype=D)),
    "logdet negative": lambda: torch.logdet(-torch.eye(3, dtype=D)),
    "slogdet zero": lambda: torch.slogdet(torch.zeros(4, 4, dtype=D))[1],
    "det zero": lambda: torch.det(torch.zeros(4, 4, dtype=D)),
    "det": lambda: torch.det(M),
    "mse_loss": lambda: F.mse_loss(X, 2 * X, reduction="sum"),
    "embedding_bag": lambda: F.embedding_bag(I, X, mode="sum", per_sample_weights=ONES, padding_idx=-1),
    "cdist": lambda: torch.cdist(X[None], X, p=0.0),
    "householder": lambda: torch.linalg.householder_product(M[:, :3], M[0, :2]),
}  # fmt: skip

REFUSED = {
    **{f"roll {a}": lambda a=a: torch.roll(X, *a) for a in
       [((3, 1),), ((1, 2), 1), ((1, 2), (1,)), (1, (0, 1)), (1, 5), ((), ()), ((1, 1), (5, 0))]},
    "layer_norm size": lambda: F.layer_norm(X, (3,)),
    "layer_norm none": lambda: F.layer_norm(X, []),
    "layer_norm weight": lambda: F.layer_norm(X, (4,), torch.ones(1, dtype=D)),
    "layer_norm bias": lambda: F.layer_norm(X, (4,), None, X),
    **{f"{f.__name__} {tuple(a.shape)}": lambda f=f, a=a: f(a)
       for f in (torch.det, torch.logdet, torch.slogdet, torch.linalg.det, torch.cholesky_inverse)
       for a in (X, X.T, X[:, :2], X[0])},
    **{f"{f.__name__} reduction": lambda f=f: f(X, X, reduction="foo")
       for f in (F.mse_loss, F.soft_margin_loss)},
    "multi_margin p": lambda: F.multi_margin_loss(X, torch.tensor([0, 1, 2]), p=3),
    "multi_margin labels": lambda: F.multi_margin_loss(X, torch.tensor([0, 1])),
    "multilabel_margin": lambda: F.multilabel_margin_loss(X, torch.zeros(3, 2, dtype=torch.long)),
    "embedding_bag mode": lambda: F.embedding_bag(I, X, mode="foo"),
    "embedding_bag mean": lambda: F.embedding_bag(I, X, mode="mean", per_sample_weights=ONES),
    "embedding_bag weights": lambda: F.embedding_bag(I, X, mode="sum", per_sample_weights=ONES[0]),
    "embedding_bag padding": lambda: F.embedding_bag(I, X, padding_idx=7),
    "embedding_bag input": lambda: F.embedding_bag(I[0], X),
    "cdist": lambda: torch.cdist(X, X[:, :1]),
    "cdist p": lambda: torch.cdist(X, X, p=-1),
    "pdist": lambda: F.pdist(X[0]),
    "pdist p": lambda: F.pdist(X, p=-1),
    "select_scatter index": lambda: torch.select_scatter(X, X[0], 0, 3),
    "select_scatter slice": lambda: torch.select_scatter(X, X[:1], 0, 0),
    "view_as_complex": lambda: torch.view_as_complex(X),
    "householder": lambda: torch.linalg.householder_product(X, X[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_what_torch_takes(name):
    """Guards forms of arguments that the stand-in does not know, and values beside torch's own."""
    with exact_derivatives():
        found = TAKEN[name]()
    wanted = TAKEN[name]()
    assert found.shape == wanted.shape
    assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-14, equal_nan=True)


@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_refuses(name):
    """Guards numbers for arguments that mean nothing: broadcast weights, other modes, cut matrices."""
    with pytest.raises((RuntimeError, ValueError, IndexError, NotImplementedError)):
        REFUSED[name]()
    with pytest.raises(InvalidProblem, match="needs"), exact_derivatives():
        REFUSED[name]()


@pytest.mark.parametrize(
    "loss", [F.cross_entropy, lambda o, y, **k: F.nll_loss(o.log_softmax(1), y, **k)]
)
def test_labels_that_are_bytes(loss):
    """Guards "gather(): Expected dtype int32/int64": torch takes bytes as labels where nothing is batched."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 4, dtype=torch.float64, generator=g)
    y = torch.randint(0, 3, (3, 5), generator=g)
    found = []
    for labels in (y, y.to(torch.uint8)):
        problem = mi.Problem(
            mi.Linear(4, 3), mi.Tasks(x, labels, x, labels), mi.Unrolled(1, 0.1), outer_reg=0.5,
            inner_loss=lambda o, z: loss(o, z, reduction="none"), lam=torch.ones(12).double(),
        )  # fmt: skip
        found.append(mi.influence(problem, [mi.task(0)], allow_nonstationary=True).value)
    assert torch.equal(*found)

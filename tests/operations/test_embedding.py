"""Bags of embeddings: torch's outputs, with the second derivative that torch's kernel has not."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import metainfl as mi
from metainfl.derive.differences import check_derivatives
from metainfl.errors import InvalidProblem
from metainfl.operations import exact_derivatives
from tests.helpers import assert_close

D = torch.float64
BAGS = torch.tensor([[1, 2, 3], [0, 0, 2], [0, 0, 0]])


@pytest.mark.parametrize("padding", [None, 0, -7])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_outputs_are_those_of_torch(mode, padding):
    w = torch.randn(7, 3, dtype=D, generator=torch.Generator().manual_seed(0))
    want = F.embedding_bag(BAGS, w, mode=mode, padding_idx=padding)
    with exact_derivatives():
        found = F.embedding_bag(BAGS, w, mode=mode, padding_idx=padding)
    assert_close(found, want, 1e-14)


class Bags(nn.Module):
    """A bag of words a row; inputs are indices as numbers."""

    def __init__(self, **options):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.out = nn.EmbeddingBag(5, 3, **options), nn.Linear(3, 2)
        self.double()

    def forward(self, x):
        """(n, 2)."""
        return self.out(torch.tanh(self.embed(x.long())))


def problem_of(net, **options):
    """Two tasks of four bags, one MAML step."""
    g = torch.Generator().manual_seed(0)
    x = torch.randint(0, 5, (2, 4, 3), generator=g).to(D)
    y = torch.randn(2, 4, 2, dtype=D, generator=g)
    lam = mi.FromModule(net).current()
    return mi.Problem(
        net, mi.Tasks(x, y, x, y), mi.Unrolled(1, 0.1), outer_reg=0.1, lam=lam, **options
    )


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("options", [{}, {"mode": "sum", "padding_idx": 0}, {"mode": "max"}])
def test_derivatives(options, order, chunk):
    problem = problem_of(Bags(**options), product=order, chunk=chunk)
    assert check_derivatives(problem).worst < 1e-6


@pytest.mark.parametrize("options", [{"max_norm": 1.0}, {"scale_grad_by_freq": True}])
def test_gradients_that_no_objective_has_are_refused(options):
    problem = problem_of(Bags(**options))
    with pytest.raises(InvalidProblem, match=next(iter(options))):
        problem.gradient(problem.lam)


def test_bags_by_offsets_are_refused():
    with exact_derivatives(), pytest.raises(InvalidProblem, match="bags of one length"):
        nn.EmbeddingBag(5, 3)(torch.tensor([1, 2, 3]), torch.tensor([0, 2]))


@pytest.mark.parametrize("product", ["forward", "reverse"])
@pytest.mark.parametrize(
    ("adaptation", "layer"),
    [
        (mi.Unrolled(2, 0.1), nn.Embedding),
        (mi.Unrolled(2, 0.1), nn.EmbeddingBag),
        (mi.Proximal(2.0), nn.EmbeddingBag),
        (mi.ProximalCG(2.0), nn.Embedding),
        (mi.RidgeHead(1.0), nn.EmbeddingBag),
    ],
)
def test_tasks_without_support_tokens_are_answered(adaptation, layer, product):
    """Guards "cannot reshape tensor of 0 elements": zero-shot tasks of a token model, among others."""

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.rows, self.head = layer(5, 3), nn.Linear(3, 2)

        def forward(self, x):
            found = self.rows(x.long())
            return self.head((found if found.ndim == 2 else found.mean(1)).tanh())

    torch.manual_seed(0)
    x, y = torch.randint(0, 5, (3, 4, 2)).double(), torch.randn(3, 4, 2, dtype=D)
    empty = {"support_x": x[0, :0], "support_y": y[0, :0], "query_x": x[0], "query_y": y[0]}
    full = {"support_x": x[1], "support_y": y[1], "query_x": x[2], "query_y": y[2]}
    p = mi.Problem(
        Words(), mi.Tasks.ragged([empty, full]), adaptation, outer_reg=3.0, product=product
    )
    alone = p.replaced(tasks=mi.Tasks.ragged([empty]), outer_reg=0.0)
    lam = p.own_start()
    check_derivatives(p.replaced(lam=lam))
    if not isinstance(adaptation, mi.RidgeHead):  # there theta is lam
        plain = alone.replaced(adaptation=mi.NoAdaptation())
        assert_close(alone.hessian(lam), plain.hessian(lam), 1e-12)

"""Tensors without values, sparse ones and mixed precisions are named wherever one is given."""

import pickle

import pytest
import torch

import metainfl as mi
from metainfl.advice import advise
from metainfl.training import Recipe, train

D = torch.float64


def tasks(dtype=D):
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(3, 5, k, dtype=D, generator=g).to(dtype) for k in (3, 2))
    return mi.Tasks(x, y, x, y)


def problem(**changes):
    return mi.Problem(
        mi.Linear(3, 2), tasks(), mi.ProximalRidge(1.0), **{"outer_reg": 0.5, **changes}
    )


def trained(p, start=None):
    return train(p, Recipe(rate=0.1, steps=1), start=start, progress=False)


def asked(p, odd):
    vector = odd(torch.ones(6, dtype=D))
    matrix = odd(torch.ones(1, 6, dtype=D))
    return {
        "lam": lambda: problem(lam=vector),
        "set lam": lambda: setattr(p, "lam", vector),
        "gradient": lambda: p.gradient(vector),
        "objective": lambda: p.objective(vector),
        "residual": lambda: p.residual(vector),
        "start": lambda: p.solve(vector, progress=False),
        "outer_reg": lambda: problem(outer_reg=vector),
        "product": lambda: p.hessian_product(p.lam, vector),
        "products": lambda: p.products(p.lam)(vector),
        "symmetry": lambda: problem(lam=p.lam, symmetry=lambda lam: matrix.mT).tangent(),
        "stored": lambda: mi.Stored(matrix, [mi.task(0)], p.lam),
        "seeds": lambda: trained(p).sensitivities(matrix),
        "start of a run": lambda: trained(p, vector),
        "rates": lambda: mi.Unrolled(1, vector),
        "edits": lambda: mi.removal.target_losses(p, matrix, p.tasks),
    }


@pytest.mark.parametrize("odd", [lambda t: t.to("meta"), torch.Tensor.to_sparse])
@pytest.mark.parametrize("name", list(asked(problem(lam=torch.ones(6)), lambda t: t)))
def test_a_tensor_without_values_is_named(odd, name):
    """Guards torch's own errors from comparisons and copies of what has no values, or not all of them."""
    with pytest.raises(mi.MetainflError, match=r"give (a tensor that has values|.*to_dense)"):
        asked(problem(lam=torch.ones(6)), odd)[name]()


@pytest.mark.filterwarnings("ignore:.*nested tensors.*")
@pytest.mark.parametrize("name", list(asked(problem(lam=torch.ones(6)), lambda t: t)))
def test_a_nested_tensor_is_named(name):
    """Guards a shape that is read before it is known to be there."""
    with pytest.raises(mi.MetainflError):
        asked(problem(lam=torch.ones(6)), lambda t: torch.nested.nested_tensor([t, t]))[name]()


def test_vectors_of_kept_products_are_looked_at():
    """Guards the public products, whose NaN, lists and shapes reached torch, or nobody."""
    p = problem(lam=torch.ones(6))
    products = p.products(p.lam)
    with pytest.raises(mi.NotFinite, match="vector"):
        products(torch.full((6,), torch.nan, dtype=D))
    for wrong in ([1.0], torch.ones(3), torch.ones(6) * 1j):
        with pytest.raises(mi.InvalidProblem, match="multiplied by H"):
            products(wrong)
    eye = torch.eye(6)
    torch.testing.assert_close(products(eye), p.hessian(p.lam))


def test_an_objective_that_overflows_is_none():
    """Guards an infinity that no task's loss has: that of the regulariser."""
    x = torch.zeros(1, 1, 3, dtype=D)
    p = mi.Problem(
        mi.Linear(3, 2),
        mi.Tasks(x, x[..., :2], x, x[..., :2]),
        mi.NoAdaptation(),
        outer_reg=1.0,
    )
    with pytest.raises(mi.NotFinite, match="outer regulariser"):
        p.objective(torch.full((6,), 1e200, dtype=D))


def test_mixed_precisions_and_places_of_tasks_are_named():
    """Guards a sum in two precisions, which failed as a derivative that torch lacks, and bare indices."""
    t, single = tasks(), tasks(torch.float32)
    with pytest.raises(mi.InvalidTasks, match=r"query_y.*\.double\(\)"):
        mi.Tasks(single.support_x, single.support_y, single.query_x, t.query_y)
    with pytest.raises(mi.InvalidTasks, match="in one"):
        mi.Tasks(single.support_x, t.support_y, t.query_x, t.query_y)
    mi.Tasks(t.support_x, single.support_y, t.query_x, single.query_y)
    for wrong in (mi.task(7), mi.query(0, 9), mi.support(-1, 0), mi.shift("query", 0, 0, 0)):
        with pytest.raises(mi.InvalidTasks):
            t.scaled([wrong], 0.0)
    with pytest.raises(mi.InvalidTasks, match="meta"):
        t.to("meta")


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_a_model_of_no_numbers_is_refused():
    """Guards the empty matrices of parameters that hold nothing."""
    x = torch.zeros(2, 3, 4, dtype=D)
    empty = torch.nn.Linear(4, 0)
    with pytest.raises(mi.InvalidProblem, match="no meta-parameters"):
        mi.Problem(
            empty.double(),
            mi.Tasks(x, x[..., :0], x, x[..., :0]),
            mi.NoAdaptation(),
            outer_reg=1.0,
        )


def test_a_solved_problem_goes_to_other_processes():
    """Guards what a minimisation leaves on its problem: functions that cannot be pickled."""
    p = problem()
    p.solve(progress=False)
    again = pickle.loads(pickle.dumps(p))
    assert again.minimisation.converged
    torch.testing.assert_close(again.hessian(p.lam), p.hessian(p.lam), rtol=0, atol=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda p: advise(3),
        lambda p: advise(p, "much"),
        lambda p: advise(p, None),
        lambda p: advise(p, steps=1.5),
        lambda p: advise(p, steps="all"),
    ],
)
def test_what_advice_is_asked_with_is_looked_at(call):
    """Guards comparisons of what is no number, and questions to what is no problem."""
    with pytest.raises(mi.MetainflError):
        call(problem(lam=torch.ones(6)))

"""Kind guarded: a Hessian that is singular for a reason that can be found, refused without naming it."""

from functools import cache

import pytest
import torch

import metainfl as mi
from metainfl.data import one_hot
from metainfl.oracle import small_case
from tests.helpers import assert_close


def prototype_problem(bias=True, **options):
    g = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4, bias=bias)
    ).double()
    x = torch.randn(6, 9, 4, generator=g, dtype=torch.float64)
    y = one_hot(torch.arange(9) % 3, 3, torch.float64).expand(6, -1, -1)
    tasks = mi.Tasks(x, y, x.flip(1) + 0.1, y.flip(1))
    options = {"inner_loss": mi.cross_entropy, "outer_reg": 0.3, **options}
    problem = mi.Problem(net, tasks, mi.Prototypes(), **options)
    problem.solve(mi.FromModule(net).current())
    return problem


@pytest.mark.parametrize("bias", [True, False])
def test_turns_of_the_last_layer_of_a_deep_embedding(bias):
    """Six zero eigenvalues from the turns of four outputs; influence has no component in them."""
    problem = prototype_problem(bias)
    found = mi.symmetry.find(problem)
    assert found.names == ("2.weight",) and found.directions == found.zeros == 6
    basis = found(problem.lam)
    assert_close(basis.T @ basis, torch.eye(6), 1e-12)
    h = problem.hessian(problem.lam)
    assert float((h @ basis).norm()) <= 1e-9 * float(h.norm())
    with pytest.raises(mi.SingularHessian):
        mi.influence(problem, [mi.task(0)])
    row = mi.influence(problem.replaced(symmetry=found), [mi.task(0)]).value[0]
    assert float((basis.T @ row).norm()) <= 1e-10 * float(row.norm())
    want = -torch.linalg.pinv(h, rtol=1e-9, hermitian=True) @ problem.task_gradients(problem.lam)[0]
    assert_close(row, want, 1e-7)


@pytest.mark.parametrize("name", ["prototypes", "linear_representation"])
def test_the_families_symmetries_are_found(name):
    problem = small_case(name, 1).problem()
    found = mi.symmetry.find(problem.replaced(symmetry=None))
    known = problem.tangent()
    assert found.directions == known.shape[1]
    assert_close(found(problem.lam) @ found(problem.lam).T, known @ known.T, 1e-10)


def test_what_is_no_symmetry_is_not_offered():
    problem = small_case("maml_softmax", 1).problem()
    assert mi.symmetry.find(problem) is None
    uneven = torch.linspace(0.2, 0.6, prototype_problem().n_meta, dtype=torch.float64)
    assert mi.symmetry.find(prototype_problem(outer_reg=uneven)) is None


@cache
def with_its_symmetry():
    problem = prototype_problem()
    known = mi.symmetry.find(problem)
    return problem.replaced(symmetry=known), known


@pytest.mark.parametrize(
    "solver", [mi.solve.Dense(), mi.solve.CG(), mi.solve.PseudoInverse(rtol=0)]
)
@pytest.mark.parametrize("kind", ["scaled", "skewed", "dependent", "zero"])
def test_a_symmetry_need_not_be_orthonormal(kind, solver):
    """Guards projections off columns that are taken for orthonormal as they come."""
    problem, known = with_its_symmetry()

    def own(lam):
        basis = known(lam)
        if kind == "scaled":
            return 3 * basis
        if kind == "zero":
            return torch.cat([basis, 0 * basis], dim=1)
        if kind == "skewed":
            return torch.cat([basis[:, :1], basis[:, 1:] + basis[:, :1]], dim=1) * 1e-20
        return torch.cat([basis, basis.sum(1, keepdim=True) / 7], dim=1)

    want = mi.influence(problem, [mi.task(0)], solver=solver).value
    other = problem.replaced(symmetry=own)
    assert other.tangent().shape == problem.tangent().shape
    assert_close(mi.influence(other, [mi.task(0)], solver=solver).value, want, 1e-8)


@pytest.mark.parametrize(
    "wrong", [lambda lam: lam, lambda lam: lam[:2, None], lambda lam: lam[:, None] / 0]
)
def test_a_symmetry_that_is_no_basis_is_refused(wrong):
    """Guards directions of a wrong shape, or NaN, that fail far from where they were given."""
    with pytest.raises(mi.InvalidProblem, match="symmetry"):
        small_case("prototypes", 1).problem().replaced(symmetry=wrong).tangent()

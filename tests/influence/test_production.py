"""Production against the reference: every family, every perturbation kind, conditioning, precision."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.adaptation import Proximal, Unrolled
from metainfl.influence import removal
from metainfl.oracle import small_case
from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl.solve import CG
from metainfl_reference.conditioned import conditioned
from metainfl_reference.episodes import Weights
from metainfl_reference.family import targets
from metainfl_reference.perturbation import query, support, task
from metainfl_reference.second_route.richardson import aligned
from tests.helpers import NAMES, WITH_DIRECT, assert_close

KINDS = ("task", "support", "query", "support_input", "query_input", "group")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
def test_influence_of_every_weight(name, device):
    case = small_case(name, 5)
    pis = case.perturbations(KINDS)
    got = mi.influence(case.problem(device=device), pis).value
    assert_close(got.cpu(), case.truth("derivative", pis), min(case.tolerance(), 1e-9))


@pytest.mark.parametrize("name", WITH_DIRECT)
def test_influence_with_direct_term(name):
    case = small_case(name, 6, direct=0.4)
    pis = case.perturbations(KINDS)
    got = mi.influence(case.problem(), pis).value
    assert_close(got, case.truth("derivative", pis), min(case.tolerance(), 1e-9))
    tasks = case.perturbations(["task"])
    direct = mi.direct_if(case.problem(), tasks)
    assert_close(direct, case.truth("direct", tasks), case.tolerance(), "Direct-IF")
    assert np.abs(direct.numpy()).max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_weighted_problem(name):
    """Weights other than 1: the instance derivatives carry their task's weight."""
    case = small_case(name, 7)
    rng = np.random.default_rng(0)
    ones = Weights.ones(case.family.episodes)
    w = Weights(*(rng.uniform(0.6, 1.4, a.shape) for a in (ones.task, ones.support, ones.query)))
    at = case.family.solve(w, start=case.solution.lam)
    problem = problem_of(case.family, weights=w)
    problem.lam = torch.tensor(at.lam)
    pis = case.perturbations(KINDS, limit=12)
    truth = case.family.influence(pis, at).value
    assert_close(mi.influence(problem, pis).value, truth, 1e-9)


@pytest.mark.parametrize("inner, total", [(1e1, 1e6), (1e6, 1e1), (1e3, 1e3), (1e8, 1e8)])
def test_conditioning(inner, total):
    family = conditioned(3, inner=inner, total=total)
    at = family.solve()
    problem = problem_of(family)
    problem.lam = torch.tensor(at.lam)
    pis = [task(0), task(2), support(1, 3), query(2, 0)]
    got = mi.influence(problem, pis, allow_nonstationary=True).value
    tolerance = max(1e-9, 64 * 2.2e-16 * (inner + total))
    assert_close(got, family.influence(pis, at).value, tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_hessian_gradient_objective(name):
    case = small_case(name, 2)
    problem = problem_of(case.family)
    lam = case.solution.lam + 0.1
    t = torch.tensor(lam)
    assert_close(problem.hessian(t), case.family.total_hessian(lam), 1e-12)
    assert_close(problem.gradient(t), case.family.gradient(lam), 1e-12)
    assert abs(float(problem.objective(t)) - case.family.objective(lam)) < 1e-11
    v = torch.arange(1.0, problem.n_meta + 1, dtype=torch.float64)
    assert_close(problem.hessian_product(t, v), case.family.total_hessian(lam) @ v.numpy(), 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_forward_and_reverse_products_agree(name):
    case = small_case(name, 2)
    lam = torch.tensor(case.solution.lam + 0.1)
    problem = problem_of(case.family)
    assert problem.plan.mode == "reverse"
    forward, reverse = (
        problem.replaced(product=mode).hessian(lam) for mode in ("forward", "reverse")
    )
    assert_close(forward, reverse, 1e-12)
    pis = case.perturbations(KINDS, limit=12)
    forward, reverse = (
        mi.influence(case.problem().replaced(product=mode), pis).value
        for mode in ("forward", "reverse")
    )
    assert_close(forward, reverse, 1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_solve_finds_the_reference_minimiser(name):
    case = small_case(name, 1)
    lam = problem_of(case.family).solve(torch.tensor(case.family.initial()))
    assert_close(aligned(case.family, lam.numpy(), case.solution.lam), case.solution.lam, 1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_the_adjoint(name):
    case = small_case(name, 3)
    pis = case.perturbations(KINDS)
    chosen = [1, 3]
    t = [targets(case.family.episodes)[k] for k in chosen]
    slopes = np.stack([case.family.target_gradient(x, case.solution.lam) for x in t], axis=1)
    got = mi.scores(case.problem(), pis, tasks_of(case.family.episodes).select(chosen)).value
    assert_close(got, case.truth("derivative", pis) @ slopes, 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_removal_edits(name):
    case = small_case(name, 8)
    pis = case.perturbations(("task", "query", "support", "group"), limit=6)
    problem = case.problem()
    first = removal.first_order(problem, pis[:3])
    assert_close(first, case.truth("first_order", pis[:3]), 1e-10)
    kept = []
    for p in pis:
        try:
            kept.append((p, case.truth("newton", [p])[0]))
        except ArithmeticError:
            with pytest.raises(mi.SingularHessian):
                removal.newton(problem, [p])
    got = removal.newton(problem, [p for p, _ in kept])
    assert_close(got, np.stack([t for _, t in kept]), 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_cg_equals_dense(name):
    case = small_case(name, 9)
    pis = case.perturbations(KINDS, limit=10)
    cg = mi.influence(case.problem(), pis, solver=CG(rtol=1e-14))
    dense = mi.influence(case.problem(), pis)
    assert_close(cg.value, dense.value, 1e-10)
    assert cg.solve.converged and cg.solve.iterations <= 2 * case.family.n_meta


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
def test_float32(name, device):
    """Single precision: rounding times the condition number, and lam itself is rounded."""
    case = small_case(name, 5)
    pis = case.perturbations(KINDS, limit=10)
    got = mi.influence(case.problem(torch.float32, device), pis, allow_nonstationary=True).value
    assert got.dtype == torch.float32
    assert_close(got.cpu(), case.truth("derivative", pis), case.tolerance(torch.float32))


def test_closed_form_and_general_proximal_agree():
    case = small_case("proximal_ridge", 2)
    pis = case.perturbations(KINDS)
    general = case.problem().replaced(adaptation=Proximal(case.family.d_in))
    assert_close(mi.influence(general, pis).value, case.truth("derivative", pis), 1e-11)


def test_unrolled_tends_to_implicit():
    """With a proximal pull in the inner loss, k steps approach the argmin at the rate of descent."""
    case = small_case("proximal_softmax", 2)
    pis = case.perturbations(("task", "support"))
    truth = case.truth("derivative", pis)
    errors = []
    for steps in (20, 80, 320):
        unrolled = case.problem().replaced(adaptation=Unrolled(steps, 0.1, inner_reg=1.0))
        got = mi.influence(unrolled, pis, allow_nonstationary=True).value.numpy()
        errors.append(np.abs(got - truth).max() / np.abs(truth).max())
    assert errors[0] > 1e-3 and errors[1] < 0.1 * errors[0] and errors[2] < 1e-9


def test_chunks_do_not_matter():
    case = small_case("proximal_softmax", 2)
    pis = case.perturbations(KINDS)
    whole = mi.influence(case.problem(), pis).value
    for chunk in (1, 2, 4):
        got = mi.influence(case.problem().replaced(chunk=chunk), pis).value
        assert_close(got, whole, 1e-13)


def test_any_module_flat_or_dict():
    """A torch module in the place of the linear map: same numbers, parameters both ways."""
    torch.manual_seed(0)
    module = torch.nn.Linear(3, 2, bias=False).double()
    case = small_case("proximal_ridge", 2)
    lam = torch.tensor(case.solution.lam).reshape(3, 2).T.reshape(-1)  # torch stores (out, in)
    problem = mi.Problem(
        module,
        tasks_of(case.family.episodes),
        Proximal(case.family.d_in),
        outer_reg=case.family.d_out,
        lam=lam,
    )
    pis = case.perturbations(("task", "support", "query"))
    got = mi.influence(problem, pis).value.reshape(-1, 2, 3).mT.reshape(-1, 6)
    assert_close(got, case.truth("derivative", pis), 1e-11)
    model = mi.FromModule(module)
    assert torch.equal(model.to_flat(model.to_dict(lam)), lam)
    assert set(model.to_dict(model.current())) == {"weight"}

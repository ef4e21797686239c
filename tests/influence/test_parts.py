"""Each approximate part equals its own dense definition, and the exact answer where theory says so."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.curvature import direct, empirical_fisher, exact, gamma, gauss_newton, identity
from metainfl.curvature.gamma import gamma_value
from metainfl.curvature.gauss_newton import factors, outer
from metainfl.influence import adapted
from metainfl.methods.implicit.task_if_paper import task_if_gamma
from metainfl.methods.implicit.tlxml import tlxml, tlxml_gauss_newton, tlxml_pruned
from metainfl.oracle import small_case
from metainfl.oracle.bridge import tasks_of
from metainfl.solve import CG, Dense, Lanczos, Neumann, PseudoInverse
from metainfl.solve.buffer import buffered, orthogonal
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.pseudo_inverse import pseudo_inverse
from metainfl.solve.spectrum import lanczos
from metainfl.solve.woodbury import woodbury
from metainfl_reference.errata import paper_001, paper_002
from tests.helpers import ADAPTED, NAMES, WITH_DIRECT, assert_close

AFFINE = ["single_ridge", "proximal_ridge", "maml_linear"]
SOFTMAX = ["proximal_softmax", "maml_softmax"]


def tasks_and_problem(name, **changes):
    case = small_case(name, 4, **changes)
    return case, case.problem(), case.perturbations(["task"])


@pytest.mark.parametrize("name", AFFINE)
def test_gauss_newton_is_exact_where_outputs_are_affine(name):
    case, problem, _ = tasks_and_problem(name)
    assert_close(gauss_newton(problem).dense(), case.solution.hessian, 1e-12)


@pytest.mark.parametrize("name", ["proximal_ridge", "maml_linear"])
def test_gauss_newton_with_a_direct_term(name):
    case, problem, _ = tasks_and_problem(name, direct=0.3)
    assert_close(gauss_newton(problem).dense(), case.solution.hessian, 1e-12)


@pytest.mark.parametrize("name", SOFTMAX)
def test_gauss_newton_against_its_definition(name):
    case, problem, _ = tasks_and_problem(name)
    want = paper_002.gauss_newton(case.family, case.solution)
    eye = case.family.d_out * np.eye(case.family.n_meta)
    assert_close(gauss_newton(problem).dense(), want + eye, 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_factored_form_is_gauss_newton(name):
    changes = {"direct": 0.2} if name in WITH_DIRECT else {}
    _, problem, _ = tasks_and_problem(name, **changes)
    v = torch.cat(list(factors(problem)), dim=1)
    eye = torch.eye(problem.n_meta, dtype=torch.float64)
    want = gauss_newton(problem).dense()
    assert_close(outer(factors(problem)) + problem.outer_reg * eye, want, 1e-12)
    b = torch.randn(
        problem.n_meta, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    assert_close(woodbury(v, problem.outer_reg, b), torch.linalg.solve(want, b), 1e-10)


@pytest.mark.parametrize("name", ["proximal_ridge", "proximal_softmax", "maml_softmax"])
def test_gamma_is_theorem_5_1(name):
    case, problem, pis = tasks_and_problem(name)
    want = sum(
        np.abs(paper_001.outer_gradient(case.family, k, case.solution)).sum()
        for k in range(case.family.episodes.n_tasks)
    )
    assert abs(float(gamma_value(problem)) / want - 1) < 1e-12
    printed = paper_001.thm_5_1_as_printed(case.family, pis, case.solution)
    assert_close(mi.influence(problem, pis, curvature=gamma).value, printed, 1e-12)
    assert_close(task_if_gamma(problem, pis), printed, 1e-9)


def test_gamma_keeps_the_direct_terms():
    """On the linear representation: total Hessian minus its two replaced terms, plus Gamma."""
    case, problem, _ = tasks_and_problem("linear_representation")
    want = case.family.d_out * np.eye(case.family.n_meta)
    for k in range(case.family.episodes.n_tasks):
        local = case.family.task(k, case.solution.lam)
        curved = local.curved(np.zeros(local.theta.size))
        mixed = curved.lz @ local.jacobian
        want = want + curved.ll + mixed + mixed.T
    want = want + float(gamma_value(problem)) * np.eye(len(want))
    assert_close(gamma(problem).dense(), want, 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_fisher_and_identity(name):
    _, problem, pis = tasks_and_problem(name)
    g = problem.task_gradients(problem.lam)
    eye = torch.eye(problem.n_meta, dtype=torch.float64)
    assert_close(empirical_fisher(problem).dense(), g.T @ g + problem.outer_reg * eye, 1e-12)
    rows = [int(p.task) for p in pis]
    free = problem.replaced(symmetry=None)
    assert_close(mi.influence(free, pis, curvature=identity).value, -g[rows], 1e-13)


@pytest.mark.parametrize("name", ["linear_representation", "proximal_softmax"])
def test_direct_curvature_is_direct_if(name):
    """Equation 7 as a curvature and as `ignored` derivatives are one thing."""
    _, problem, pis = tasks_and_problem(name)
    frozen = problem.replaced(adaptation=problem.adaptation.frozen(), symmetry=None)
    found = mi.influence(
        problem.replaced(symmetry=None), pis, curvature=direct, right_hand_side=frozen
    )
    assert_close(found.value, mi.direct_if(problem, pis), 1e-13)


@pytest.mark.parametrize("name", ["single_softmax", "proximal_ridge", "maml_linear"])
@pytest.mark.parametrize("rtol", [1e-2, 1e-6, 1e-11])
def test_neumann_reaches_the_error_it_computes(name, rtol):
    case, problem, pis = tasks_and_problem(name)
    low = float(case.solution.certificate.smallest)
    found = mi.influence(problem, pis, solver=Neumann(rtol=rtol, low=0.999 * low))
    truth = case.truth("derivative", pis)
    error = np.linalg.norm(found.value.numpy() - truth, axis=1) / np.linalg.norm(truth, axis=1)
    assert error.max() <= found.solve.error <= rtol and found.solve.converged


def test_neumann_falls_at_the_predicted_rate_and_says_when_it_cannot():
    _, problem, pis = tasks_and_problem("proximal_ridge")
    a = exact(problem)
    worst = torch.linalg.eigh(a.dense())[1][:, :1]  # the slowest direction
    want = worst / torch.linalg.eigvalsh(a.dense())[0]
    errors = []
    for terms in (5, 10, 20):
        r = Neumann(terms=terms, rtol=1e-12, allow_unconverged=True, lanczos_steps=99)(a, worst)
        error = float((r.solution - want).norm() / want.norm())
        assert error == pytest.approx(r.error, rel=1e-6) and not r.converged
        errors.append(error)
    assert errors[0] > errors[1] > errors[2]
    with pytest.raises(mi.NotConverged, match="diverges"):
        mi.influence(problem, pis, solver=Neumann(scale=1.0))
    with pytest.raises(mi.NotConverged, match="leave a relative error") as caught:
        mi.influence(problem, pis, solver=Neumann(terms=3))
    assert caught.value.result.iterations == 3
    with pytest.raises(mi.NotConverged, match=r"needs \d+ terms"):
        mi.influence(problem, pis, solver=Neumann(rtol=1e-9, max_terms=2))


@pytest.mark.parametrize("seed", [0, 1])
def test_lanczos_and_low_rank(seed):
    generator = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(30, 30, generator=generator, dtype=torch.float64))[0]
    values = torch.logspace(-3, 1, 30, dtype=torch.float64)
    matrix = q @ torch.diag(values) @ q.T
    a = SymmetricOperator(30, matrix.__matmul__, matrix)
    full = lanczos(a, 30)
    assert_close(full.values, values, 1e-10)
    assert lanczos(a, 12).high >= 10 * (1 - 1e-12) and abs(lanczos(a, 12).high - 10) < 1e-6
    b = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    top = q[:, -5:] @ torch.diag(1 / values[-5:]) @ q[:, -5:].T @ b
    assert_close(PseudoInverse(keep=5)(a, b).solution, top, 1e-10)
    assert_close(Lanczos(5, steps=30)(a, b).solution, top, 1e-8)
    assert_close(PseudoInverse(rtol=1e-9)(a, b).solution, torch.linalg.solve(matrix, b), 1e-8)
    assert_close(CG(rtol=1e-13)(a, b).solution, Dense()(a, b).solution, 1e-8)


def test_pseudo_inverse_refuses_what_it_must():
    matrix = torch.diag(torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64))
    a, b = SymmetricOperator(3, matrix.__matmul__, matrix), torch.ones(3, 1, dtype=torch.float64)
    with pytest.raises(mi.SingularHessian, match="kept eigenvalue"):
        PseudoInverse(keep=3)(a, b)
    r = PseudoInverse(rtol=1e-3)(a, b)  # the negative one is dropped, and the share of b with it
    assert r.solution[0] == 0 and r.error == pytest.approx(3**-0.5)
    for make in (lambda: PseudoInverse(), lambda: PseudoInverse(keep=0), lambda: Lanczos(0)):
        with pytest.raises(mi.InvalidOption):
            make()


def test_rolling_buffer():
    """At least the rank: exact; below it: the leading directions of what was kept."""
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(20, 6, generator=generator, dtype=torch.float64)
    blocks = [base @ torch.randn(6, 4, generator=generator, dtype=torch.float64) for _ in range(5)]
    whole = torch.cat(blocks, dim=1)
    kept = buffered(blocks, 6)
    assert kept.shape == (20, 6)
    assert_close(kept @ kept.T, whole @ whole.T, 1e-12)
    b = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    want = torch.linalg.pinv(whole @ whole.T, rtol=1e-10, hermitian=True) @ b
    assert_close(pseudo_inverse(kept, b), want, 1e-9)
    assert buffered(blocks, 2).shape == (20, 2)
    o = orthogonal(whole)
    assert o.shape[1] == 6 and float((o.T @ o - torch.diag((o.T @ o).diag())).abs().max()) < 1e-9


@pytest.mark.parametrize("name", AFFINE)
def test_tlxml_forms_agree_where_gauss_newton_is_exact(name):
    case, problem, pis = tasks_and_problem(name)
    truth = case.truth("derivative", pis)
    assert_close(tlxml(problem, pis), truth, 1e-11)
    assert_close(tlxml_gauss_newton(problem, pis), truth, 1e-10)
    away = problem.replaced(lam=problem.lam + 1)
    with pytest.raises(mi.NotStationary):  # as `influence` does, not a number without a word
        tlxml_gauss_newton(away, pis)
    assert tlxml_gauss_newton(away, pis, allow_nonstationary=True).shape == truth.shape
    assert_close(tlxml_pruned(problem.n_meta)(problem, pis), truth, 1e-10)
    pruned = tlxml_pruned(2)(problem, pis).numpy()
    assert np.linalg.matrix_rank(pruned) == 2


@pytest.mark.parametrize("name", ADAPTED)
def test_adapted_parameters_and_their_influence(name):
    case, problem, pis = tasks_and_problem(name)
    family, lam = case.family, case.solution.lam
    theta = np.stack([family.task_parameters(k, lam) for k in range(5)])
    assert_close(adapted.parameters(problem), theta, 1e-12)
    assert_close(
        adapted.inner_influence(problem, 2), family.task(2, lam).theta_by_support().T, 1e-11
    )
    moves = case.truth("derivative", pis[:2])
    got = adapted.adaptation_influence(
        problem, torch.tensor(moves), tasks_of(family.episodes).select([0, 3])
    )
    want = np.stack([moves @ family.task_jacobian(k, lam).T for k in (0, 3)])
    assert_close(got, want, 1e-11)

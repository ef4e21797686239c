"""Solvers on matrices whose spectrum is known: answers, errors, refusals, Ctrl-C."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.curvature import ekfac, exact
from metainfl.oracle import small_case
from metainfl.solve import CG, Dense, Lanczos, LiSSA, Neumann, PseudoInverse, Structured
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.precondition import by, jacobi, nystrom
from metainfl.solve.spectrum import lanczos
from tests.helpers import assert_close


def spiked(seed=0, p=80, rank=8, low=1e-3):
    """low I plus `rank` large eigenvalues: what Nystroem is made for."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.linalg.qr(torch.randn(p, rank, generator=generator, dtype=torch.float64))[0]
    a = u @ torch.diag(torch.logspace(0, 3, rank, dtype=torch.float64)) @ u.T
    a = a + low * torch.eye(p, dtype=torch.float64)
    b = torch.randn(p, 3, generator=generator, dtype=torch.float64)
    return SymmetricOperator(p, a.__matmul__, a), b, torch.linalg.solve(a, b)


@pytest.mark.parametrize("rank", [1, 4, 8, 20, 80])
def test_nystrom_preconditioner(rank):
    a, b, want = spiked()
    found = CG(rtol=1e-12, preconditioner=nystrom(rank, 1e-3), max_iterations=2000)(a, b)
    assert_close(found.solution, want, 1e-8)
    if rank >= 8:  # every large eigenvalue is caught: the preconditioned matrix is close to I
        assert found.iterations <= 4


@pytest.mark.parametrize("iterations", [4, 8, 14, 200])
def test_cg_estimates_its_error(iterations):
    """Condition times residual: not below the true error, and the condition from below."""
    generator = torch.Generator().manual_seed(1)
    q = torch.linalg.qr(torch.randn(60, 60, generator=generator, dtype=torch.float64))[0]
    matrix = q @ torch.diag(torch.logspace(-2, 1, 60, dtype=torch.float64)) @ q.T
    b = torch.randn(60, 3, generator=generator, dtype=torch.float64)
    want = torch.linalg.solve(matrix, b)
    a = SymmetricOperator(60, matrix.__matmul__, matrix)
    found = CG(rtol=1e-13, max_iterations=iterations, allow_unconverged=True)(a, b)
    true = float(((found.solution - want).norm(dim=0) / want.norm(dim=0)).max())
    assert true <= found.error <= 1.01e3 * found.residual
    if iterations == 200:
        assert found.error / found.residual == pytest.approx(1e3, rel=1e-3)


def test_jacobi_preconditioner():
    generator = torch.Generator().manual_seed(0)
    scale = torch.logspace(-3, 3, 60, dtype=torch.float64)
    noise = 0.01 * torch.randn(60, 60, generator=generator, dtype=torch.float64)
    core = torch.eye(60, dtype=torch.float64) + noise @ noise.T
    matrix = scale[:, None] * core * scale
    a, b = SymmetricOperator(60, matrix.__matmul__, matrix), torch.ones(60, 1, dtype=torch.float64)
    plain = CG(rtol=1e-10, max_iterations=40, allow_unconverged=True)(a, b)
    better = CG(rtol=1e-10, preconditioner=jacobi, max_iterations=40)(a, b)
    assert better.converged and not plain.converged and better.iterations < 20
    assert_close(better.solution, torch.linalg.solve(matrix, b), 1e-6)


def test_ekfac_preconditioner():
    """On softmax regression EK-FAC is wrong by a third and still halves the iterations."""
    case = small_case("single_softmax", 0, d_out=0.01)
    problem = case.problem()
    a, b = exact(problem), problem.task_gradients(problem.lam).T
    plain = CG(rtol=1e-10)(a, b)
    helped = CG(rtol=1e-10, preconditioner=by(ekfac(problem)))(exact(problem), b)
    assert_close(helped.solution, plain.solution, 1e-8)
    assert helped.iterations <= plain.iterations
    with pytest.raises(mi.InvalidOption, match="no inverse"):
        by(a)
    with pytest.raises(mi.InvalidOption, match="no inverse"):
        Structured()(a, b)


def test_lissa():
    """All tasks in each batch: the Neumann series. A few: unbiased noise, reported."""
    case = small_case("proximal_ridge", 0)
    problem, n = case.problem(), case.family.episodes.n_tasks
    a, b = exact(problem), problem.task_gradients(problem.lam).T
    scale = 1 / float(case.solution.certificate.largest)
    series = Neumann(terms=40, scale=scale, rtol=1.0)(a, b).solution
    whole = LiSSA(batch=n, depth=40, scale=scale, repeats=1, rtol=1.0)(a, b)
    assert_close(whole.solution, series, 1e-12)
    want = torch.linalg.solve(a.dense(), b)
    few = LiSSA(batch=2, depth=60, scale=0.5 * scale, repeats=16, rtol=1.0, seed=1)(a, b)
    off = ((few.solution - want).norm(dim=0) / want.norm(dim=0)).max()
    assert few.error < 0.05 and float(off) < 4 * few.error + 0.01
    again = LiSSA(batch=2, depth=60, scale=0.5 * scale, repeats=16, rtol=1.0, seed=1)(a, b)
    assert torch.equal(few.solution, again.solution)
    with pytest.raises(mi.NotConverged, match="noise") as caught:
        LiSSA(batch=2, depth=5, scale=0.2 * scale, rtol=1e-6)(a, b)
    assert caught.value.result.iterations == 5
    with pytest.raises(mi.NotConverged, match="overflowed"):
        LiSSA(batch=n, depth=3000, scale=10 * scale)(a, b)
    with pytest.raises(mi.InvalidOption, match="batch of 99"):
        LiSSA(batch=99, depth=5, scale=scale)(a, b)
    with pytest.raises(mi.InvalidOption, match="sampled task by task"):
        LiSSA(batch=1, depth=5, scale=scale)(spiked()[0], spiked()[1])


@pytest.mark.parametrize("solver", [CG(rtol=1e-14), Neumann(rtol=1e-12)])
def test_ctrl_c_keeps_what_is_done(solver):
    case = small_case("proximal_ridge", 0)
    whole = exact(case.problem())
    b = case.problem().task_gradients(torch.tensor(case.solution.lam)).T
    calls = [0]

    def impatient(v):
        calls[0] += 1
        if calls[0] == (3 if isinstance(solver, CG) else 20):  # CG needs three here
            raise KeyboardInterrupt
        return whole @ v

    with pytest.raises(mi.Interrupted, match="interrupted after") as caught:
        solver(SymmetricOperator(whole.size, impatient, b), b)
    part = caught.value.result
    assert not part.converged and part.iterations >= 2
    assert part.residual < 1 and np.isfinite(part.solution.numpy()).all()


def test_ctrl_c_in_lanczos_and_in_minimising(monkeypatch):
    case = small_case("proximal_softmax", 0)
    problem = case.problem()
    whole = exact(problem).dense()
    calls = [0]

    def impatient(v):
        calls[0] += 1
        if calls[0] == 4:
            raise KeyboardInterrupt
        return whole @ v

    with pytest.raises(mi.Interrupted, match="after 3 steps") as caught:
        lanczos(SymmetricOperator(len(whole), impatient, whole), 9)
    assert len(caught.value.result.values) == 3
    assert float(caught.value.result.values[-1]) <= float(torch.linalg.eigvalsh(whole)[-1]) + 1e-9
    real, seen = type(problem).hessian, []

    def stop(self, lam):
        seen.append(lam)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(self, lam)

    monkeypatch.setattr(type(problem), "hessian", stop)
    with pytest.raises(mi.Interrupted, match="last iterate") as caught:
        problem.solve(torch.zeros_like(problem.lam))
    assert torch.equal(caught.value.result, seen[-1]) and float(seen[-1].norm()) > 0


def test_dense_by_cholesky_and_what_it_refuses():
    """Above 256 parameters: the same answers, the condition number within ten per cent."""
    generator = torch.Generator().manual_seed(0)
    q = torch.linalg.qr(torch.randn(300, 300, generator=generator, dtype=torch.float64))[0]
    values = torch.logspace(-6, 2, 300, dtype=torch.float64)
    b = torch.randn(300, 2, generator=generator, dtype=torch.float64)

    def solve(spectrum):
        matrix = q @ torch.diag(spectrum) @ q.T
        return Dense()(
            SymmetricOperator(300, matrix.__matmul__, matrix, 0.5 * (matrix + matrix.T)), b
        )

    found = solve(values)
    assert_close(found.solution, q @ ((q.T @ b) / values[:, None]), 1e-7)
    assert 0.9 < found.error / (2.220446049250313e-16 * 1e8) < 1.1
    for bad in (-1e-3, 0.0, 1e-14):
        worse = values.clone()
        worse[0] = bad
        with pytest.raises(mi.SingularHessian, match="smallest eigenvalue"):
            solve(worse)


@pytest.mark.parametrize("name", ["single_ridge", "single_softmax"])
def test_the_closed_form_hessian_of_a_linear_model(name):
    case = small_case(name, 3)
    problem = case.problem()
    w = torch.tensor([0.5, 1.0, 0.0, 2.0, 1.0], dtype=torch.float64)
    heavy = problem.replaced(tasks=problem.tasks.reweighted(task=w), chunk=2)
    eye = torch.eye(problem.n_meta, dtype=torch.float64)
    assert_close(heavy.hessian(problem.lam), heavy.hessian_product(problem.lam, eye), 1e-13)
    damped = exact(heavy).damped(0.3)
    assert_close(damped.dense(), heavy.hessian(problem.lam) + 0.3 * eye, 1e-13)
    assert exact(heavy).dense().shape == eye.shape


def graded(seed=0, p=12, condition=1e10):
    draw = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(p, p, generator=draw, dtype=torch.float64))[0]
    values = torch.logspace(0, -np.log10(condition), p, dtype=torch.float64)
    matrix = (q * values) @ q.T
    matrix = 0.5 * (matrix + matrix.T)
    return SymmetricOperator(p, matrix.__matmul__, matrix), matrix


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("small", [False, True])
def test_the_true_residual_decides_over_cgs_recurrence(seed, small):
    """Guards `converged` read off a recurrence that has drifted from A x = b.

    A right-hand side of a small solution leaves rounding no excuse; others may keep 8 sqrt(p) eps |A| |x|.
    """
    a, matrix = graded(seed)
    draw = torch.Generator().manual_seed(9)
    b = torch.randn(12, 2, generator=draw, dtype=torch.float64)
    b = matrix @ b if small else b
    found = CG(rtol=1e-10, max_iterations=2000)(a, b)
    true = (matrix @ found.solution - b).norm(dim=0) / b.norm(dim=0)
    excuse = 28 * 2.3e-16 * found.solution.norm(dim=0) / b.norm(dim=0)
    assert found.converged and bool((true <= excuse.clamp(min=1.01e-10)).all())
    assert found.residual == pytest.approx(float(true.max()), rel=0.5)
    assert bool(found.note) == (float(true.max()) > 1e-10)


@pytest.mark.parametrize("solver", [CG(), Dense(), Neumann(rtol=1e-8)])
@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_right_hand_sides_far_from_one(solver, scale):
    """Guards norms that overflow or underflow where the answer does not."""
    matrix = torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    a = SymmetricOperator(3, matrix.__matmul__, matrix)
    b = torch.ones(3, 2, dtype=torch.float64) * torch.tensor([1.0, scale], dtype=torch.float64)
    found = solver(a, b)
    assert_close(found.solution[:, 0], 1 / matrix.diagonal(), 1e-7)
    assert_close(found.solution[:, 1] / scale, 1 / matrix.diagonal(), 1e-7)
    assert found.converged and found.residual < 1e-6


@pytest.mark.parametrize(
    "solver",
    [PseudoInverse(rtol=1e-3), PseudoInverse(keep=2), CG(preconditioner=nystrom(2, 1e-3)), CG()],
)
@pytest.mark.parametrize("values", [(-1.0, -2.0, -3.0), (-1.0, -1.0, -1.0)])
def test_a_negative_definite_matrix_is_refused_by_name(solver, values):
    """Guards an index or a minimum of nothing, where no eigenvalue is fit to be kept."""
    matrix = torch.diag(torch.tensor(values, dtype=torch.float64))
    with pytest.raises(mi.SingularHessian):
        solver(
            SymmetricOperator(3, matrix.__matmul__, matrix), torch.ones(3, 1, dtype=torch.float64)
        )


def test_nystrom_where_nothing_exceeds_low():
    """Guards the same where A is `low` I: there is nothing to precondition, and the answer is known."""
    matrix = 0.5 * torch.eye(3, dtype=torch.float64)
    b = torch.ones(3, 1, dtype=torch.float64)
    a = SymmetricOperator(3, matrix.__matmul__, matrix)
    assert_close(CG(preconditioner=nystrom(2, 0.5))(a, b).solution, 2 * b, 1e-14)


@pytest.mark.parametrize(
    "solver",
    [CG(), Dense(), Neumann(), PseudoInverse(rtol=1e-3), Lanczos(2), CG(preconditioner=jacobi)],
)
def test_no_right_hand_sides_have_no_answers(solver):
    """Guards a maximum of nothing for a right-hand side (p, 0)."""
    matrix = torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    found = solver(SymmetricOperator(3, matrix.__matmul__, matrix), matrix[:, :0])
    assert found.solution.shape == (3, 0) and found.converged

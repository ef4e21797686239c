"""Every solver on every kind of operator: the answer, or a named refusal that says how much damping."""

import math

import pytest
import torch

import metainfl as mi
from metainfl.solve import CG, Dense, Lanczos, LiSSA, Neumann, PseudoInverse
from metainfl.solve.buffer import buffered
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.spectrum import lanczos
from metainfl.solve.woodbury import woodbury

EPS = torch.finfo(torch.float64).eps


def rotated(values, seed=0):
    """An operator with these eigenvalues, with its eigenvectors."""
    values = torch.as_tensor(values, dtype=torch.float64)
    g = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(len(values), len(values), generator=g, dtype=torch.float64))[0]
    matrix = (q * values) @ q.T
    matrix = 0.5 * (matrix + matrix.T)
    return SymmetricOperator(len(values), matrix.__matmul__, matrix), matrix, q


def rhs(p, k=3, seed=1):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(p, k, generator=g, dtype=torch.float64)


DEFINITE = {
    "repeated": [1.0] * 5 + [2.0] * 5 + [7.0] * 2,
    "all equal": [3.0] * 6,
    "clustered": [1 + 1e-9 * k for k in range(6)] + [5 + 1e-13 * k for k in range(6)],
    "spread": [10.0 ** (-k / 4) for k in range(12)],
    "huge": [1e60 * (k + 1) for k in range(6)],
    "tiny": [1e-60 * (k + 1) for k in range(6)],
    "1 x 1": [2.5],
}
SOLVERS = {
    "dense": Dense(),
    "CG": CG(rtol=1e-12),
    "Neumann": Neumann(rtol=1e-12),
    "Lanczos of full rank": Lanczos(99),
    "pseudo-inverse": PseudoInverse(rtol=1e-12),
}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("values", DEFINITE.values(), ids=DEFINITE)
def test_definite_operators_are_solved(values, solver):
    """Guards solvers against spectra that break them: repeated, clustered, far from 1, a single one."""
    a, matrix, _ = rotated(values)
    b = rhs(len(values))
    found = solver(a, b)
    want = torch.linalg.solve(matrix, b)
    condition = max(values) / min(values)
    # 1e-12 in the residual is condition times that in the solution; rounding adds p eps condition
    allowed = condition * (2e-12 + 64 * len(values) * EPS)
    assert float((found.solution - want).norm() / want.norm()) <= allowed
    assert found.converged and math.isfinite(found.residual)
    inverse = solver.factor(a)
    again = torch.stack([inverse @ b[:, k] for k in range(b.shape[1])], dim=1)
    assert float((again - found.solution).norm() / want.norm()) <= 2 * allowed


@pytest.mark.parametrize("solver", [Dense(), CG(), Neumann()], ids=["dense", "CG", "Neumann"])
@pytest.mark.parametrize("values", [[-2.0, 1.0, 3.0, 5.0], [0.0, 1.0, 3.0, 5.0], [-1.0], [0.0] * 3])
def test_refusals_say_how_much_damping_helps(values, solver):
    """Guards advice without an amount: what the refusal suggests must be enough, in every solver."""
    a, _, _ = rotated(values)
    b = rhs(len(values))
    words = "Damping of" if any(values) else "every eigenvalue is 0"
    with pytest.raises(mi.SingularHessian, match=words) as caught:
        solver(a, b)
    error = caught.value
    assert error.lowest == pytest.approx(min(values), abs=1e-12)
    assert error.highest == pytest.approx(max(values), abs=1e-12)
    if max(values) != 0:  # nothing has no scale
        assert Dense()(a.damped(error.damping), b).converged
        assert ("gauss_newton" in str(error)) == (min(values) < 0)


@pytest.mark.parametrize("solver", [*SOLVERS.values(), LiSSA(batch=1, depth=2, scale=0.1)])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["right-hand side", "product", "matrix"])
def test_what_is_not_finite_is_refused_by_name(where, bad, solver):
    """Guards NaN that becomes zero, a bare LinAlgError, or 'add damping'."""
    _, matrix, _ = rotated([1.0, 2.0, 3.0])
    b = rhs(3)
    if where == "right-hand side":
        b[1, 2] = bad
    else:
        matrix[1, 1] = bad
    one = SymmetricOperator(3, matrix.__matmul__, b, matrix if where == "matrix" else None)
    a = SymmetricOperator(3, one._apply, b, one._dense, sample=lambda n, g: one)
    with pytest.raises(mi.NotFinite) as caught:
        solver(a, b)
    if where == "right-hand side":
        assert caught.value.column == 2 and caught.value.quantity == "right-hand side"
    assert caught.value.quantity.split()[-1] in ("side", "matrix")


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_solutions_are_off_the_flat_directions(solver):
    """Guards drift along a symmetry: H is zero along it, or not quite, and the answer is the same."""
    for along in (0.0, 1e-17, -1e-6, 4.0):
        values = torch.tensor([along, along, 1.0, 1.0, 2.0, 8.0], dtype=torch.float64)
        _, matrix, q = rotated(values)
        a = SymmetricOperator(6, matrix.__matmul__, matrix, flat=q[:, :2])
        b = rhs(6)
        want = (q[:, 2:] / values[2:]) @ q[:, 2:].T @ b
        found = solver(a, b).solution
        assert float((found - want).norm()) <= 1e-11 * float(want.norm())
        assert float((q[:, :2].T @ found).abs().max()) <= 64 * EPS * float(want.norm())
        damped = solver(a.damped(0.5), b).solution
        want = (q[:, 2:] / (values[2:] + 0.5)) @ q[:, 2:].T @ b
        assert float((damped - want).norm()) <= 1e-11 * float(want.norm())


def test_large_dense_solves_leave_flat_directions_out():
    """Guards the Cholesky way (above 256 parameters) likewise."""
    values = torch.cat([torch.zeros(3), torch.linspace(1, 9, 300)]).double()
    _, matrix, q = rotated(values)
    b = rhs(303)
    a = SymmetricOperator(303, matrix.__matmul__, matrix, flat=q[:, :3])
    want = (q[:, 3:] / values[3:]) @ q[:, 3:].T @ b
    assert float((Dense()(a, b).solution - want).norm() / want.norm()) <= 303 * 9 * EPS
    with pytest.raises(mi.SingularHessian):
        Dense()(SymmetricOperator(303, matrix.__matmul__, matrix), b)


@pytest.mark.parametrize("copies", [1, 2, 5])
@pytest.mark.parametrize("steps", [None, 25])
def test_lanczos_finds_every_copy_of_an_eigenvalue(copies, steps):
    """Guards Krylov spaces of one start vector, which see one copy of a repeated eigenvalue."""
    distinct = [100.0 / (k + 1) ** 2 for k in range(16)]
    values = sorted(distinct * copies)
    a, _, q = rotated(values)
    b = rhs(len(values))
    rank = 3 * copies
    found = Lanczos(rank, steps=steps, allow_unconverged=True)(a, b)
    if not found.converged:  # short of products it may say so, and nothing else
        assert steps is not None and copies == 5
        return
    top = (q[:, -rank:] / torch.tensor(values[-rank:])) @ q[:, -rank:].T @ b
    assert found.kept == rank and found.converged
    assert float((found.solution - top).norm() / top.norm()) <= 1e-3
    if steps is None and copies > 1:  # a cut inside a cluster keeps the cluster, and says so
        more = Lanczos(rank - 1)(a, b)
        assert more.kept == rank and "equal eigenvalues" in more.note


def test_lanczos_that_is_not_there_says_so():
    """Guards `converged=True` for pairs that a few steps cannot have found."""
    a, _, _ = rotated(torch.linspace(1, 2, 200).tolist())
    with pytest.raises(mi.NotConverged, match="raise steps"):
        Lanczos(20, steps=20)(a, rhs(200))
    assert not Lanczos(20, steps=20, allow_unconverged=True)(a, rhs(200)).converged


@pytest.mark.parametrize("values", DEFINITE.values(), ids=DEFINITE)
def test_verdicts_do_not_hang_on_the_last_digits(values):
    """Guards 'seen the whole space' and cuts that rounding decides."""
    _, matrix, _ = rotated(values)
    scale, b = max(values), rhs(len(values))
    seen = set()
    for seed in range(6):
        g = torch.Generator().manual_seed(seed)
        noise = torch.randn(matrix.shape, generator=g, dtype=torch.float64)
        close = matrix + EPS * scale * (noise + noise.T) / 2
        a = SymmetricOperator(len(values), close.__matmul__, close)
        s = lanczos(a, len(values), seed)
        assert s.whole and s.low == pytest.approx(min(values), rel=1e-12 * scale / min(values))
        kept = PseudoInverse(keep=3)(a, b)
        seen.add((kept.kept, kept.note, Lanczos(3, steps=len(values) + 3)(a, b).kept))
    assert len(seen) == 1


def test_the_buffer_does_not_cut_inside_a_cluster():
    """Guards the rolling buffer likewise: two columns of equal length stay or go together."""
    _, _, q = rotated([1.0] * 8)
    block = q[:, :4] * torch.tensor([3.0, 2.0, 2.0, 1.0])
    assert [buffered([block], size).shape[1] for size in (1, 2, 3, 4)] == [1, 3, 3, 4]


def test_woodbury_is_exact_and_thin():
    """Guards columns that are no basis, and a regulariser that dwarfs or is dwarfed."""
    v = rhs(40, 3)
    v = torch.cat([v, v @ rhs(3, 4)], dim=1)
    b = torch.cat([rhs(40, 2, seed=5), v[:, :1]], dim=1)
    for d in (1e-6, 1.0, 1e6):
        a = v @ v.T + d * torch.eye(40, dtype=torch.float64)
        found = woodbury(v, d, b)
        condition = float(v.square().sum()) / d + 1
        want = torch.linalg.solve(a, b)
        assert float((found - want).norm() / want.norm()) <= 64 * 40 * EPS * condition


OPTIONS = [
    lambda: CG(rtol=-1),
    lambda: CG(rtol=math.nan),
    lambda: CG(max_iterations=0),
    lambda: Neumann(terms=-1),
    lambda: Neumann(rtol=0.0),
    lambda: Neumann(scale=math.nan),
    lambda: LiSSA(batch=0, depth=1, scale=1.0),
    lambda: LiSSA(batch=1, depth=1, scale=math.inf),
    lambda: Lanczos(0),
    lambda: Lanczos(5, steps=4),
    lambda: PseudoInverse(rtol=2.0),
    lambda: PseudoInverse(rtol=0.1, keep=2),
    lambda: buffered([], 3),
    lambda: rotated([1.0])[0].damped(math.nan),
    lambda: Dense()(rotated([1.0, 2.0])[0], rhs(3)),
    lambda: Dense()(rotated([1.0, 2.0])[0], rhs(2)[:, 0]),
]


@pytest.mark.parametrize("make", OPTIONS)
def test_wrong_options_are_no_invalid_problems(make):
    """Guards the type of the error: a solver's option is wrong, not the problem."""
    with pytest.raises(mi.InvalidOption):
        make()

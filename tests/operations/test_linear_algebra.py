"""Linear algebra in a user's model and loss, against torch's values and differences.

Guards: torch 2.14's forward mode of LU solves and determinants, wrong by orders of magnitude where
directions are batched inside tasks, and derivatives of triangles that are not read.
"""

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidProblem
from metainfl.influence.adapted import adaptation_influence, parameters
from metainfl.operations import exact_derivatives
from tests.helpers import assert_close

D = torch.float64


def pieces():
    """Two matrices (2, 4, 4), right-hand sides (2, 4, 3), scalings of reflections (2, 3)."""
    g = torch.Generator().manual_seed(0)
    draw = {"dtype": D, "generator": g}
    a = torch.randn(2, 4, 4, **draw) + 2 * torch.eye(4, dtype=D)
    return a, torch.randn(2, 4, 3, **draw), torch.rand(2, 3, **draw)


VALUES = {
    "solve": lambda a, b, t: torch.linalg.solve(a, b),
    "solve a vector": lambda a, b, t: torch.linalg.solve(a, b[..., 0]),
    "solve from the right": lambda a, b, t: torch.linalg.solve(a, b.mT, left=False),
    "solve, one matrix": lambda a, b, t: torch.linalg.solve(a[0], b),
    "solve, one side": lambda a, b, t: torch.linalg.solve(a, b[0]),
    "solve_ex": lambda a, b, t: torch.linalg.solve_ex(a, b).result,
    "tensorsolve": lambda a, b, t: torch.linalg.tensorsolve(
        a[0].reshape(2, 2, 4), b[0].reshape(-1)[:4].reshape(2, 2)
    ),
    "tensorsolve, dims": lambda a, b, t: torch.linalg.tensorsolve(
        a[0].reshape(2, 4, 2), b[0].reshape(-1)[:4].reshape(2, 2), dims=(1,)
    ),
    "lu_solve": lambda a, b, t: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b),
    "lu_solve, adjoint": lambda a, b, t: torch.linalg.lu_solve(
        *torch.linalg.lu_factor(a), b, adjoint=True
    ),
    "lu_solve from the right": lambda a, b, t: torch.linalg.lu_solve(
        *torch.linalg.lu_factor(a), b.mT, left=False
    ),
    "old lu_solve": lambda a, b, t: b.lu_solve(*torch.linalg.lu_factor(a)),
    "cholesky_inverse": lambda a, b, t: torch.cholesky_inverse(a.tril()),
    "cholesky_inverse, upper": lambda a, b, t: torch.cholesky_inverse(a.triu(), upper=True),
    "triangular": lambda a, b, t: torch.triangular_solve(b, a)[0],
    "triangular, other": lambda a, b, t: b.triangular_solve(a, upper=False, transpose=True)[0],
    "det": lambda a, b, t: a.det(),
    "det of 3": lambda a, b, t: torch.linalg.det(a[:, :3, :3]),
    "det of 0": lambda a, b, t: torch.det(a[:, :0, :0]),
    "slogdet": lambda a, b, t: torch.stack(list(torch.slogdet(a))),
    "logdet": lambda a, b, t: torch.logdet(a @ a.mT),
    "householder": lambda a, b, t: torch.linalg.householder_product(a[..., :3], t),
    "orgqr": lambda a, b, t: a.orgqr(t),
    "roll": lambda a, b, t: torch.cat([a.roll(3).flatten(), a.roll((1, -2), (0, 2)).flatten()]),
    "select_scatter": lambda a, b, t: a.select_scatter(b[..., 0], 2, -1),
    "hardsigmoid": lambda a, b, t: torch.nn.functional.hardsigmoid(3 * a),
    "logcumsumexp": lambda a, b, t: torch.stack([a.logcumsumexp(1), torch.logcumsumexp(a, -1)]),
    "mse": lambda a, b, t: torch.nn.functional.mse_loss(a[..., :3], b),
    "soft margin": lambda a, b, t: torch.nn.functional.soft_margin_loss(a, b.new_ones(2, 4, 4)),
}


@pytest.mark.filterwarnings("ignore:torch.(triangular|lu)_solve is deprecated")
@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_of_torch(name):
    """To a few hundred roundings: conditions here are below 100."""
    given = pieces()
    want = VALUES[name](*given)
    with exact_derivatives():
        found = VALUES[name](*given)
    assert found.shape == want.shape
    assert_close(found, want, 1e-13)


@pytest.mark.parametrize("p, reduction", [(1, "mean"), (2, "none"), (1, "sum")])
def test_margin_losses_are_those_of_torch(p, reduction):
    g = torch.Generator().manual_seed(0)
    x, labels = torch.randn(5, 4, dtype=D, generator=g), torch.tensor([0, 3, 1, 1, 2])
    several = torch.tensor(
        [[3, 0, -1, 1], [0, -1, 2, 2], [-1, 0, 1, 2], [1, 2, 3, 0], [2, -1, -1, 0]]
    )
    weight = torch.rand(4, dtype=D, generator=g)
    F = torch.nn.functional

    def losses():
        return [
            F.multi_margin_loss(x, labels, p=p, margin=0.7, weight=weight, reduction=reduction),
            F.multilabel_margin_loss(x, several, reduction=reduction),
            F.multi_margin_loss(x[0], labels[0], p=p),
        ]

    want = losses()
    with exact_derivatives():
        for found, expected in zip(losses(), want, strict=True):
            assert_close(found, expected, 1e-14)


def test_a_solve_is_as_good_as_torch_at_a_condition_of_1e10():
    """Through an inverse it is, because its residual is solved for once more."""
    u = torch.linalg.qr(pieces()[0])[0][0]
    a = u @ torch.diag(torch.logspace(0, -10, 4, dtype=D)) @ u.T
    x = torch.ones(4, dtype=D)
    with exact_derivatives():
        found = torch.linalg.solve(a, a @ x)
    assert float((a @ found - a @ x).norm() / (a @ x).norm()) < 1e-13


class Ridge:
    """A ridge head written in a user's own forward: theta is the representation."""

    n_params = 8

    def __init__(self, solve):
        self.solve = solve

    def __call__(self, theta, x):
        """(n, 1)."""
        f = torch.tanh(x @ theta.reshape(4, 2))
        gram = f.T @ f + 0.5 * torch.eye(2, dtype=D)
        return f @ self.solve(gram, f.T @ x[:, :1])


SOLVES = {
    "solve": torch.linalg.solve,
    "inv": lambda a, b: torch.linalg.inv(a) @ b,
    "lu": lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b),
    "cholesky": lambda a, b: torch.cholesky_solve(b, torch.linalg.cholesky(a)),
    "cholesky_inverse": lambda a, b: torch.cholesky_inverse(torch.linalg.cholesky(a)) @ b,
    "lstsq": lambda a, b: torch.linalg.lstsq(a, b).solution,
    "pinv": lambda a, b: torch.linalg.pinv(a) @ b,
    "logdet": lambda a, b: b * torch.logdet(a),
}


def ridge_problem(name, **options):
    """Three tasks of noise, one MAML step."""
    g = torch.Generator().manual_seed(0)
    x, lam = torch.randn(3, 6, 4, dtype=D, generator=g), torch.randn(8, dtype=D, generator=g)
    tasks = mi.Tasks(x[:, :3], x[:, :3, :1], x[:, 3:], x[:, 3:, 1:2])
    return mi.Problem(
        Ridge(SOLVES[name]), tasks, mi.Unrolled(1, 0.1), outer_reg=0.1, lam=lam, **options
    )


@pytest.mark.parametrize("name", SOLVES)
def test_a_head_solved_in_forward(name):
    """Products in both orders, batched, and adapted parameters along several directions; differences err
    by eps^(2/3) times the condition.
    """
    problem = ridge_problem(name)
    lam, h = problem.lam, 1e-5
    eye = torch.eye(8, dtype=D)

    def by_differences(f):
        return torch.stack([(f(lam + h * v) - f(lam - h * v)) / (2 * h) for v in eye])

    want = by_differences(problem.gradient)
    for order in ("forward", "reverse"):
        assert_close(ridge_problem(name, product=order).hessian(lam), want, 1e-7)
    moves = by_differences(lambda at: parameters(problem, lam=at))
    found = adaptation_influence(problem, eye, problem.tasks).transpose(0, 1)
    assert_close(found, moves, 1e-7)


def test_a_loss_and_an_adaptation_are_guarded_like_a_model():
    """What is replaced in models is replaced, or refused, wherever the user's code runs."""

    def noisy(outputs, targets):
        return (outputs - torch.rand_like(outputs)).square().sum(1)

    class Drawing(mi.Unrolled):
        def adapt(self, s, lam, task, state):
            """Theta, with noise."""
            return super().adapt(s, lam, task, state) + torch.rand(8, dtype=D)

    problem = ridge_problem("solve")
    for change in ({"outer_loss": noisy}, {"adaptation": Drawing(1, 0.1)}):
        with pytest.raises(InvalidProblem, match="draws random numbers"):
            problem.replaced(**change).gradient(problem.lam)


def test_writing_into_a_tensor_is_refused():
    a, b, _ = pieces()
    with exact_derivatives(), pytest.raises(InvalidProblem, match="out="):
        torch.linalg.solve(a, b, out=torch.empty_like(b))


def test_the_guard_is_entered_once():
    """A model within an adaptation within a problem looks an operation up once, also after an error."""
    with exact_derivatives():
        with exact_derivatives(), pytest.raises(InvalidProblem):
            torch.rand(2)
        with pytest.raises(InvalidProblem):
            torch.rand(2)
    torch.rand(2)

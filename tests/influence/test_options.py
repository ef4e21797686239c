"""Options of everything that solves: those that there are, and no others."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidOption, InvalidProblem, SingularHessian
from metainfl.games.stop import Stop
from metainfl.influence import removal
from metainfl.methods import task_if
from metainfl.oracle import small_case
from metainfl.problem.adaptation import Adaptation
from metainfl.problem.weights import without
from metainfl.solve import CG, LiSSA, Neumann
from tests.helpers import assert_close

#: options that are none, and what is said of them
WRONG = (
    ({"solver": "cg"}, r"metainfl.solve.CG\(\) say, or None"),
    ({"solver": 3}, r"metainfl.solve.Dense\(\) say, or None"),
    ({"curvature": "gaus_newton"}, "metainfl.curvature.gauss_newton"),
    ({"curvature": None}, "curvature is a function of a problem"),
    ({"curvature": lambda problem: torch.eye(3)}, "returns a metainfl.solve.operator"),
    ({"damping": None}, "damping must be finite and not negative, got NoneType"),
    ({"damping": "a"}, "damping must be"),
    ({"damping": 1j}, "damping must be"),
    ({"damping": torch.ones(2)}, "damping must be"),
    ({"damping": float("inf")}, "damping must be"),
)


def test_a_misspelt_option_is_refused():
    """Guards an option that changes nothing without a word: `dampening=1e6` gave the undamped answer."""
    problem = small_case("maml_softmax").problem()
    pis, targets = [mi.task(0)], problem.tasks.select([1])
    for call in (
        lambda **how: mi.influence(problem, pis, **how),
        lambda **how: mi.scores(problem, pis, targets, **how),
        lambda **how: task_if(problem, pis, **how),
        lambda **how: removal.first_order(problem, pis, **how),
        lambda **how: removal.newton(problem, pis, **how),
    ):
        with pytest.raises(InvalidOption, match="did you mean damping"):
            call(dampning=1e6)
        with pytest.raises(InvalidOption, match=r"write CG\(\)"):
            call(solver=CG)
        for how, words in WRONG:
            with pytest.raises(InvalidOption, match=words):
                call(**how)


def test_newton_takes_the_options_of_an_influence():
    """Guards a curvature or solver that one Newton step drops, or has no name for."""
    problem = small_case("maml_softmax").problem()
    pis = [mi.task(0), mi.query(1, 0)]
    rest = [without(problem.tasks, p) for p in pis]
    for make in (mi.curvature.exact, mi.curvature.gauss_newton):
        want = []
        for tasks in rest:
            other = problem.replaced(tasks=tasks)
            matrix = make(other).damped(0.3).dense()
            step = torch.linalg.solve(matrix, other.gradient(problem.lam))
            want.append(problem.lam - step)
        for solver in (None, CG(rtol=1e-12)):
            found = removal.newton(problem, pis, curvature=make, damping=0.3, solver=solver)
            assert_close(found, torch.stack(want), 1e-9)


def test_what_is_made_of_a_linear_model_is_no_linear_model():
    """Guards the closed form of the Hessian taken for an adaptation or a model that does something else."""

    class Twice(mi.NoAdaptation):
        def adapt(self, s, lam, task, state):
            return 2 * lam

    class Shifted(mi.Linear):
        def __call__(self, theta, x):
            return super().__call__(theta, x) * 2

    t = small_case("single_ridge").problem().tasks
    d, c = t.query_x.shape[2], t.query_y.shape[2]
    for model, adaptation in ((mi.Linear(d, c), Twice()), (Shifted(d, c), mi.NoAdaptation())):
        problem = mi.Problem(model, t, adaptation, outer_reg=0.5)
        lam = torch.ones(problem.n_meta, dtype=torch.float64)
        eye = torch.eye(problem.n_meta, dtype=torch.float64)
        assert_close(problem.hessian(lam), problem.hessian_product(lam, eye), 1e-12)


def test_kronecker_refuses_what_it_cannot_factor():
    """Guards factors of a layer that is used twice, or shares its weight, and an inverse of rounding."""
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 3, 4, 2, generator=draw, dtype=torch.float64)

    class Both(torch.nn.Module):
        def __init__(self, tied):
            super().__init__()
            self.a, self.b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
            self.tied = tied
            if tied:
                self.b.weight = self.a.weight
            else:
                del self.b

        def forward(self, z):
            return self.a(z) + (self.b(z) if self.tied else self.a(2 * z))

    for tied in (True, False):
        net = Both(tied).double()
        problem = mi.Problem(
            net, mi.Tasks(x[:, :0], y[:, :0], x, y), mi.NoAdaptation(), outer_reg=0.1,
            lam=mi.FromModule(net).current(),
        )  # fmt: skip
        with pytest.raises(InvalidProblem, match="used once"):
            mi.influence(
                problem, [mi.task(0)], curvature=mi.curvature.ekfac, allow_nonstationary=True
            )
    labels = torch.randint(2, (3, 4), generator=draw)
    single = mi.Problem(
        torch.nn.Linear(2, 2).double(), mi.Tasks(x[:, :0], labels[:, :0], x, labels), mi.NoAdaptation(),
        inner_loss=mi.cross_entropy, outer_reg=0.0,
    )  # fmt: skip
    single.lam = torch.zeros(6, dtype=torch.float64)  # classes can be shifted together: singular
    for curvature in (mi.curvature.ekfac, mi.curvature.kfac):
        with pytest.raises(SingularHessian):
            mi.influence(single, [mi.task(0)], curvature=curvature, allow_nonstationary=True)


def test_a_frozen_adaptation_has_the_size_of_its_own():
    """Guards partial derivatives of an adaptation whose lam is not theta."""

    class Longer(Adaptation):
        same_space = False

        def n_meta(self, model):
            return model.n_params + 1

        def adapt(self, s, lam, task, state):
            return lam[:-1] * (1 + lam[-1])

    t = small_case("single_ridge").problem().tasks
    problem = mi.Problem(
        mi.Linear(t.query_x.shape[2], t.query_y.shape[2]), t, Longer(), outer_reg=0.5
    )
    assert problem.replaced(adaptation=problem.adaptation.frozen()).n_meta == problem.n_meta


@pytest.mark.parametrize("wrong", [0, 1.5, -1])
def test_steps_are_whole_numbers(wrong):
    """Guards a loop that never runs, and a bare error where its result is read."""
    for make in (lambda: mi.Unrolled(wrong, 0.1), lambda: mi.Proximal(1.0, max_steps=wrong)):
        with pytest.raises(InvalidProblem, match="whole number"):
            make()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: CG(rtol="a"), "rtol must be a number between 0 and 1, got str 'a'"),
        (
            lambda: CG(max_iterations=1.5),
            "max_iterations must be a whole number of at least 1, got 1.5",
        ),
        (lambda: Neumann(terms=None, rtol=None), "rtol must be a number between 0 and 1"),
        (lambda: Neumann(scale=1j), "scale must be positive and finite"),
        (lambda: Neumann(terms="3"), "terms must be a whole number of at least 0"),
        (
            lambda: LiSSA(batch="a", depth=3, scale=1.0),
            "batch must be a whole number of at least 1",
        ),
        (lambda: LiSSA(batch=1, depth=3, scale=None), "scale must be positive and finite"),
        (lambda: LiSSA(batch=1, depth=3, scale=1.0, seed=2**70), "seed must be a whole number"),
        (lambda: Stop(calls="a"), "stop: calls must be positive and finite"),
    ],
)
def test_what_a_solver_is_made_with(make, words):
    """Guards errors of Python's own, here or steps later."""
    with pytest.raises(InvalidOption, match=words):
        make()

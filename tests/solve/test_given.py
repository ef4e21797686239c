"""Options of solvers, at first and when they are set later: a value that is one, or a word on what is not."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.curvature import exact
from metainfl.oracle import small_case
from metainfl.solve.lissa_choice import lissa_for
from metainfl.solve.precondition import jacobi, nystrom
from tests.helpers import assert_close

SOLVERS = {
    "CG": mi.solve.CG,
    "Dense": mi.solve.Dense,
    "Lanczos": lambda: mi.solve.Lanczos(3),
    "LiSSA": lambda: mi.solve.LiSSA(batch=2, depth=3, scale=0.1),
    "Neumann": mi.solve.Neumann,
    "PseudoInverse": lambda: mi.solve.PseudoInverse(keep=3),
}
WRONG = {
    "rtol": (-1, float("nan"), "1e-3"),
    "max_iterations": (0, 2.5, "7"),
    "preconditioner": ("jacobi", 3),
    "allow_unconverged": ("no", None, 2),
    "definite": ("no", None),
    "rank": (0, 2.5, "3", None, True),
    "steps": (0, 7.5, "9"),
    "batch": (0, 1.5),
    "depth": (0, "3"),
    "scale": (0.0, float("inf"), "1"),
    "repeats": (0,),
    "seed": (2**64, "0"),
    "terms": (-1, 0.5),
    "low": (-1.0, "0"),
    "lanczos_steps": (0,),
    "max_terms": (0, None),
    "keep": (0, 2.5, "a"),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_options_that_are_set_later_are_checked_as_at_first(name):
    """Guards options that only a constructor looks at: rank 2.5 and rtol -1 went on, and "no" was a yes."""
    solver = SOLVERS[name]()
    assert set(solver.options) == {k for k in vars(solver) if not k.startswith("_")}
    for option in solver.options:
        before = getattr(solver, option)
        for value in WRONG[option]:
            with pytest.raises(mi.InvalidOption, match=option):
                setattr(solver, option, value)
            assert getattr(solver, option) is before


def test_numbers_of_any_library_are_taken():
    solver = mi.solve.Lanczos(np.int64(3), rtol=torch.tensor(0.01), allow_unconverged=np.True_)
    assert solver.rank == 3 and type(solver.rtol) is float and solver.allow_unconverged is True
    assert mi.solve.CG(allow_unconverged=1).allow_unconverged is True


def test_what_options_say_together_is_looked_at_when_they_are_used():
    """Guards pairs of which only one was looked at: a rank above the steps that were set for another."""
    problem = small_case("maml_softmax").problem()
    lanczos, cut = mi.solve.Lanczos(3, steps=5), mi.solve.PseudoInverse(keep=3)
    lanczos.rank, cut.rtol = 6, 0.1
    with pytest.raises(mi.InvalidOption, match="6 pairs need at least as many steps, got 5"):
        mi.influence(problem, [mi.task(0)], solver=lanczos)
    with pytest.raises(mi.InvalidOption, match="either rtol or keep"):
        mi.influence(problem, [mi.task(0)], solver=cut)
    lanczos.steps = None
    wide = mi.influence(problem, [mi.task(0)], solver=lanczos).value
    assert_close(wide, mi.influence(problem, [mi.task(0)], solver=mi.solve.Lanczos(6)).value, 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda a: nystrom("a", 1.0),
        lambda a: nystrom(2.5, 1.0),
        lambda a: nystrom(2, "x"),
        lambda a: nystrom(2, 1.0, seed="a"),
        lambda a: lissa_for(a, batch=2, draws=0),
        lambda a: lissa_for(a, batch="2"),
        lambda a: lissa_for(a, batch=2, rtol="x"),
    ],
)
def test_other_makers_check_theirs_before_anything_is_computed(make):
    with pytest.raises(mi.InvalidOption, match="must be"):
        make(exact(small_case("maml_softmax").problem()))


def _nan(r):
    return r * float("nan")


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (lambda problem: jacobi(exact(problem)), "preconditioner that was given raised TypeError"),
        (lambda problem: lambda a: 3, "given A, this one returned 3"),
        (lambda problem: lambda a: lambda r: r.sum(), "leaves their shape"),
        (lambda problem: lambda a: lambda r: r.foo, "given residuals .* raised AttributeError"),
        (lambda problem: lambda a: _nan, "preconditioned residual is nan"),
    ],
)
def test_a_preconditioner_that_is_none_is_named(own, words):
    """Guards bare errors of torch and of attributes out of the middle of CG."""
    problem = small_case("maml_softmax").problem()
    with pytest.raises(mi.MetainflError, match=words):
        mi.influence(problem, [mi.task(0)], solver=mi.solve.CG(preconditioner=own(problem)))

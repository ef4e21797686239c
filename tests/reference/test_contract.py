"""The reference stands alone, and says no rather than something wrong."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import metainfl_reference
from metainfl.oracle import small_case
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.errors import BranchLost, InvalidProblem, NotCertified
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import classification, regression, small
from metainfl_reference.local import Local
from metainfl_reference.perturbation import group, shift, support, task
from tests.helpers import NAMES

ROOT = Path(metainfl_reference.__file__).parent


def test_no_torch_and_no_metainfl():
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] not in ("torch", "metainfl"), f"{path}: {name}"


def test_importing_it_does_not_load_torch():
    code = "import sys, metainfl_reference, metainfl_reference.generators; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.parametrize("name", NAMES)
def test_bound_covers_a_displaced_solution(name):
    """The certificate of a slightly wrong lam is at least its true error."""
    case = small_case(name)
    push = 1e-9 * np.ones(case.family.n_meta)
    tangent = case.family.tangent(case.solution.lam)
    push -= tangent @ (tangent.T @ push)
    displaced = case.family.certified(case.solution.lam + push, case.solution.weights)
    assert displaced.certificate.bound >= np.linalg.norm(push) * 0.99
    assert case.solution.certificate.bound < 1e-11


@pytest.mark.parametrize("name", NAMES)
def test_a_point_that_is_no_minimum_is_refused(name):
    family = small(name)
    if family.convexity is not None:
        far = family.certified(np.ones(family.n_meta) * 5, Weights.ones(family.episodes))
        assert far.certificate.bound > 0.1  # no refusal needed: the bound says how far it is
    else:
        with pytest.raises(NotCertified):
            family.certified(np.full(family.n_meta, 5.0), Weights.ones(family.episodes))


def test_the_saddle_of_the_representation_is_refused():
    family = small("linear_representation")
    with pytest.raises(NotCertified, match="smallest eigenvalue"):
        family.certified(np.zeros(family.n_meta), Weights.ones(family.episodes))


def test_a_removal_that_loses_its_minimum_is_refused():
    """Two tasks pull a symmetric softmax problem; without regulariser nothing is left of a removal."""
    family = small("maml_softmax", 0, alpha=0.2, steps=3)
    at = family.solve()
    lost = 0
    for k in range(family.episodes.n_tasks):
        try:
            family.remove(task(k), at)
        except BranchLost as error:
            lost += 1
            assert "cannot be followed" in str(error)
    assert lost == 1


@pytest.mark.parametrize("name", [n for n in NAMES if "representation" in n or n == "prototypes"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_flat_directions(name, rank):
    family = small(name, 1, rank=rank)
    at = family.solve()
    values = np.sort(np.abs(np.linalg.eigvalsh(at.hessian)))
    flat = rank * (rank - 1) // 2
    assert (values[:flat] < 1e-10 * values[-1]).all()
    assert flat == at.certificate.flat
    assert values[flat] > 1e-6 * values[-1]
    slopes = family.influence([task(0), task(1)], at).value
    assert np.abs(slopes @ family.tangent(at.lam)).max(initial=0) < 1e-12


def test_bad_input_is_named():
    e = regression(0)
    with pytest.raises(InvalidProblem, match="d_out"):
        FAMILIES["proximal_ridge"](e, d_out=-1.0)
    bad = e.query_x.copy()
    bad[1, 2, 0] = np.nan
    with pytest.raises(InvalidProblem, match=r"query_x is not finite at .*\[1 2 0\]"):
        Episodes(e.support_x, e.support_y, bad, e.query_y)
    with pytest.raises(InvalidProblem, match="number of instances"):
        Episodes(e.support_x, e.support_y[:, :2], e.query_x, e.query_y)
    with pytest.raises(ValueError, match="input shift"):
        group([task(0), shift("query", 0, 0, 0)])
    with pytest.raises(ValueError, match="twice"):
        group([task(0), group([task(0)])])
    with pytest.raises(InvalidProblem, match="unknown family"):
        small("ridge")
    family = FAMILIES["prototypes"](classification(0, shots=1))
    with pytest.raises(InvalidProblem, match="no support weight"):
        family.solve(Weights.ones(family.episodes).without(support(0, 0)))


def test_every_family_speaks_the_same_contract():
    for name in NAMES:
        case = small_case(name)
        local = case.family.task(0, case.solution.lam)
        assert isinstance(local, Local)
        p = case.family.n_meta
        assert local.gradient().shape == (p,) and local.hessian().shape == (p, p)
        assert local.jacobian.shape == (len(local.theta), p)
        e = case.family.episodes
        assert local.by_support().shape == (p, e.support_x.shape[1])
        assert local.by_query().shape == (p, e.query_x.shape[1])
        assert local.by_input("query", 0).shape == (p, e.query_x.shape[2])


@pytest.mark.parametrize("name", NAMES)
def test_a_certificate_says_of_what_it_speaks(name):
    """Guards against a local minimum taken for the minimum: prototypes has a lower one."""
    family = small(name)
    certificate = family.solve().certificate
    convex = name in ("single_ridge", "single_softmax", "proximal_ridge", "maml_linear")
    assert certificate.scope == ("global" if convex else "local")
    assert str(certificate).startswith(certificate.scope)


WITHOUT_LONG_DOUBLE = """
import numpy as np
np.longdouble = np.float64  # as on platforms whose long double is no wider
from metainfl_reference import wide
from metainfl_reference.estimands import removal, trajectory
from metainfl_reference.generators import tiny
from metainfl_reference.perturbation import query, task
assert not wide.NATIVE
for name in ("proximal_ridge", "prototypes"):
    family = tiny(name)
    at = family.solve()
    run = trajectory.run(family, trajectory.Recipe(((0, 1),), (0.1,), optimiser="adam"), at.lam)
    for answer in (
        family.influence([task(0), query(1, 0)], at),
        removal.second_order(family, task(0), at),
        trajectory.tangent(run, [task(0)]),
    ):
        print(*np.atleast_1d(answer.bound))
"""


def test_bounds_do_not_need_a_long_double():
    """Guards platforms whose long double is float64: mpmath's numbers take its place, bounds agree."""
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_LONG_DOUBLE], capture_output=True, text=True, check=True
    )
    got = [np.array(line.split(), float) for line in run.stdout.splitlines()]
    native = subprocess.run(
        [sys.executable, "-c", _native(WITHOUT_LONG_DOUBLE)],
        capture_output=True,
        text=True,
        check=True,
    )
    want = [np.array(line.split(), float) for line in native.stdout.splitlines()]
    assert len(got) == len(want) == 6
    for a, b in zip(got, want, strict=True):
        assert (a > 0).all() and (np.abs(a / b - 1) < 0.1).all()  # the floors differ, 2^-7 and less


def _native(code):
    """The same with the platform's own long double."""
    lines = [line for line in code.split("\n") if not line.startswith(("np.longdouble", "assert"))]
    return "\n".join(lines)

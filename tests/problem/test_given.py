"""Numbers, tensors and symmetries of a problem that are none are told by name."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.training import Recipe, train

D = torch.float64


def problem(**changes):
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(3, 5, k, dtype=D, generator=g) for k in (3, 2))
    options = {"outer_reg": 0.5, **changes}
    return mi.Problem(mi.Linear(3, 2), mi.Tasks(x, y, x, y), mi.ProximalRidge(1.0), **options)


@pytest.mark.parametrize(
    "changes",
    [
        *({"outer_reg": v} for v in (None, "0.5", "small", [0.5] * 6, torch.ones(6, 1), 1j)),
        *({"outer_reg": v} for v in (torch.ones(6) * 1j, torch.tensor(1j), {}, -torch.ones(6))),
        *({"lam": v} for v in ([0.0] * 6, 3.0, "lam", torch.zeros(6).numpy(), torch.ones(6) * 1j)),
        *({"outer_reg": v} for v in (np.ones(1), np.ones(6), np.array("small"))),
        *({"direct": v} for v in (None, "1", [1.0], torch.ones(2))),
        *({"chunk": v} for v in ("2", 1.5, [2], float("nan"))),
        *({"keep": v} for v in (None, "2", [2], float("nan"))),
        *({"symmetry": v} for v in (4, torch.ones(6, 1), "orthogonal")),
    ],
)
def test_what_is_no_number_or_tensor_is_named(changes):
    """Guards bare TypeErrors, ValueErrors and AttributeErrors from conversions of what was given."""
    (name,) = changes
    with pytest.raises(mi.InvalidProblem, match=name):
        problem(**changes)


def test_numbers_of_other_kinds_are_numbers():
    """Guards checks that refuse what always worked: whole numbers, numpy's and torch's scalars."""
    for value in (
        1,
        True,
        torch.tensor(1.0),
        torch.tensor(1),
        torch.ones(()).numpy()[()],
        np.array(1.0),
    ):
        assert problem(outer_reg=value, direct=value).outer_reg == 1
    assert problem(outer_reg=torch.ones(6, dtype=torch.int64)).outer_reg.dtype == D
    assert problem(lam=torch.zeros(6, dtype=torch.int64)).lam.dtype == D
    assert problem(keep=float("inf"), chunk=2.0).asked_chunk == 2


@pytest.mark.parametrize(
    "symmetry, message",
    [
        (mi.symmetry.orthogonal(4), "orthogonal.*4 rows.*6 numbers"),
        (mi.symmetry.orthogonal(0), "orthogonal"),
        (mi.symmetry.last_layer(0, 3, 3), "last_layer.*up to number 9"),
        (mi.symmetry.last_layer(0, 2, 2, bias=5), "last_layer.*up to number 7"),
        (lambda lam: torch.ones(5, 1, dtype=D), r"\(6, f\).*\(5, 1\)"),
        (lambda lam: torch.ones(6, dtype=D), r"\(6, f\).*\(6,\)"),
        (lambda lam: None, r"\(6, f\).*None"),
        (lambda lam: torch.ones(6, 1, dtype=torch.complex128), "float64.*complex128"),
        (lambda lam: lam.new_full((6, 1), torch.nan), "not finite"),
    ],
)
def test_symmetries_that_do_not_fit_are_named(symmetry, message):
    """Guards directions of another size or type, which failed inside reshapes and products."""
    with pytest.raises(mi.InvalidProblem, match=message):
        mi.influence(problem(lam=torch.zeros(6, dtype=D), symmetry=symmetry), [mi.task(0)],
                     allow_nonstationary=True)  # fmt: skip


@pytest.mark.parametrize("kind", [torch.float32, torch.int64, torch.bool])
def test_directions_that_lam_holds_are_taken(kind):
    """Guards a refusal of directions of another type whose numbers lam's own type holds exactly."""
    given = torch.eye(6)[:, :2].to(kind)
    asked = {"lam": torch.zeros(6, dtype=D)}
    found, want = (
        problem(symmetry=lambda lam, d=d: d, **asked).tangent() for d in (given, given.to(D))
    )
    assert found.dtype == D and torch.equal(found, want)


def test_double_directions_of_a_problem_in_single_precision():
    """Guards a refusal of a symmetry that numpy or a constant of torch made, rounded to lam's type."""
    directions = torch.eye(6, dtype=D)[:, :2] / 3
    given = problem(symmetry=lambda lam: directions, lam=torch.zeros(6, dtype=D))
    run = train(given, Recipe(rate=0.1, steps=1, dtype="float32"), progress=False)
    single = given.replaced(tasks=given.tasks.to(dtype=torch.float32))
    for found in (run.problem().tangent(), single.tangent()):
        assert found.dtype == torch.float32 and found.shape == (6, 2)
    with pytest.raises(mi.InvalidProblem, match="not finite"):  # in lam's type
        single.replaced(symmetry=lambda lam: 1e300 * directions).tangent()

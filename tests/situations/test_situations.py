"""Two hundred small situations: a right number or a named error, in every one.

Each draws a model, losses, an adaptation, sizes, weights (some of them 0) and compares objective, gradient,
Hessian products of three vectors at once, and the mixed derivatives of a task, a query and a support
instance with plain torch and extrapolated differences. Guards what no list of ours names: combinations.
"""

import copy
import random

import pytest
import torch

import metainfl as mi
from metainfl.derive.cross import columns
from metainfl.errors import MetainflError
from tests.situations.losses import LOSSES, targets
from tests.situations.models import KINDS, inputs
from tests.situations.plain import Plain, derivative

MODELS = [(kind, name) for kind, found in KINDS.items() for name in found]
#: what must be refused, and a word of why; everything else must be right
REFUSED = {
    "batch norm, training": "running statistics",
    "dropout": "dropout",
    "gumbel": "random",
    "detached": "derivative",
    "embedding that rescales": "max_norm",
    "a mean": "one loss an instance",
}
#: what may be refused: a single row has no statistics
MAY = {"batch norm, own statistics": "one value a channel"}
SITUATIONS = [(s, *MODELS[s % len(MODELS)]) for s in range(200)]


def drawn(seed, kind, name):
    """Problem, plain twin, its weights, and which losses were drawn."""
    pick, draw = random.Random(seed), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    losses = [pick.choice(list(LOSSES)), pick.choice(list(LOSSES))]
    if LOSSES[losses[0]][1] != LOSSES[losses[1]][1]:
        losses[0] = losses[1]
    wanted = LOSSES[losses[1]][1]
    n, shots, queries = pick.choice([1, 2, 3]), pick.choice([1, 2, 4]), pick.choice([1, 3])
    module = KINDS[kind][name]().double()
    sides = []
    for size in (shots, queries):
        sides.append(torch.stack([inputs(kind, size, draw) for _ in range(n)]))
        sides.append(torch.stack([targets(wanted, size, draw) for _ in range(n)]))
    w, u, v = (
        0.5 + torch.rand(*shape, generator=draw, dtype=torch.float64)
        for shape in ((n,), (n, shots), (n, queries))
    )
    if "own statistics" not in name:  # there weight 0 is refused: it still counts in its batch
        u[0, 1:] *= pick.choice([0.0, 1.0])
        v[-1, 1:] *= pick.choice([0.0, 1.0])
    steps = pick.choice([0, 1, 1, 2])
    inner_reg, direct = (pick.choice([0.0, 0.2]), pick.choice([0.0, 0.3])) if steps else (0.0, 0.0)
    pair = tuple(LOSSES[name][0] for name in losses)
    options = {"steps": steps, "inner_reg": inner_reg, "direct": direct, "outer_reg": 1.0}
    plain = Plain(copy.deepcopy(module), sides, pair, rate=0.1, **options)
    if steps:
        p = len(plain.lam)
        plain.rate = pick.choice([0.1, 0.1 * torch.rand(p, generator=draw, dtype=torch.float64)])
    adaptation = mi.Unrolled(steps, plain.rate, inner_reg=inner_reg) if steps else mi.NoAdaptation()

    def problem():
        return mi.Problem(
            module, mi.Tasks(*sides, w, u, v), adaptation, inner_loss=pair[0], outer_loss=pair[1],
            outer_reg=1.0, direct=direct, lam=plain.lam,
        )  # fmt: skip

    return problem, plain, (w, u, v), losses


def moved(weights, p, h):
    """The weights with that of p greater by h."""
    own = [t.clone() for t in weights]
    if p.kind == "task":
        own[0][p.task] += h
    else:
        own[1 if p.kind == "support" else 2][p.task, p.instance] += h
    return own


def compared(problem, plain, weights):
    """Largest relative error of each quantity, and whether a kink lies close by."""
    lam, n = plain.lam, len(weights[0])
    draw = torch.Generator().manual_seed(0)
    vectors = torch.randn(len(lam), 3, generator=draw, dtype=torch.float64)
    pis = [mi.task(0), mi.query(n - 1, 0), *([mi.support(0, 0)] if plain.steps else [])]
    slope = plain.gradient(lam, *weights)
    products = [derivative(lambda h, v=v: plain.gradient(lam + h * v, *weights)) for v in vectors.T]
    mixed = [derivative(lambda h, p=p: plain.gradient(lam, *moved(weights, p, h))) for p in pis]

    def off(got, want):
        return float((got - want).norm() / (1e-12 + want.norm()))

    start = lam.clone().requires_grad_(bool(plain.steps))
    found = {
        "objective": off(problem.objective(lam), plain.objective(start, *weights).detach()),
        "gradient": off(problem.gradient(lam), slope),
        "products": off(
            problem.hessian_product(lam, vectors).T, torch.stack([x for x, _ in products])
        ),
        "mixed": off(columns(problem, pis), torch.stack([x for x, _ in mixed])),
    }
    return found, max(gap for _, gap in [*products, *mixed]) > 1e-4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize(("seed", "kind", "name"), SITUATIONS)
def test_a_right_number_or_a_named_error(seed, kind, name):
    make, plain, weights, losses = drawn(seed, kind, name)
    read = losses if plain.steps else losses[1:]
    why = [REFUSED[x] for x in (name, *read) if x in REFUSED]
    try:
        problem = make()
        value = mi.influence(problem, [mi.task(0)], allow_nonstationary=True, damping=1e4).value
    except MetainflError as error:
        assert any(word in str(error) for word in [*why, *(MAY[n] for n in MAY if n == name)]), (
            error
        )
        return
    assert not why, f"{why[0]} was not refused"
    assert torch.isfinite(value).all()
    found, kink = compared(problem, plain, weights)
    allowed = {"objective": 1e-9, "gradient": 1e-9, "products": 1e-5, "mixed": 1e-5}
    if kink:  # differences are coarser there
        allowed |= {"products": 1e-3, "mixed": 1e-3}
    assert all(found[q] <= most for q, most in allowed.items()), (found, losses)

"""What torch's default device is set to changes nothing: tensors of ours are made where they are used."""

import ast
from pathlib import Path

import pytest
import torch

import metainfl as mi
from metainfl.advice import advise
from metainfl.training import Recipe, train

D = torch.float64
ROOT = Path(mi.__file__).parent
#: what a user's own program runs, and not the oracle, the experiments or the ledger
ROOMS = sorted(
    p.name
    for p in ROOT.iterdir()
    if p.name not in ("oracle", "experiments", "ledger", "__pycache__")
)
MADE = """
arange as_tensor asarray empty eye full linspace logspace normal ones rand randint randn randperm
scalar_tensor tensor tril_indices triu_indices zeros
""".split()  # noqa: SIM905  (a list is longer)


def made_anywhere(tree):
    """Lines on which a tensor is made on whatever device is the default."""
    for call in ast.walk(tree):
        ours = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        if not ours or call.func.attr not in MADE:
            continue
        torchs = isinstance(call.func.value, ast.Name) and call.func.value.id == "torch"
        if torchs and "device" not in {k.arg for k in call.keywords}:
            yield call.lineno


@pytest.mark.parametrize("room", ROOMS)
def test_every_tensor_is_made_on_a_device(room):
    """Guards draws that a generator of another device refuses, and indices that have no values."""
    place = ROOT / room
    files = [place] if place.suffix == ".py" else place.rglob("*.py")
    found = [(f.name, n) for f in files for n in made_anywhere(ast.parse(f.read_text()))]
    assert not found


def test_the_finder_finds():
    """Guards a finder that sees nothing."""
    assert list(made_anywhere(ast.parse("torch.eye(3)\ntorch.eye(3, device=x)\nx.eye(3)"))) == [1]


def problem(adaptation):
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(4, 5, k, dtype=D, generator=g, device="cpu") for k in (3, 2))
    model = mi.FromModule(NET)
    options = {"inner_loss": mi.squared, "outer_reg": 8.0}
    return mi.Problem(model, mi.Tasks(x, y, x, y), adaptation, **options)


with torch.device("cpu"), torch.random.fork_rng(devices=[]):
    torch.manual_seed(0)
    NET = torch.nn.Sequential(
        torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)
    ).double()

ROUTES = {
    "solve": lambda p: p.solve(progress=False),
    "gradient": lambda p: p.gradient(0.3 * p.own_start()),
    "hessian": lambda p: p.hessian(0.3 * p.own_start()),
    "influence": lambda p: (p.solve(progress=False), mi.influence(p, ASKED).value)[1],
    "cg": lambda p: (p.solve(progress=False), mi.task_if_cg(p, [mi.task(0)]))[1],
    "edits": lambda p: (p.solve(progress=False), mi.removal.newton(p, ASKED))[1],
    "advice": lambda p: torch.tensor((p.solve(progress=False), advise(p).high)[1], device="cpu"),
    "symmetry": lambda p: (
        p.solve(progress=False),
        torch.tensor(mi.symmetry.find(p) is None, device="cpu"),
    )[1],
    "run": lambda p: trained(p).scores(p.tasks.select([0]), ASKED).value,
}
ASKED = [mi.task(0), mi.support(1, 2), mi.query(3, 0), mi.group([mi.task(1), mi.task(2)])]


def trained(p):
    return train(p, Recipe(rate=0.05, steps=4, batch_size=2), progress=False)


CASES = [
    *((name, mi.Unrolled(1, 0.05)) for name in ROUTES),
    *((name, mi.Proximal(5.0)) for name in ("gradient", "hessian")),
]
#: torch 2.4 makes tensors of its own jacrev on the default device
OLD = torch.__version__.startswith("2.4.")


@pytest.mark.parametrize("name, adaptation", CASES)
def test_a_default_device_changes_no_answer(name, adaptation):
    """Guards all of them at once, on the one other device that every machine has."""
    here = ROUTES[name](problem(adaptation))
    if OLD and isinstance(adaptation, mi.Proximal):
        with torch.device("meta"), pytest.raises(mi.MetainflError, match="torch could not compute"):
            ROUTES[name](problem(adaptation))
        return
    with torch.device("meta"):
        there = ROUTES[name](problem(adaptation))
    torch.testing.assert_close(there, here, rtol=0, atol=0)

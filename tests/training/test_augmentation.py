"""Kind guarded: inputs drawn at random in a run that a replay, a phase or a derivative draws otherwise."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.errors import InvalidRecipe
from metainfl.training import Adam, Recipe, load, save, train
from metainfl.training.augmentation import Flips, Noise, Shifts, Turns
from metainfl.training.augmented import augmented
from metainfl.training.kept import keepable
from tests.helpers import assert_close
from tests.training.helpers import extrapolated, network

NOISY = Recipe(
    optimiser=Adam(eps=1e-3), rate=0.05, steps=7, batch_size=4, seed=3, augmentation=Noise(0.3)
)


def pictures(tasks=5):
    """One step of MAML on small images."""
    draw = torch.Generator().manual_seed(0)
    x, q = torch.randn(2, tasks, 6, 1, 4, 4, generator=draw, dtype=torch.float64)
    y = torch.eye(3).double().repeat_interleave(2, 0).expand(tasks, -1, -1).clone()
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 3)).double()
    options = {"outer_reg": 1e-2, "inner_loss": mi.cross_entropy}
    return mi.Problem(net, mi.Tasks(x, y, q, y), mi.Unrolled(1, 0.2), **options)


def by_hand(problem, run, weights):
    """The same run in plain torch: SGD on the inputs that each step drew."""
    lam, module = run.program.start.lam, problem.setting.model.module
    names = {n: p.shape for n, p in module.named_parameters()}
    program = run.program

    def out(flat, x):
        parts = dict(zip(names, flat.split([s.numel() for s in names.values()]), strict=True))
        own = {n: p.reshape(names[n]) for n, p in parts.items()}
        return torch.func.functional_call(module, own, (x,))

    def loss(flat, x, y):
        return -(y * out(flat, x).log_softmax(-1)).sum()

    for t in range(run.done):
        batch, places = program.batch(t), program.batches[t]
        whole = 0.5 * problem.outer_reg * lam @ lam
        for row, k in enumerate(places):
            slope = torch.autograd.grad(
                loss(lam, batch.support_x[row], batch.support_y[row]), lam, create_graph=True
            )[0]
            own = loss(lam - 0.2 * slope, batch.query_x[row], batch.query_y[row])
            whole = whole + weights[k] * own / len(places)
        lam = lam - program.rates[t] * torch.autograd.grad(whole, lam, create_graph=True)[0]
    return lam


@pytest.mark.parametrize("how", [Noise(0.4), Flips(), Shifts(1), Turns()])
def test_parameters_and_derivatives_are_those_of_the_inputs_that_were_drawn(how):
    """Against one autograd graph over the whole run, in plain torch."""
    problem = pictures()
    recipe = Recipe(rate=0.1, steps=5, batch_size=2, seed=1, augmentation=how)
    run = train(problem, recipe, progress=False)
    assert (
        relative_gap(
            run.lam, train(problem, replace(recipe, augmentation=None), progress=False).lam
        )
        > 1e-3
    )
    weights = torch.ones(5, dtype=torch.float64, requires_grad=True)
    run.program.start.lam.requires_grad_()
    lam = by_hand(problem, run, weights)
    run.program.start.lam.requires_grad_(False)
    assert_close(run.lam, lam.detach(), 1e-12)
    seed = torch.linspace(-1, 1, len(lam), dtype=torch.float64)
    want = torch.autograd.grad(seed @ lam, weights)[0]
    assert_close(run.sensitivities(seed[None]).value["task_weight"][0], want, 1e-11)
    tangent = run.influence([mi.task(k) for k in range(5)]).value
    assert_close(tangent @ seed, want, 1e-11)


def relative_gap(a, b):
    return float((a - b).norm() / b.norm())


def test_instances_and_shifts_of_inputs_against_reruns():
    problem = network()
    run = train(problem, NOISY, progress=False)
    for p, start in (
        (mi.support(1, 2), 1.0),
        (mi.query(0, 3), 1.0),
        (mi.shift("query", 2, 1, 4), 0.0),
    ):
        want = extrapolated(lambda h, p=p, start=start: run.replay({p: start + h}).lam)
        assert_close(run.influence([p]).value[0], want, 1e-8)


def test_a_replay_a_phase_and_a_saved_run_draw_the_same(tmp_path):
    problem = network()
    run = train(problem, NOISY, progress=False)
    assert torch.equal(run.replay().lam, run.lam)
    assert torch.equal(run.phase(3, progress=False).lam, run.lam)
    save(run, tmp_path / "run")
    again = load(tmp_path / "run", problem)
    assert again.recipe == NOISY and torch.equal(again.replay().lam, run.lam)
    assert Recipe.from_json(NOISY.to_json()) == NOISY
    seeds = [r.lam for r in run.over_seeds([3, 4])]
    assert torch.equal(seeds[0], run.lam) and not torch.equal(seeds[1], run.lam)


def test_what_a_task_draws_hangs_on_seed_step_and_task_alone():
    """Guards a removal that changes what the others draw."""
    tasks = network().tasks
    some = tasks.select([4, 1])
    whole = augmented(tasks, Noise(1.0), (0, 5), range(6))
    part = augmented(some, Noise(1.0), (0, 5), [4, 1])
    assert torch.equal(part.query_x, whole.query_x[[4, 1]])
    assert not torch.equal(part.query_x, augmented(some, Noise(1.0), (0, 6), [4, 1]).query_x)
    assert not torch.equal(part.query_x, augmented(some, Noise(1.0), (1, 5), [4, 1]).query_x)
    assert not torch.equal(whole.query_x[0] - tasks.query_x[0], whole.query_x[1] - tasks.query_x[1])


def test_tasks_of_any_shapes_are_augmented_as_they_are_alone():
    draw = torch.Generator().manual_seed(0)

    def one(n):
        x, q = torch.randn(2, n, 5, generator=draw, dtype=torch.float64)
        return {
            "support_x": x,
            "support_y": torch.zeros(n, 1).double(),
            "query_x": q,
            "query_y": torch.ones(n, 1).double(),
        }

    given = [one(n) for n in (2, 3, 2)]
    found = augmented(mi.Tasks.ragged(given), Noise(1.0), (2, 0), [7, 8, 9])
    for k, task in enumerate(given):
        alone = augmented(mi.Tasks.ragged([task]), Noise(1.0), (2, 0), [7 + k])
        assert torch.equal(found.side("support", k)[0], alone.side("support", 0)[0])
        assert torch.equal(found.side("query", k)[0], alone.side("query", 0)[0])


@dataclass(frozen=True)
class Wider:
    """Changes the number of queries."""

    def __call__(self, support, query, draw):
        return support, torch.cat([query, query])


def test_refused_by_name():
    problem = network()
    run = train(pictures(), Recipe(rate=0.1, steps=2, augmentation=Flips()), progress=False)
    with pytest.raises(InvalidRecipe, match="changed by Flips"):
        run.influence([mi.shift("query", 0, 0, 0)])
    with pytest.raises(InvalidRecipe, match="Flips takes images"):
        train(problem, Recipe(rate=0.1, steps=2, augmentation=Flips()), progress=False)
    with pytest.raises(InvalidRecipe, match="changes the shapes of inputs"):
        train(problem, Recipe(rate=0.1, steps=2, augmentation=Wider()), progress=False)
    with pytest.raises(InvalidRecipe, match="Wider is your own"):
        Recipe(rate=0.1, steps=2, augmentation=Wider()).to_json()
    assert keepable(NOISY) and not keepable(replace(NOISY, augmentation=Wider()))
    for wrong in (Noise, "noise", torch.nn.Tanh()):
        with pytest.raises(InvalidRecipe, match="augmentation is an object of"):
            Recipe(rate=0.1, steps=2, augmentation=wrong)
    with pytest.raises(InvalidRecipe, match="deviation"):
        Noise(0)


@dataclass(frozen=True)
class Global:
    """Draws from torch's own state, now and then."""

    def __call__(self, support, query, draw):
        return support + 0.1 * torch.randn_like(support) * (torch.rand(()) < 0.5), query


@dataclass(frozen=True)
class Seeded:
    """Draws from torch's own state too, but from a seed that it was given."""

    def __call__(self, support, query, draw):
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(2**31, (), generator=draw)))
            return support + 0.1 * torch.randn_like(support), query


def test_what_is_drawn_elsewhere_is_refused():
    """Guards replays and derivatives of other inputs than the run had, which nothing said."""
    with pytest.raises(InvalidRecipe, match=r"Global\(\) makes other inputs of the same draw"):
        train(network(), replace(NOISY, augmentation=Global()), progress=False)
    run = train(network(), replace(NOISY, augmentation=Seeded()), progress=False)
    assert torch.equal(run.replay().lam, run.lam)


@dataclass(frozen=True)
class Twice(Noise):
    """Is a Noise by inheritance, and moves inputs all the same."""

    def __call__(self, support, query, draw):
        return tuple(2 * x for x in super().__call__(support, query, draw))


def test_a_derivative_in_inputs_is_not_taken_past_what_changes_them():
    run = train(network(), replace(NOISY, augmentation=Twice(0.1)), progress=False)
    with pytest.raises(InvalidRecipe, match="changed by Twice"):
        run.influence([mi.shift("query", 0, 0, 0)])


@dataclass(frozen=True)
class Arrays:
    """Returns what torch does not compute with, or one side only."""

    both: bool

    def __call__(self, support, query, draw):
        return (support.numpy(), query) if self.both else support


@pytest.mark.parametrize(("both", "got"), [(True, "got ndarray, Tensor"), (False, "got a tensor")])
def test_what_an_augmentation_returns_is_looked_at(both, got):
    with pytest.raises(InvalidRecipe, match=got):
        train(network(), replace(NOISY, augmentation=Arrays(both)), progress=False)


@pytest.mark.parametrize("shape", [(7, 8, 8), (5, 3, 6, 9), (4, 2, 3, 5, 5), (0, 8, 8)])
def test_shifts_cut_each_image_out_of_its_frame(shape):
    """Guards channels, leading dimensions and corners that are mixed up where all images move at once."""
    x = torch.randn(shape, dtype=torch.float64)
    (h, w), m = shape[-2:], 2
    _, moved = Shifts(m)(x[:0], x, torch.Generator().manual_seed(5))
    corners = torch.randint(2 * m + 1, (len(x), 2), generator=torch.Generator().manual_seed(5))
    wide = nn.functional.pad(x, (m, m, m, m))
    for one, frame, (a, b) in zip(moved, wide, corners.tolist(), strict=True):
        assert torch.equal(one, frame[..., a : a + h, b : b + w])
    assert moved.shape == x.shape

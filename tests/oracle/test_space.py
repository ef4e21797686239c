"""The drawn cases: every field varied, sizes apart, truths of their own second route."""

import inspect
from dataclasses import fields
from math import ceil

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl import adaptation as rooms
from metainfl.influence.implicit import influence
from metainfl.oracle.context import Context
from metainfl.oracle.coverage import ADAPTATIONS, ANOTHER_WAY, PROBLEM, TASKS
from metainfl.oracle.drawn_sizes import EMBEDDED
from metainfl.oracle.gathered import PLAIN as LOOKED_AT
from metainfl.oracle.space import DESIGNS, FEW, drawn_case
from metainfl.problem.adaptation import Adaptation
from metainfl.problem.definition import Definition
from metainfl.problem.perturbation import KINDS
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import CLASSIFICATION

PLAIN = ("wide", "narrow", "many")


def parameters(cls):
    return set(inspect.signature(cls.__init__).parameters) - {"self"}


def subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def test_the_coverage_table_knows_every_field():
    """Guards a new field in which a method could hide."""
    assert set(PROBLEM) == parameters(Definition)
    assert set(TASKS) == {f.name for f in fields(mi.Tasks)}
    own = {c for c in subclasses(Adaptation) if c.__module__.startswith("metainfl.")}
    own = {
        c for c in own if not c.__module__.startswith("metainfl.oracle.")
    }  # slips to diagnose by
    assert {c.__name__ for c in own} <= set(ADAPTATIONS), "say where the new adaptation is varied"
    for name, table in ADAPTATIONS.items():
        cls = getattr(rooms, name, None)
        if cls is not None and name not in ANOTHER_WAY and cls.__init__ is not object.__init__:
            assert set(table) == parameters(cls), name


def test_what_is_said_to_vary_varies():
    """Guards a table that promises more than the cases hold."""
    problems = {n: [drawn_case(n, d).problem() for d in PLAIN] for n in FAMILIES}
    every = [p for ps in problems.values() for p in ps]
    for table in (PROBLEM, TASKS):
        for name, field in table.items():
            assert field.probe is None or len({field.probe(p) for p in every}) > 1, name
    for name, table in ADAPTATIONS.items():
        mine = [p for p in every if type(p.adaptation).__name__ == name]
        for field in (f for f in table.values() if f.probe is not None):
            assert len({field.probe(p) for p in mine}) > 1, name


def sizes(name, design):
    e = drawn_case(name, design).family.episodes
    return {
        "tasks": e.n_tasks,
        "supports": e.support_x.shape[1],
        "queries": e.query_x.shape[1],
        "features": e.query_x.shape[2],
        "outputs": e.query_y.shape[2],
    }


@pytest.mark.parametrize("name", FAMILIES)
def test_no_two_sizes_are_alike(name):
    """Guards factors such as n_query / n_support, which are 1 where sizes agree."""
    for design in ("wide", "many"):
        found = sizes(name, design)
        assert len(set(found.values())) >= (5 if design == "wide" else 4), (design, found)
    assert 17 <= found["tasks"] <= 131
    if name in EMBEDDED:
        assert drawn_case(name, "wide").family.rank == 3


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("side", ("supports", "queries", "outputs"))
def test_each_size_is_somewhere_that_of_the_features(name, side):
    """Guards arrays turned round without a word where they are square: no input was asked about so."""
    every = [sizes(name, d) for d in LOOKED_AT]
    assert any(s[side] == s["features"] for s in every), every


def test_games_are_asked_where_roundings_part():
    """Guards subsets of round(0.7 T) and of ceil(0.7 T) tasks, equal for three, four, five and eight."""
    claim = mi.Claim(estimand="downsampling", kinds=("task",), families=("proximal_ridge",))
    ctx = Context(mi.task_if, claim, quick=True)
    asked = {case.family.episodes.n_tasks for case, _ in ctx.space(*LOOKED_AT)}
    assert any(ceil(0.7 * n) not in (round(0.7 * n), n) for n in asked), asked


@pytest.mark.parametrize("name", FAMILIES)
def test_targets_are_as_varied_as_tasks(name):
    """Guards methods that look at two targets, at weight 1, of one length: they once passed everything."""
    every = {d: drawn_case(name, d).target_tasks(drawn_case(name, d).problem()) for d in PLAIN}
    assert [len(every[d]) for d in PLAIN] == [3, 1, 17]
    ragged = every["wide"]
    for side in ("support", "query"):
        w = getattr(ragged, f"{side}_weight")
        places = [int((row == 0).nonzero()) for row in w if (row == 0).any()]
        assert len(set(places)) > 1 and any(j < w.shape[1] - 1 for j in places), (side, places)
        assert bool(((w != 0) & (w != 1)).any())


@pytest.mark.parametrize("name", FAMILIES)
def test_a_single_task_of_a_single_shot_is_asked(name):
    """Guards what squeezes a dimension of one: no case had a single task, and none a single shot."""
    case = drawn_case(name, "least")
    e, ways = case.family.episodes, CLASSIFICATION & {name}
    assert e.n_tasks == 1 and len(case.targets) == 1
    if name != "prototypes":
        assert e.support_x.shape[1] == (e.query_y.shape[2] if ways else 1)


@pytest.mark.parametrize("name", sorted(CLASSIFICATION))
def test_classes_stand_in_another_order_in_every_task(name):
    """Guards labels that are read off an instance's place, or off the first task."""
    y = drawn_case(name, "wide").family.episodes.support_y
    assert len(np.unique(y.argmax(2), axis=0)) > 2


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - set(EMBEDDED)))
def test_every_family_has_one_precision_a_parameter_somewhere(name):
    """Guards a claim on one family that reads the regulariser's mean."""
    for seed in (0, 1):
        dims = [np.ndim(drawn_case(name, d, seed).family.d_out) for d in ("wide", "narrow")]
        assert sorted(dims) == [0, 1]


def test_a_group_has_members_that_share_a_task():
    """Guards cross terms, which only members of one task have."""
    for name in FAMILIES:
        case = drawn_case(name, "wide")
        mixed = case.perturbations(["group"])[-1].members
        kinds = {}
        for m in mixed:
            kinds.setdefault(m.task, set()).add(m.kind)
        assert {"task", "query"} <= kinds[1]
        assert (
            name.startswith("single") or sum({"support", "query"} <= k for k in kinds.values()) == 2
        )


def test_a_group_of_one_is_asked_of_every_size():
    """Guards groups of one, which nobody asked about."""
    for design in LOOKED_AT:
        groups = drawn_case("proximal_ridge", design).perturbations(["group"])
        assert any(len(g.members) == 1 for g in groups), design


def test_no_usual_bound_is_above_every_case():
    """Guards batches of 128, ranks of 32, 16 instances, rows, targets or members, 10 steps, 5 outputs."""
    cases = [drawn_case(n, d) for n in FAMILIES for d in LOOKED_AT]
    episodes = [c.family.episodes for c in cases]
    most = {
        "tasks": (128, [e.n_tasks for e in episodes]),
        "parameters": (32, [c.family.n_meta for c in cases]),
        "supports": (16, [e.support_x.shape[1] for e in episodes]),
        "queries": (16, [e.query_x.shape[1] for e in episodes]),
        "outputs": (5, [e.query_y.shape[2] for e in episodes]),
        "targets": (16, [len(c.targets) for c in cases]),
        "members": (32, [len(p.members) for c in cases for p in c.perturbations(["group"])]),
        "steps": (10, [getattr(c.family, "steps", 0) for c in cases]),
    }
    assert not {n: max(own) for n, (bound, own) in most.items() if max(own) <= bound}


@pytest.mark.parametrize("name", FAMILIES)
def test_weights_lie_beyond_masks_and_clamps(name):
    """Guards weights that are taken for a mask above 0.1, or cut at 2."""
    t = drawn_case(name, "wide").problem().tasks
    for w in (t.w, t.support_weight, t.query_weight):
        assert not w.numel() or (float(w[w > 0].min()) < 0.1 and float(w.max()) > 2)


@pytest.mark.parametrize("name", sorted(CLASSIFICATION))
def test_labels_are_probabilities_somewhere(name):
    """Guards labels that are read by their argmax."""
    e = drawn_case(name, "wide").family.episodes
    assert ((e.query_y > 0) & (e.query_y < 1)).any() and np.allclose(e.query_y.sum(2), 1)
    assert name == "prototypes" or ((e.support_y > 0) & (e.support_y < 1)).any()


@pytest.mark.parametrize("name", FAMILIES)
def test_padding_stands_anywhere(name):
    """Guards a method that takes the first rows of a padded set."""
    w = drawn_case(name, "wide").problem().tasks.query_weight
    places = {int((row == 0).nonzero()) for row in w if (row == 0).any()}
    assert any(j < w.shape[1] - 1 for j in places)


@pytest.mark.parametrize("name", FAMILIES)
def test_production_agrees_on_every_datum(name):
    """Guards cases on which truth and production do not mean the same problem."""
    for design in (*DESIGNS, *FEW):
        case = drawn_case(name, design, 3)
        pis = [p for k in KINDS for p in case.perturbations([k], 40)]
        got = influence(case.problem(), pis).value.numpy()
        gap = np.linalg.norm(got - case.truth("derivative", pis))
        assert gap <= case.rounding(pis) * np.linalg.norm(got), (design, gap)


@pytest.mark.parametrize("name", ["proximal_softmax", "maml_softmax", "maml_linear"])
def test_another_outer_loss_has_a_second_route(name):
    """Guards the reference's own formulas where inner and outer loss differ."""
    case = drawn_case(name, "wide", 1)
    for kind in ("task", "support"):
        p = case.perturbations([kind], 2)[-1]
        want, got = case.slope_by_resolving(p), case.truth("derivative", [p])[0]
        assert np.abs(got - want).max() <= 1e-7 * np.abs(want).max()


def test_rounding_is_told_from_error_in_float32():
    """Guards the tolerance of 1e-3 that let 5e-4 pass: derived per case, above what is measured."""
    for name in ("proximal_ridge", "maml_softmax"):
        case = drawn_case(name, "narrow")
        pis = case.perturbations(["task", "query"])
        got = influence(case.problem(torch.float32), pis, allow_nonstationary=True).value.numpy()
        want = case.truth("derivative", pis)
        allowed = case.rounding(pis, torch.float32)
        assert np.linalg.norm(got - want) <= allowed * np.linalg.norm(want)
        assert allowed < 5e-4


def test_draws_are_deterministic_and_differ_by_seed():
    """Guards a verdict that cannot be repeated."""
    one, two = drawn_case("single_ridge", "wide", 5), drawn_case("single_ridge", "wide", 6)
    drawn_case.cache_clear()
    again = drawn_case("single_ridge", "wide", 5)
    assert np.array_equal(one.solution.lam, again.solution.lam) and one.code == again.code
    assert not np.array_equal(one.solution.lam[:3], two.solution.lam[:3])


def test_quick_asks_every_family_and_every_design():
    """Guards a quick check that looks at two families only."""
    ctx = Context(mi.task_if, mi.Claim(), quick=True)
    seen = {tuple(c.name.replace("[0]", "").split(", ")) for c, _ in ctx.space(*PLAIN)}
    assert {n for n, _ in seen} == set(FAMILIES) and {d for _, d in seen} == set(PLAIN)
    everywhere = {tuple(c.name.replace("[0]", "").split(", ")) for c, _ in ctx.space(*LOOKED_AT)}
    assert {d for _, d in everywhere} == set(LOOKED_AT) == set(DESIGNS) - {"stiff"}
    case, pis = ctx.space("wide")[0]
    assert len([p for p in pis if p.kind == "query"]) == len(case.perturbations(["query"]))

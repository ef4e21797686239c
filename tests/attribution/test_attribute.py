"""Attribution of runs and problems: the scores are those of the parts, and what was removed was removed."""

from dataclasses import replace

import pytest
import torch

import metainfl as mi
from metainfl.attribution import Question, attribute
from metainfl.attribution.confirm import to_confirm
from metainfl.attribution.question import question
from metainfl.errors import InvalidOption, InvalidProblem
from metainfl.oracle import small_case
from metainfl.problem.every import all_instances
from metainfl.training import Recipe, train
from tests.attribution.recipe import RECIPE
from tests.helpers import assert_close
from tests.training.helpers import network


def test_a_run_is_asked_for_its_own_derivative(asked):
    """Guards sign and weight: a task of weight 2 counts twice in its removal."""
    found = attribute(asked, reruns=0)
    run, tasks = asked.subject, [mi.task(k) for k in range(6)]
    assert_close(found.tasks, -run.scores(asked.targets, tasks).value, 1e-12)
    listed = all_instances(asked.tasks)
    assert_close(found.instance_scores, -run.scores(asked.targets, listed).value, 1e-12)
    assert found.exact and found.confirmation is None and "smooth" in found.facts
    twice = run.program.problem.tasks.reweighted(task=torch.tensor([1, 2, 1, 1, 1, 0.0]))
    other = run.replay(twice)
    found = attribute(Question(other, asked.targets), reruns=0)
    assert_close(found.tasks[1], -2 * other.scores(asked.targets, [tasks[1]]).value[0], 1e-12)
    assert not found.tasks[5].any() and len(found.instances) == 5 * 12


def test_removals_are_done_for_real(asked):
    """Guards a confirmation that repeats the prediction: the truth comes from the run without the task."""
    found = attribute(asked, reruns=5)
    done = found.confirmation
    assert len(done.reruns.true) == 5 and len(done.together) in (0, 1)
    end = asked.subject.problem()
    before = end.losses(end.lam, asked.targets)
    for k, p, true in zip(done.tasks, done.reruns.perturbations, done.reruns.true, strict=False):
        assert p == mi.task(k)
        after = asked.subject.without(mi.task(k)).lam
        assert_close(true, end.losses(after, asked.targets) - before, 1e-12)
    assert "reruns: rank correlation" in str(done)


def test_the_most_harmful_together(asked):
    """Guards a group whose prediction is not the sum of its members'."""
    found = attribute(asked, reruns=8)
    chosen, together = to_confirm(found, 8, 0)
    assert found.confirmation.tasks == tuple(chosen) and len(together) == 2
    last = found.confirmation.reruns.predicted[-1]
    assert_close(last, found.tasks[together].sum(0), 1e-12)
    assert found.confirmation.rows(found.names)[-1]["removed"] == "the 2 most harmful together"


def test_targets_that_nothing_reaches(asked):
    """Guards an end without a word where every score is zero: targets without a query that counts."""
    nothing = replace(asked.targets, query_weight=torch.zeros(2, 6, dtype=torch.float64))
    said = []
    found = attribute(Question(asked.subject, nothing), say=said.append)
    assert not found.tasks.any() and found.confirmation is None and "nothing to confirm" in said[-1]
    assert found.harmful(3) == [] and found.helpful(3) == []


def test_a_minimiser_has_implicit_scores():
    case = small_case("proximal_softmax")
    problem = case.problem()
    targets = problem.tasks.select([0, 1])
    found = attribute(Question(problem, targets), reruns=4)
    asked = [mi.task(k) for k in range(problem.tasks.n_tasks)]
    want = problem.tasks.w[:, None] * mi.scores(problem, asked, targets).value
    assert_close(found.tasks, -want, 1e-10)
    true = found.confirmation.reruns.true[0]
    k = found.confirmation.tasks[0]
    edit = mi.removal.resolved(problem, [mi.task(k)])
    assert_close(true, mi.removal.target_losses(problem, edit, targets)[0], 1e-10)


def test_elsewhere_it_is_a_ranking_that_nothing_confirms():
    """Guards a number that looks exact at a point where the formula is the derivative of nothing."""
    problem = network()
    problem = problem.replaced(lam=problem.setting.model.current())
    found = attribute(Question(problem, problem.tasks.select([0])))
    assert not found.exact and found.confirmation is None
    assert "no prediction" in found.why and "Recipe" in found.why


def test_it_goes_on_from_what_is_kept(asked, tmp_path):
    """Guards work done twice, and the scores of another question taken for this one's."""
    said = []
    first = attribute(asked, reruns=4, store=tmp_path, say=said.append)
    again = attribute(asked, reruns=4, store=tmp_path, say=said.append)
    assert torch.equal(first.tasks, again.tasks) and "unchanged" in said[-1]
    assert torch.equal(first.confirmation.reruns.true, again.confirmation.reruns.true)
    other = Question(asked.subject, asked.targets.select([0]))
    assert attribute(other, reruns=0, store=tmp_path).tasks.shape == (6, 1)


def test_training_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    """Guards Ctrl-C during training: what was done is kept, and the rest gives the same run."""
    from metainfl.training.kept import trained
    from metainfl.training.program import Program

    problem, whole = network(), train(network(), RECIPE, progress=False)
    advance, steps = Program.advance, []

    def stopped(self, t, state):
        steps.append(t)
        if steps == [0, 1, 2, 3]:
            raise KeyboardInterrupt
        return advance(self, t, state)

    monkeypatch.setattr(Program, "advance", stopped)
    with pytest.raises(KeyboardInterrupt, match="3 of 8 steps"):
        trained(problem, RECIPE, tmp_path, False)
    run = trained(problem, RECIPE, tmp_path, False)
    assert torch.equal(run.lam, whole.lam) and steps == [0, 1, 2, 3, 3, 4, 5, 6, 7]
    assert torch.equal(trained(problem, RECIPE, tmp_path, False).lam, whole.lam) and len(steps) == 9


@pytest.mark.parametrize(
    "value, words",
    [
        (3, "neither a run nor a problem"),
        ((), "neither a run nor a problem"),
        ("problem", "whose loss is asked about"),
        ("run and recipe", "recipe goes with a problem"),
        ("list", "a list is no metainfl.Tasks"),
        ("names", "2 names for 6 training tasks"),
        ("numbers", "names are words, got 0"),
        ("image", "image is a shape as .* got '6x6'"),
        ("floats", "image is a shape as"),
        ("centre", "centre has 99 numbers and an instance"),
    ],
)
def test_what_is_no_question_is_told(value, words, asked):
    problem = network()
    made = {
        "problem": lambda: question(problem),
        "run and recipe": lambda: question((asked.subject, RECIPE, asked.targets)),
        "list": lambda: question((asked.subject, [mi.task(0)])),
        "names": lambda: Question(problem, asked.targets, names=["a", "b"]),
        "numbers": lambda: Question(problem, asked.targets, names=[*range(problem.tasks.n_tasks)]),
        "image": lambda: Question(problem, asked.targets, image="6x6"),
        "floats": lambda: Question(problem, asked.targets, image=(2.0, 3)),
        "centre": lambda: Question(problem, asked.targets, centre=torch.zeros(99)),
    }
    with pytest.raises(InvalidProblem, match=words):
        made.get(value, lambda: question(value))()


def test_options_are_told(asked):
    for options, words in (
        ({"reruns": -1}, "reruns must be a whole number of at least 0"),
        ({"minutes": 0.0}, "minutes must be positive and finite"),
        ({"minutes": float("inf")}, "minutes must be positive and finite"),
        ({"minutes": float("nan")}, "minutes must be positive and finite"),
    ):
        with pytest.raises(InvalidOption, match=words):
            attribute(asked, **options)
    with pytest.raises(InvalidOption, match="need a training run"):
        attribute(Question(network(), asked.targets), seeds=2)


def test_instances_in_batch_statistics_are_no_removals(asked):
    """Guards a score that is called a removal, where the removal is refused."""
    from metainfl.report.attribution_page import page

    plain = network()
    linear = plain.setting.model.module[0]
    net = torch.nn.Sequential(
        linear,
        torch.nn.BatchNorm1d(4, track_running_stats=False).double(),
        torch.nn.Linear(4, 3).double(),
    )
    problem = mi.Problem(
        net, plain.tasks, mi.Unrolled(1, 0.2), inner_loss=mi.cross_entropy, outer_reg=1e-2
    )
    run = train(problem, Recipe(rate=0.1, steps=2), progress=False)
    said = []
    found = attribute(Question(run, plain.tasks.select([0])), reruns=2, say=said.append)
    with pytest.raises(InvalidProblem, match="normalises with the"):
        run.without(found.instances[0])
    assert "no removals: layer '1'" in found.of_instances and found.of_instances in said
    text = page("", found.as_dict(), [], [], [], [], [], {})
    assert "no removals" in text and "a task or an instance is removed" not in text
    other = attribute(asked, reruns=0)
    assert other.of_instances == "" == other.as_dict()["instance_score"]
    text = page("", other.as_dict(), [], [], [], [], [], {})
    assert "no removals" not in text and "a task or an instance is removed" in text

"""Paper 001, experiments: claims that its own definitions or arithmetic contradict."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.errata.paper_001 import def_5_2_as_printed
from metainfl_reference.estimands import direct, removal
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family, targets
from metainfl_reference.generators import classification, regression, small
from metainfl_reference.perturbation import Perturbation, group, support, task
from metainfl_reference.solution import Solution

Array = np.ndarray


def score_of_instances_as_printed(
    family: Family, pis: list[Perturbation], at: Solution, target: int
) -> Array:
    """Def. 5.2 with A.8's instance-IF = -H^{-1} D P: grad . IF is the change that removal brings."""
    return -def_5_2_as_printed(family, pis, at, target)


def score_of_instances_corrected(
    family: Family, pis: list[Perturbation], at: Solution, target: int
) -> Array:
    """The sign of tasks, positive = harmful: grad . d lam*/du."""
    return def_5_2_as_printed(family, pis, at, target)


def found_at_most(checked: float, bad: float) -> float:
    """The largest share of the bad tasks that checking a share of all can find: 6.3."""
    return min(checked, bad) / bad


def found_at_random(checked: float, tasks: int = 20) -> float:
    """The mean share that checking in random order finds: each bad task stands anywhere alike."""
    return float(np.mean(np.arange(tasks) < round(checked * tasks)))


def _instances() -> Measured:
    family = small("proximal_ridge", 0)
    at, target = family.solve(), targets(family.episodes)[2]
    pis = [support(k, j) for k in range(5) for j in range(4)]
    drop = [
        -float(removal.score(family, target, at, removal.exact(family, p, at)).value) for p in pis
    ]
    one, other = (
        float(spearmanr(form(family, pis, at, 2), drop).statistic)
        for form in (score_of_instances_as_printed, score_of_instances_corrected)
    )
    unit = "Spearman of the score with L - L_-z (harmful = positive), training instances"
    return Measured(one, other, unit, 1.0)


def _descending() -> Measured:
    e = regression(2, tasks=12)
    family = FAMILIES["proximal_ridge"](e, d_in=1.0, d_out=0.5)
    at, target = family.solve(), targets(e)[0]
    pis = [task(k) for k in range(1, 12)]
    slope = family.target_gradient(target, at.lam)
    order = np.argsort(-(family.influence(pis, at).value @ slope))
    changes = []
    for chosen in (order[:3], order[-3:]):
        gone = removal.exact(family, group([pis[i] for i in chosen]), at)
        changes.append(float(removal.score(family, target, at, gone).value))
    unit = "change of the target's loss without the 3 tasks of highest (printed), of lowest score"
    return Measured(changes[0], changes[1], unit, 0.01)


def _table_1() -> Measured:
    e = classification(0)
    family = FAMILIES["proximal_softmax"](e, d_in=1.0, d_out=0.5)
    edit = direct.influence(family, [task(k) for k in range(5)], family.solve()).value
    unit = (
        "Direct-IF's accuracy less Retrain's, as printed; largest entry of its edit under eqs 4, 6"
    )
    return Measured(0.5422 - 0.7908, float(np.abs(edit).max()), unit, 0.2)


ERRATA = (
    Erratum(
        "def-5.2-instances",
        "001, Def. 5.2, A.8, A.9",
        "one score for tasks and training instances, instance-IF with A.8's sign",
        "the opposite sign for training instances: as printed they rank backwards",
        _instances,
    ),
    Erratum(
        "sect-6.4-descending",
        "001, sect. 6.4",
        "tasks removed in descending score, accuracy falls",
        "by A.9 a positive score is harmful: the loss falls, and rises in ascending order",
        _descending,
    ),
    Erratum(
        "sect-6.3-most",
        "001, sect. 6.3",
        "80 % mislabelled, nearly all found after checking 40 %",
        "at most half: 40 of 80",
        lambda: Measured(1.0, found_at_most(0.4, 0.8), "share of the mislabelled tasks found", 0.4),
    ),
    Erratum(
        "sect-6.3-random",
        "001, sect. 6.3",
        "random order finds 45 % after checking 95 %",
        "95 %",
        lambda: Measured(0.45, found_at_random(0.95), "share of the mislabelled tasks found", 0.4),
    ),
    Erratum(
        "table-1-direct",
        "001, Table 1",
        "Direct-IF 0.5422 against 0.7908 after retraining",
        "its edit is exactly zero: the accuracy of the unedited model",
        _table_1,
    ),
)

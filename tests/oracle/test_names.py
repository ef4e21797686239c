"""Names that can be trusted: the wrong names once given, and the survivors, one by one."""

import re

import pytest

from metainfl.oracle.confusion import confusion
from metainfl.oracle.mutants import MUTANTS
from metainfl.oracle.mutants.names import NAMES as NAMED
from tests.oracle.judged import judge

#: mutant: what its diagnosis must say, and must not; `metainfl check --self` asks all that have a name
NAMES = {
    "inverse_twice": ("the inverse applied twice", "truth times"),
    "damped_1e_8": ("an extra damping of 1e-08", "single precision$"),
    "loose_cg_1e_6": ("", "wrong order"),
    "factor_above_six_tasks": ("no known variant", "^the truth"),
    "task_two_doubled": ("wrong only for task 2", "^the truth"),
    "tikhonov": (r"the filter l / \(l\^2 \+ 0.0001\)", "series"),
    "shifts_of_instance_zero": ("right for instance 0", "^rows"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_right_or_withheld(name):
    """Guards a name that is wrong, which is worse than none."""
    said, unsaid = NAMES[name]
    report = judge(name, ["agrees_with_the_truth"])
    words = report.failures[0].diagnosis
    assert re.search(said, words) and not re.search(unsaid, words), words


@pytest.mark.parametrize(
    "name, check",
    [
        ("pseudo_inverse_1e_5", "conditioning_sweep"),
        ("a_thousand_rows", "more_perturbations_than_parameters"),
        ("absent_tasks_have_none", "weight_zero_is_absence"),
        ("weights_group_by_group", "notation_does_not_matter"),
        ("walks_that_end_early", "values_are_efficient"),
    ],
)
def test_what_only_one_check_sees_is_seen(name, check):
    """Guards shortcuts that are exact where the Hessian is kind, tolerances of taste, and sizes that are
    never alike. `metainfl check --self --quick` asks all of `WITNESSES`.
    """
    assert [o.check for o in judge(name, [check]).failures] == [check]


def test_names_are_counted_against_those_deserved():
    """Guards a share that counts what was withheld, or a wrong name that counts as none."""
    said = {
        "a": "the truth times 2",
        "b": "no known variant; parallel",
        "c": "sign",
        "d": "",
        "e": "x",
    }
    found = confusion(said, {"a": "times 2", "b": "damping", "c": "damping"})
    assert found.right == {"a": "the truth times 2"} and set(found.withheld) == {"b"}
    assert set(found.wrong) == {"c", "e"} and found.share == 1 / 4
    assert "1 right, 1 withheld, 2 wrong" in str(found)


def test_names_are_of_mutants_there_are():
    assert set(NAMED) <= set(MUTANTS)


def test_every_check_has_a_wrong_method_that_it_fails():
    """Guards checks that a quick self-check would call idle, and witnesses of another name."""
    from metainfl.oracle.checks import CHECKS
    from metainfl.oracle.mutants.witnesses import WITNESSES
    from metainfl.oracle.self_check import NAMING, NEEDS_HARDWARE

    assert set(CHECKS) == {*WITNESSES, *NAMING, *NEEDS_HARDWARE}
    assert {m for of in WITNESSES.values() for m in of} <= set(MUTANTS)

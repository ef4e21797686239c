"""Names that can be trusted: the wrong names once given, and the survivors, one by one."""

import re

import pytest

from metainfl.oracle.confusion import confusion
from metainfl.oracle.mutants import MUTANTS
from metainfl.oracle.mutants.names import NAMES as NAMED
from tests.oracle.judged import judge

#: mutant: what its diagnosis must say, and must not
NAMES = {
    "inverse_twice": ("the inverse applied twice", "truth times"),
    "divided_by_queries": ("1 over the number of query instances", "support"),
    "damped_1e_8": ("an extra damping of 1e-08", "single precision$"),
    "query_over_support": ("query instances over support", "times a factor"),
    "mean_of_the_rates": ("mean of the learning rates", "no known"),
    "direct_ignored": ("direct ignored", "no known"),
    "rows_left_at_zero": ("rows left at zero", "no known"),
    "cg_four": ("ended after at most 4 products", "single precision"),
    "loose_cg_1e_6": ("", "wrong order"),
    "factor_above_six_tasks": ("no known variant", "^the truth"),
    "noisy": ("no known variant", "^right to single"),
    "first_sixteen_tasks": ("no known variant", "per-batch"),
    "task_two_doubled": ("wrong only for task 2", "^the truth"),
    "normalises_by_the_batch": ("no known variant", "series"),
    "tikhonov": (r"the filter l / \(l\^2 \+ 0.0001\)", "series"),
    "damped_by_much_of_the_diagonal": ("1e\\+03 times the Hessian's diagonal", "parallel"),
    "groups_of_one_at_zero": ("rows left at zero", "truth"),
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
        ("slightly_wrong_in_float32", "single_precision"),
        ("pseudo_inverse_1e_4", "conditioning_sweep"),
        ("pseudo_inverse_1e_5", "conditioning_sweep"),
        ("eigenvalue_floor_1e_5", "conditioning_sweep"),
        ("careless_pseudo_inverse", "conditioning_sweep"),
        ("a_thousand_rows", "more_perturbations_than_parameters"),
        ("square_scores_transposed", "more_perturbations_than_parameters"),
        ("repeats_the_last_row", "rows_do_not_mix"),
        ("absent_tasks_have_none", "weight_zero_is_absence"),
        ("cg_of_absolute_tolerance", "scaling_what_is_outside"),
        ("ranks_one_target_backwards", "ranks_removals"),
        ("vectors_backwards_by_weights", "ranks_removals"),
        ("subsets_rounded", "agrees_with_the_truth"),
        ("query_weights_turned_where_square", "weighted_problems"),
        ("task_weights_along_queries", "weighted_problems"),
        ("numbers_counted_by_task", "notation_does_not_matter"),
        ("weights_group_by_group", "notation_does_not_matter"),
        ("scores_of_sizes", "notation_does_not_matter"),
        ("mean_of_no_queries", "empty_sides_are_nothing"),
        ("inner_steps_end_early", "scaling_what_is_inside"),
        ("walks_that_end_early", "values_are_efficient"),
        ("second_order_at_the_ends", "agrees_with_the_truth"),
        ("shifts_turned_round_where_square", "agrees_with_the_truth"),
    ],
)
def test_what_only_one_check_sees_is_seen(name, check):
    """Guards shortcuts that are exact where the Hessian is kind, tolerances of taste, and sizes that are
    never alike.
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

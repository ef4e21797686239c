"""Which failure explains which: one fault fails many checks, and a report says it once."""

from __future__ import annotations

from collections.abc import Sequence

from metainfl.oracle.outcome import Outcome

#: facts of their own: none of them makes an answer wrong, and none follows from a wrong answer
MANNERS = (
    "keeps_the_dtype",
    "is_quiet",
    "leaves_its_inputs_alone",
    "leaves_the_process_alone",
    "leaves_the_random_state_alone",
    "cost_grows_tamely",
    "other_device",
)
#: what explains wrong numbers elsewhere, the strongest first
EXPLAINS = (
    "returns_an_array",
    "is_reentrant",
    "rows_do_not_mix",
    "rows_follow_the_order_asked",
    "agrees_with_the_truth",
    "has_no_hidden_state",
)


def folded(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Failures in groups, each led by the check that explains the rest of it."""
    left = [o for o in outcomes if o.status == "fail"]
    groups: list[list[Outcome]] = []
    for cause in dict.fromkeys(o.cause for o in left if o.cause):
        groups.append([o for o in left if o.cause == cause])
    left = [o for o in left if not o.cause]
    manners = [[o] for o in left if o.check in MANNERS]
    numbers = [o for o in left if o.check not in MANNERS]
    lead = next((o for name in EXPLAINS for o in numbers if o.check == name), None)
    if lead is None:
        return [*groups, *([o] for o in numbers), *manners]
    found = [lead, *(o for o in numbers if o is not lead)]
    if is_name(lead.diagnosis):  # what it is says more than where it raised, too
        return [found, *groups, *manners]
    return [*groups, found, *manners]


def is_name(diagnosis: str) -> bool:
    """Whether a diagnosis names a variant."""
    return bool(diagnosis) and not diagnosis.startswith("no known variant")


def remembers(outcomes: Sequence[Outcome], first: str) -> bool:
    """Whether what a check found may depend on the calls before it; `first` is the first family asked.

    A method that is wrong at its first call needs no memory to be wrong.
    """
    failed = {o.check: o for o in outcomes if o.status == "fail"}
    if "is_reentrant" in failed:
        return True
    if "has_no_hidden_state" not in failed:
        return False
    truth = failed.get("agrees_with_the_truth")
    return truth is None or not truth.where.startswith(first)

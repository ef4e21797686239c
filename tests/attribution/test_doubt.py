"""Scores that their own reruns refute are not recommended."""

import torch

import metainfl as mi
from metainfl.attribution.confirmation import Confirmation
from metainfl.attribution.result import Attribution
from metainfl.report.attribution_page import page
from metainfl.training.scores import Reruns


def found(predicted, true, smooth="metasmoothness 0.95: smooth"):
    n = len(true)
    reruns = Reruns(
        tuple(mi.task(k) for k in range(n)),
        torch.tensor(predicted)[:, None],
        torch.tensor(true)[:, None],
    )
    confirmation = None if not n else Confirmation(tuple(range(n)), (), reruns)
    scores = torch.tensor([[-3.0], [1.0], [0.5]])
    return Attribution("run", "why", True, {"smooth": smooth}, ("a", "b", "c"), scores, (),
                       torch.zeros(0, 1), torch.ones(1), confirmation=confirmation)  # fmt: skip


def shown(f):
    return page("t", f.as_dict(), [], [], [], [], [("Remove", "x")], {})


def test_refuted_scores_are_doubted_and_not_counted():
    """Guards a page that says "48 hurt the targets" above a removal of the worst, which raised the loss."""
    wrong = found([-793.0, 2.0], [0.09, 0.05])
    assert wrong.confirmation.error > 1 and "worse than no change" in wrong.doubt
    text = shown(wrong)
    assert wrong.doubt in text and "hurt the targets</" not in text
    right = found([-0.5, 0.2], [-0.45, 0.25])
    assert right.doubt == "" and right.as_dict()["doubt"] == ""
    assert "worse than no change" not in shown(right)


def test_a_run_that_is_not_smooth_is_doubted_where_nothing_was_removed():
    rough = "metasmoothness 0.02 (h = 0.1): not a prediction; ..."
    assert "not smooth" in found([], [], rough).doubt
    assert found([-0.5], [-0.45], rough).doubt == ""  # what was done for real decides

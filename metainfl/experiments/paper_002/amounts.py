"""Tables 5 to 16 of 002: order and self-ranks as networks train on more and fewer tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metainfl.experiments.experiment import Cell, Claim, Experiment, Table
from metainfl.experiments.paper_002.amounts_claims import (
    less_severe,
    means_more,
    order,
    self_rank_rises,
    self_ranked,
    self_ranks,
    shares,
)
from metainfl.experiments.paper_002.amounts_moves import EQUAL, FEWEST, SEVEN, more_at, steadier
from metainfl.experiments.paper_002.amounts_scores import cell
from metainfl.experiments.paper_002.mixed import LEARNERS
from metainfl.experiments.paper_002.noise_scores import DOT, GN, KNOWN, RUN, called
from metainfl.metrics.intervals import interval

TESTS = {"new": "new tasks", "own": "training tasks"}


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One a learner and kind of tests: Tables 5 to 10, and 11 to 16."""
    return [_table(cells, learner, tests) for learner in LEARNERS for tests in TESTS]


def _table(cells: Sequence[Cell], learner: str, tests: str) -> Table:
    rows = []
    for sweep, steps in cells[0]["sweeps"].items():
        for at in steps:
            row: dict[str, Any] = {"sweep": sweep, "real tasks and noise": at}
            for k in ("test", "train") if tests == "new" else ("train",):
                row[f"accuracy, {k}"] = str(interval([c[learner][at][k] for c in cells]))
            if tests == "own":
                for by in (GN, DOT, RUN):
                    ranks = interval(self_ranks(cells, learner, at, by))
                    row[f"self-rank, {called(by, cells[0][learner][at][tests])}"] = str(ranks)
            for by, what in KNOWN:
                row[f"{called(by, cells[0][learner][at][tests])}, {what}"] = str(
                    interval(shares(cells, learner, at, tests, by, what))
                )
            rows.append(row)
    words = (
        f"{learner}, tests are {TESTS[tests]}: share of tests in which real tasks score above noise, by "
        "means and by medians of scores"
    )
    return Table(f"{learner} {tests}", words, rows)


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Shares in proper order on new tasks, by number of tasks at fixed noise."""
    from metainfl.report.style import line, panels

    steps = cells[0]["sweeps"]["fixed noise"]
    for side, learner in zip(panels(axes, len(LEARNERS)), LEARNERS, strict=True):
        for n, by in enumerate((GN, DOT, RUN)):
            mean = [interval(shares(cells, learner, a, "new", by)).mean for a in steps]
            line(side, range(len(steps)), mean, called(by, cells[0][learner][steps[0]]["new"]), n)
        side.set_xticks(range(len(steps)), [a.replace(" and ", "\n+ ") for a in steps])
        side.axhline(0.5, linestyle=":", color="0.5")
        side.set_ylim(0, 1)
        side.set_title(learner)
        side.set_xlabel("real tasks + noise")
    side.legend(fontsize=7)


BESIDE = "dot product, the run's derivative"
MEDIANS = "dot product"  # of medians the run's derivative is not known
MAML, PROTO = LEARNERS
EXPERIMENT = Experiment(
    "002-amounts",
    "002",
    "Tables 5 to 16, appendices B.3 and B.4",
    "Whether real tasks score above noise, and test tasks find themselves, by the number of training tasks.",
    cell,
    (
        Claim("Table 5", "with fewer real tasks MAML puts fewer tests in proper order, noise fixed",
              "58, 57, 65, 66, 51, 71, 84, 73 of 128 with 8 to 1,920 real tasks",
              order(MAML, "fixed noise", "new", 1), BESIDE),
        Claim("Table 5", "the same by medians of scores", "61, 63, 66, 75, 54, 75, 80, 73 of 128",
              order(MAML, "fixed noise", "new", 1, "median"), MEDIANS),
        Claim("Table 6", "with fewer tasks MAML puts fewer tests in proper order, ratio fixed",
              "a table whose numbers we lack", order(MAML, "fixed ratio", "new", 1), BESIDE),
        Claim("Table 7", "prototypes, noise fixed: with as many real tasks as noise fewer tests are in "
              "proper order than with seven times as many", "24 of 128 with 128 real tasks, 94 with 896 "
              "(Mini-ImageNet)", more_at(PROTO, "fixed noise", SEVEN, EQUAL), BESIDE),
        Claim("Table 7", "prototypes, noise fixed: with fewest real tasks more tests are in proper order "
              "again", "91 of 128 with 8 real tasks, 24 with 128 (Mini-ImageNet)",
              more_at(PROTO, "fixed noise", FEWEST, EQUAL), BESIDE),
        Claim("Table 8", "prototypes, ratio fixed: with fewest tasks fewer tests are in proper order than "
              "with most", "33, 122, 111, 94 of 128 with 128 to 1,024 tasks (Mini-ImageNet)",
              more_at(PROTO, "fixed ratio", SEVEN, FEWEST), BESIDE),
        Claim("appendix B.3.2, Tables 5 and 9", "shares in proper order move less by prototypes than by "
              "MAML, noise fixed", "relatively stable: 59 to 86 of 128 against 51 to 84 (Omniglot)",
              steadier, BESIDE),
        Claim("appendix B.3.2", "with fewer tasks prototypes lose less accuracy than MAML",
              "0.841 to 0.679 against 0.965 to 0.531 (Omniglot)", less_severe),
        Claim("Tables 11 and 12", "MAML: the training task that is the test is first (one hidden "
              "layer, noise among the tasks)", "0.00 to 10.73 of 2,048 (Omniglot)",
              self_ranked(MAML), BESIDE),
        Claim("Tables 13 and 14", "prototypes: the training task that is the test is first (one "
              "hidden layer, noise among the tasks)", "0.00 (Mini-ImageNet); 0.00 to 120.10 (Omniglot)",
              self_ranked(PROTO), BESIDE),
        Claim("Tables 15 and 16", "prototypes: self-ranks get worse with more tasks",
              "0.00 to 120.10 (Omniglot)", self_rank_rises(PROTO), BESIDE),
        Claim("Table 11", "tests that are training tasks, noise fixed: fewer real tasks, fewer tests in "
              "proper order (MAML)", "10 of 128 with 8 real tasks, 54 with 896",
              order(MAML, "fixed noise", "own", 1), BESIDE),
        Claim("Tables 13 and 15", "tests that are training tasks, noise fixed: fewer real tasks, fewer tests "
              "in proper order (prototypes)", "8 and 12 of 128 with 8 real tasks, 87 and 66 with 896",
              order(PROTO, "fixed noise", "own", 1), BESIDE),
        Claim("Table 12", "tests that are training tasks, ratio fixed: fewer tasks, more tests in proper "
              "order (MAML)", "106 of 128 with 128 tasks, 54 with 1,024",
              order(MAML, "fixed ratio", "own", -1), BESIDE),
        Claim("Tables 14 and 16", "tests that are training tasks, ratio fixed: fewer tasks, more tests in "
              "proper order (prototypes)", "103 and 109 of 128 with 128 tasks, 87 and 66 with 1,024",
              order(PROTO, "fixed ratio", "own", -1), BESIDE),
        Claim("appendix B.4", "ratio fixed: medians of scores show that tendency less than means (MAML)",
              "59 to 46 of 128 against 106 to 54", means_more("fixed ratio", MAML, -1), "dot product"),
        Claim("appendix B.4", "ratio fixed: medians of scores show that tendency less than means "
              "(prototypes)", "73 to 64 of 128 against 109 to 66 (Omniglot)",
              means_more("fixed ratio", PROTO, -1), "dot product"),
        Claim("appendix B.4", "noise fixed: medians of scores show that tendency less than means (MAML)",
              "59 to 68 of 128 against 10 to 66", means_more("fixed noise", MAML, 1), "dot product"),
        Claim("appendix B.4", "noise fixed: medians of scores show that tendency less than means "
              "(prototypes)", "43 to 63 of 128 against 12 to 54 (Omniglot)",
              means_more("fixed noise", PROTO, 1), "dot product"),
    ),
    tables,
    figure,
)  # fmt: skip

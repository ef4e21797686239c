"""The context of a claim about runs: its cases are drawn runs, and what is given to the method is a run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from metainfl.methods.claim import Claim
from metainfl.oracle.case import Case
from metainfl.oracle.context import Context
from metainfl.oracle.estimands import find
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.outcome import Skipped
from metainfl.oracle.runs.case import RunCase
from metainfl.oracle.runs.diagnosis import diagnose
from metainfl.oracle.runs.space import DESIGNS, SINGLE, drawn_run
from metainfl.oracle.watched import Method
from metainfl.problem.perturbation import Perturbation, parts

#: drawn runs of a quick check
QUICK = 10
#: of these a quick check asks under the other recipes too
TWICE = ("gradient descent", "momentum", "AdamW")


class RunContext(Context):
    """One method that reads runs, under judgement."""

    @cached_property
    def cases(self) -> list[Case]:
        """One run a family (two families when quick), optimisers in turn, beginning with another by seed."""
        names = self.families[:2] if self.quick else self.families
        designs = ("Adam", "momentum", "gradient descent", "Nesterov", "AdamW")
        if self.estimand.name == "ideal_tracin":
            designs = ("singles",) * 5
        turns = [designs[(i + self.seed) % 5] for i in range(len(names))]
        return [drawn_run(n, d, self.seed, plain=True) for n, d in zip(names, turns, strict=True)]

    def space(self, *designs: str) -> list[tuple[Case, list[Perturbation]]]:
        """Every family under every optimiser; quick: the first families under all, in turn.

        Long runs are asked of two families at most, and not of one whose every step is a solve by Newton.
        """
        long = [n for n in self.families if n != "proximal_softmax"][:2] or self.families
        singles = self.estimand.name == "ideal_tracin"
        drawn = SINGLE if singles else DESIGNS[: DESIGNS.index("alone")]
        pairs = [(n, d) for d in drawn for n in (long if d == "long" else self.families)]
        if self.quick:
            turns = drawn * 2 if singles else drawn[:-1]
            few = [(self.families[i % len(self.families)], d) for i, d in enumerate(turns)]
            if not singles:
                few += [(long[0], "long")]
                few += [
                    (self.families[(turns.index(d) + 1) % len(self.families)], d) for d in TWICE
                ]
            rest = [] if singles else [p for p in pairs if p not in few]
            pairs = [*dict.fromkeys(few), *rest][:QUICK]
        out: list[tuple[Case, list[Perturbation]]] = []
        for name, design in pairs:
            case = drawn_run(name, design, self.seed)
            pis: list[Perturbation] = []
            most = (4, 1) if self.quick else (8, 3)  # what is long is asked less
            for kind in self.claim.kinds:
                pis += _in_a_batch(case, case.perturbations([kind]), most[design == "long"])
            pis = [p for p in pis if self.known(case, p)]
            if pis:
                out.append((case, pis))
        if not out:
            raise Skipped("no run in the domain has the claimed kinds of perturbation")
        return out

    def diagnosis(self, seen: Sequence[Evidence]) -> str:
        """The known slip that explains every answer, or none."""
        return diagnose(seen, self.estimand.per_target)


def _in_a_batch(case: RunCase, pis: list[Perturbation], most: int) -> list[Perturbation]:
    """At most so many, evenly spread: first of what the run has read, whose truth is not zero."""
    assert case.recipe is not None
    used = {k for batch in case.recipe.batches for k in batch}
    read = [p for p in pis if any(m.task in used for m in parts(p))]
    some = read if len(read) >= most or len(read) == len(pis) else pis
    if len(some) <= most:
        return some
    return [some[i] for i in np.linspace(0, len(some) - 1, most).astype(int)]


def context(method: Method, claim: Claim, **how: Any) -> Context:
    """The context of the claim's evidence."""
    kind = RunContext if find(claim.estimand).evidence == "run" else Context
    return kind(method, claim, **how)

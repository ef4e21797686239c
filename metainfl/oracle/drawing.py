"""Which cases a method is asked about: families in turn, drawn designs, and the perturbations of each."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from metainfl.methods.claim import Claim
from metainfl.oracle.bridge import to_truth
from metainfl.oracle.case import Case
from metainfl.oracle.cases import cached_case
from metainfl.oracle.estimands import Estimand
from metainfl.oracle.outcome import Skipped
from metainfl.oracle.space import DESIGNS, PLAYERS, drawn_case
from metainfl.problem.perturbation import Perturbation

#: the order in which families are taken when only a few are
ORDER = (
    "proximal_ridge",
    "linear_representation",
    "maml_softmax",
    "proximal_softmax",
    "single_softmax",
    "prototypes",
    "maml_linear",
    "single_ridge",
)
#: drawn cases of a quick check; each costs a call of some ten to a hundred milliseconds
QUICK = 14
#: perturbations of a kind where there are many tasks: every task is among them
MANY = 40


class Drawing:
    """A claim and its domain, and the cases that are drawn from it by a seed."""

    claim: Claim
    estimand: Estimand
    families: list[str]
    quick: bool
    seed: int

    @cached_property
    def cases(self) -> list[Case]:
        """One case a family (two families when quick), weights 1."""
        names = self.families[:2] if self.quick else self.families
        return [cached_case(n, self.seed) for n in names]

    def space(self, *designs: str) -> list[tuple[Case, list[Perturbation]]]:
        """Drawn cases of the domain in these designs (all of them if none is named), with everything
        that can be asked of them.

        Full: every family in every design. Quick: every family once and the first in every design, then
        as many as there is time for. Estimands that cost a solve a perturbation are asked for a few.
        """
        chosen = designs or (DESIGNS if self.estimand.cheap else DESIGNS[:2])
        if self.estimand.evidence == "game" and len(chosen) > 2:
            chosen = (*chosen, PLAYERS)
        pairs = [(n, d) for d in chosen for n in self.families]
        if self.quick:
            first = [(n, chosen[0]) for n in self.families]
            first += [(self.families[0], d) for d in chosen[1:]]
            rest = [(n, d) for n in self.families[1:] for d in chosen[1:]]
            pairs = [*first, *rest][: max(QUICK, len(first))]
        out = []
        for name, design in pairs:
            case = drawn_case(name, design, self.seed)
            pis: list[Perturbation] = []
            for kind in self.claim.kinds:
                most = MANY if design == "many" and kind != "task" else None
                own = case.perturbations([kind], most if self.estimand.cheap else None)
                few = self.estimand.cheap or kind == "group"
                pis += own if few else self._a_few(own, inner=design != chosen[0])
            pis = [p for p in pis if self.known(case, p)]
            if pis:
                out.append((case, pis))
        if not out:
            raise Skipped("no family in the domain has the claimed kinds of perturbation")
        return out

    def _a_few(self, own: list[Perturbation], inner: bool) -> list[Perturbation]:
        """Two of a kind, four in full: evenly from the first to the last, or `inner`: between the ends."""
        n, most = len(own), min(len(own), 2 if self.quick else 4)
        if inner:
            return [own[(2 * i + 1) * n // (2 * most)] for i in range(most)]
        return [own[i] for i in np.linspace(0, n - 1, most).astype(int)]

    @property
    def case(self) -> Case:
        """The simplest case in the domain."""
        return self.cases[0]

    def perturbations(self, case: Case, limit: int | None = None) -> list[Perturbation]:
        """Of the claimed kinds; a few of each when quick. `Skipped` if the case has none."""
        out: list[Perturbation] = []
        for kind in self.claim.kinds:
            own = case.perturbations([kind])
            most = (2 if self.quick else 4) if limit is None else limit
            keep = np.linspace(0, len(own) - 1, min(len(own), most)).astype(int)
            out += [own[i] for i in sorted(set(keep.tolist()))]
        if not out:
            raise Skipped(f"{case.family.name} has none of the claimed kinds of perturbation")
        return out

    def usable(self, limit: int | None = None) -> list[tuple[Case, list[Perturbation]]]:
        """Cases with perturbations whose truth exists."""
        out = []
        for case in self.cases:
            try:
                pis = [p for p in self.perturbations(case, limit) if self.known(case, p)]
            except Skipped:
                continue
            if pis:
                out.append((case, pis))
        if not out:
            raise Skipped("no family in the domain has the claimed kinds of perturbation")
        return out

    def known(self, case: Case, p: Perturbation) -> bool:
        """Whether the reference has what is claimed of this perturbation."""
        of = self.estimand
        return case.once(("exists", of.name, p), lambda: of.exists(case.known, to_truth(p)))

"""The contract of an estimand: what it is called, what it is asked of, its shape, and its truth.

    name, words      how a claim and a report call it
    evidence         what a method reads: a problem at its minimiser, a training run, a game, features
    kinds            perturbations for which it is defined
    per_target       the method is called with the target tasks too
    edit             an edited lam is returned; it is compared as its shift from lam*
    linear           it is the derivative itself: linear in the perturbation, obeys the laws
    cheap            its truth costs no solve a perturbation: every datum can be asked about
    truth            its exact value, from the reference alone

A claim multiplies the truth by its own sign and scale. A new estimand is one new file beside this one
that sets `ESTIMAND`; one whose evidence is a run takes it from `Known` in the same way, as a field.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from metainfl_reference.answer import Answer
from metainfl_reference.errors import InvalidProblem, NotCertified
from metainfl_reference.estimands import values
from metainfl_reference.family import Family
from metainfl_reference.local import TaskData
from metainfl_reference.perturbation import KINDS, Perturbation, parts, task
from metainfl_reference.solution import Solution

Array = np.ndarray
Evidence = Literal["minimiser", "run", "game", "features"]
WEIGHTS = ("task", "support", "query", "group")


@dataclass(frozen=True)
class Known:
    """What truths are computed from: a family at its certified solution, and target tasks."""

    family: Family
    solution: Solution
    targets: tuple[TaskData, ...]

    @cached_property
    def target_gradients(self) -> Array:
        """D L_t at lam* (p, targets)."""
        rows = [self.family.target_gradient(t, self.solution.lam) for t in self.targets]
        return np.stack(rows, axis=1)

    @cached_property
    def most(self) -> tuple[float, float]:
        """The longest derivative in a task's weight: of grad F, and of lam*."""
        s, pis = self.solution, [task(k) for k in range(len(self.solution.weights.task))]
        slopes = self.family.cross_derivatives(pis, s.lam, s.weights)
        rows = self.family.influence(pis, s).value
        return float(np.linalg.norm(slopes, axis=0).max()), float(
            np.linalg.norm(rows, axis=1).max()
        )

    @cached_property
    def target_losses(self) -> Array:
        """L_t at lam* (targets,)."""
        return np.array([self.family.target_loss(t, self.solution.lam) for t in self.targets])

    @cached_property
    def games(self) -> list[Answer]:
        """v(S) over subsets of tasks, for each target."""
        return [values.game(self.family, t, self.solution) for t in self.targets]


class Estimand(ABC):
    """One estimand. The defaults are those of d lam*/d pi: one row of p entries a perturbation."""

    name: ClassVar[str]
    words: ClassVar[str]
    evidence: ClassVar[Evidence] = "minimiser"
    kinds: ClassVar[tuple[str, ...]] = KINDS
    per_target: ClassVar[bool] = False
    edit: ClassVar[bool] = False
    linear: ClassVar[bool] = False
    cheap: ClassVar[bool] = True

    @abstractmethod
    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """Its exact value, perturbations first: (n, ...) as the method must return it."""

    def shape(self, known: Known, n: int) -> tuple[int, ...]:
        """The shape that a method's answer to n perturbations must have."""
        return (n, len(known.targets)) if self.per_target else (n, known.family.n_meta)

    def defined(self, known: Known, p: Perturbation) -> bool:
        """Whether it exists for this perturbation of this problem; `kinds` is looked at before."""
        return True

    def project(self, known: Known, influences: Array) -> Array | None:
        """What becomes of it where d lam*/d pi is `influences` (n, p); None if it is not linear in it."""
        return None

    def predicted_removal(self, known: Known, answer: Array) -> Array | None:
        """Shifts of lam* (n, p) on removal that the answer predicts; None if it predicts none."""
        return None

    def subtracted(self, known: Known) -> float:
        """The size of what each answer is a difference of, whose rounding it has; 0 where it is none."""
        return 0.0

    def exists(self, known: Known, p: Perturbation) -> bool:
        """`defined`, and certified where it needs another solve of a problem that still is one.

        A way of prototypes that loses its last shot leaves none; nor have no tasks a minimum where a
        parameter is not regularised, which a game asks for.
        """
        if self.evidence == "game" and not np.all(known.family.d_out):
            return False
        if p.kind not in self.kinds or not self.defined(known, p):
            return False
        try:
            if self.edit:
                self.truth(known, [p])
        except (InvalidProblem, NotCertified):
            return False
        return True


def only_tasks(p: Perturbation) -> bool:
    """A task or a group of tasks."""
    return all(m.kind == "task" for m in parts(p))

"""Which field of `Problem`, `Tasks` and of every adaptation is varied in what a method is asked.

A field is either *varied*, with a probe that reads it from a problem (the test sees to it that the
drawn cases differ in it), or *fixed*, with the reason. A new field that is not here fails the test:
a method could hide in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metainfl.derive.problem import Problem

Probe = Callable[[Problem], Any]


@dataclass(frozen=True)
class Field:
    """Where a field is varied and how to read it; `probe` None: fixed, `where` says why."""

    where: str
    probe: Probe | None = None


def _shape(name: str) -> Probe:
    return lambda p: tuple(getattr(p.tasks, name).shape)


def _levels(name: str) -> Probe:
    """Ones, zeros among them, or others."""

    def read(p: Problem) -> tuple[bool, bool]:
        w = getattr(p.tasks, name)
        return bool((w == 0).any()), bool(((w != 0) & (w != 1)).any())

    return read


def _part(name: str) -> Probe:
    return lambda p: str(getattr(p.adaptation, name, None))


PROBLEM = {
    "model": Field("linear, and linear embeddings of ranks 1 to 3", lambda p: p.n_meta),
    "tasks": Field("1 to 4, 8, 17 to 67, and 131; see TASKS", lambda p: p.tasks.n_tasks),
    "adaptation": Field("one a family", lambda p: type(p.adaptation).__name__),
    "inner_loss": Field("squared, cross-entropy", lambda p: p.setting.inner_loss.__name__),
    "outer_loss": Field(
        "wide, pair: another than the inner one", lambda p: p.outer_loss is p.setting.inner_loss
    ),
    "outer_reg": Field(
        "a number; one precision a parameter in wide or narrow, many, and line, one of them 0; 0 in a law",
        lambda p: isinstance(p.outer_reg, float),
    ),
    "direct": Field(
        "wide, line, many or laws of weight 0: 0.2 to 0.5; least: 1; 0 elsewhere",
        lambda p: p.direct > 0,
    ),
    "lam": Field("the certified minimiser of each case", lambda p: float(p.lam.norm())),
    "chunk": Field(
        "check chunks_do_not_matter: 1, 2 and 3 tasks; 1 where tasks are ragged, 2 of labels as numbers"
    ),
    "symmetry": Field("orthogonal, ranks 2 and 3, and none", lambda p: _flat(p)),
    "product": Field("how products are computed, not what is asked: tests/derive"),
    "keep": Field("memory, not what is asked: tests/derive"),
}
TASKS = {
    "support_x": Field("sizes differ from axis to axis and case to case", _shape("support_x")),
    "support_y": Field(
        "one output and several; classes in an order of each task's own", _shape("support_y")
    ),
    "query_x": Field(
        "one, fewer and more queries than supports; in laws in units of 1000 and 1/1000",
        _shape("query_x"),
    ),
    "query_y": Field("one to nine outputs; wide: probabilities of classes", _shape("query_y")),
    "task_weight": Field(
        "wide: 0.04 to 2.6; many: these alone; laws: 0 and 2, and as many tasks as queries",
        _levels("task_weight"),
    ),
    "support_weight": Field(
        "wide: 0.04 to 2.6, padding of weight 0; pair: these alone", _levels("support_weight")
    ),
    "query_weight": Field("wide: 0.04 to 2.6, padding of weight 0", _levels("query_weight")),
}
ADAPTATIONS: dict[str, dict[str, Field]] = {
    "NoAdaptation": {},
    "Prototypes": {},
    "Proximal": {
        "inner_reg": Field("drawn", _part("inner_reg")),
        "max_steps": Field("how far the inner solver may go, not what is asked"),
        "rtol": Field("where inner solves by products end, not what is asked: tests/adaptation"),
    },
    "ProximalRidge": {"inner_reg": Field("drawn", _part("inner_reg"))},
    "RidgeHead": {"inner_reg": Field("drawn", _part("inner_reg"))},
    "Unrolled": {
        "steps": Field("1, 2, 3, 4 to 9, 11 and 12", _part("steps")),
        "rate": Field("a number, and one a parameter", lambda p: type(p.adaptation.rate).__name__),  # type: ignore[attr-defined]
        "inner_reg": Field("0, and 0.4, with a rate of either sort", _part("inner_reg")),
    },
    # the same theta by another solver, or an approximation of its derivative: no family of their own
    "ProximalCG": {},
    "ApproximateProximal": {},
    "Frozen": {},
}
#: adaptations that no family of the reference has: another way to the theta of one that has
ANOTHER_WAY = ("ProximalCG", "ApproximateProximal", "Frozen")


def _flat(p: Problem) -> int:
    """Number of flat directions."""
    tangent = p.tangent()
    return 0 if tangent is None else tangent.shape[1]

"""Every way in which derivatives of a model are taken here, each against differences of what it derives.

gradient       of the objective, task by task and two tasks at once
product        of the gradient: forward and reverse order, one vector, several, from kept graphs
parameters     of the adapted parameters, several directions a task      (`adaptation_influence`)
outputs        of the adapted learner's outputs, likewise                (what Gauss-Newton multiplies)
columns        of the gradient in a support weight and in an input       (`cross`), and their adjoint
"""

from dataclasses import replace

import torch
from torch.func import jvp, vmap

import metainfl as mi
from metainfl.derive.contract import contract
from metainfl.derive.cross import columns
from metainfl.derive.loop import each
from metainfl.derive.tape import Tape
from metainfl.errors import InvalidProblem, NotFinite
from metainfl.influence.adapted import adaptation_influence, parameters

TOLERANCE = 1e-5  # relative; differences of smooth operations are good to 1e-9
DEFAULT = "as planned"
ORDERS = ("forward", "reverse")
NAMED = (InvalidProblem, NotFinite)
REFUSALS = (*NAMED, NotImplementedError, RuntimeError)
STEPS = (2e-3, 1e-5, 1e-7)  # the first is extrapolated; the others cross fewer kinks and jumps


def along(f, at, directions, h):
    """Df v for every direction v (k, ...) by central differences."""
    rows = []
    for v in directions:

        def slope(s, v=v):
            return (f(at + s * v) - f(at - s * v)) / (2 * s)

        rows.append((4 * slope(h / 2) - slope(h)) / 3 if h == STEPS[0] else slope(h))
    return torch.stack(rows)


class Differences:
    """What a way's numbers are held against; smaller steps are taken where the first disagrees."""

    def __init__(self, f, at, directions, least):
        self.take, self.least = lambda h: along(f, at, directions, h), least
        self.wanted = [self.take(STEPS[0])]
        self.finite = bool(torch.isfinite(self.wanted[0]).all())

    @property
    def size(self):
        """Of the smoothest estimate."""
        return max(self.least, min(float(w.abs().max()) for w in self.wanted), 1e-12)

    @property
    def steady(self):
        """Whether two steps agree: there is a derivative, not jumps at every step."""
        self.error(torch.full_like(self.wanted[0], torch.pi * self.size))
        pairs = zip(self.wanted, self.wanted[1:], strict=False)
        return any(float((a - b).abs().max()) <= 0.1 * self.size for a, b in pairs)

    def error(self, found):
        """The smallest relative error, of the first few directions."""
        if not torch.isfinite(found).all():
            return float("inf")
        while True:
            gaps = [float((found - w[: len(found)]).abs().max()) for w in self.wanted]
            if min(gaps) <= TOLERANCE * self.size or len(gaps) == len(STEPS):
                return min(gaps) / self.size
            self.wanted.append(self.take(STEPS[len(gaps)]))


def said(failure):
    """What a refusal says, with its type where it is not ours."""
    kind = "" if isinstance(failure, NAMED) else f"{type(failure).__name__}: "
    return (kind + (str(failure).splitlines() or [""])[0])[:160]


class Ways:
    """Errors of each way, or what it refused with, by name."""

    def __init__(self, alone):
        self.alone, self.both, self.lam = alone, alone.replaced(chunk=2), alone.lam
        self.directions = torch.eye(len(self.lam), dtype=self.lam.dtype)
        self.errors = {}

    def take(self, name, way, differences):
        """One of them."""
        try:
            self.errors[name] = differences.error(way().detach())
        except REFUSALS as failure:
            self.errors[name] = said(failure)

    def all(self):
        """None where differences themselves do not exist."""
        lam, directions, alone, both = self.lam, self.directions, self.alone, self.both
        slopes = Differences(
            alone.objective, lam, directions, 1e-3 * float(alone.objective(lam).abs())
        )
        if not slopes.finite:
            return None
        self.take("gradient, 1", lambda: directions @ alone.gradient(lam), slopes)
        self.take("gradient, 2", lambda: directions @ both.gradient(lam), slopes)
        first, second = self.errors.values()
        if isinstance(first, str) or first > TOLERANCE:
            return self.errors if isinstance(first, str) or slopes.steady else None
        self.way = alone if isinstance(second, str) or second > 1e-9 else both
        self.least = 1e-2 * slopes.size
        self.products()
        if not isinstance(alone.adaptation, mi.NoAdaptation):
            self.parameters()
            self.columns()
        self.outputs()
        return self.errors

    def products(self):
        """With the Hessian."""
        lam, directions = self.lam, self.directions[:2]
        bends = Differences(self.way.gradient, lam, directions, self.least)
        self.take(
            DEFAULT,
            lambda: self.alone.replaced(chunk=None).hessian_product(lam, directions.T).T,
            bends,
        )
        for order in ORDERS:
            for chunk in (1, 2):
                p = self.alone.replaced(product=order, chunk=chunk)
                one = f"{order}, {chunk}"
                self.take(
                    f"{one}, single", lambda p=p: p.hessian_product(lam, directions[0])[None], bends
                )
                self.take(f"{one}, many", lambda p=p: p.hessian_product(lam, directions.T).T, bends)
                if order == "reverse":
                    self.take(
                        f"kept, {chunk}, many",
                        lambda p=p: Tape(p, lam, p.plan)(directions.T).T,
                        bends,
                    )

    def parameters(self):
        """Of the adapted parameters."""
        alone, directions = self.alone, self.directions
        moves = Differences(
            lambda at: parameters(alone, lam=at).flatten(), self.lam, directions, 1e-2
        )
        for chunk in (1, 2):
            p = alone.replaced(chunk=chunk)
            self.take(
                f"parameters, {chunk}, many",
                lambda p=p: adaptation_influence(p, directions, p.tasks).transpose(0, 1).flatten(1),
                moves,
            )

    def outputs(self):
        """Of the learner's outputs."""
        p, lam, directions = self.alone, self.lam, self.directions

        def of(at):
            return each(p, at, lambda task, own: p.outputs(at, at, task, own), size=1).flatten()

        def rates(task, own):
            def moved(at):
                return p.outputs(at, at, task, own)

            return vmap(lambda row: jvp(moved, (lam,), (row,))[1])(directions)

        moves = Differences(of, lam, directions, 1e-3 * float(of(lam).abs().max()))
        for chunk in (1, 2):
            self.take(
                f"outputs, {chunk}, many",
                lambda chunk=chunk: each(p, lam, rates, size=chunk).transpose(0, 1).flatten(1),
                moves,
            )

    def columns(self):
        """Of the gradient in weights and inputs, several at once; and their adjoint."""
        way, lam, tasks = self.way, self.lam, self.way.tasks
        asked = {
            "weights": ("support_weight", [mi.support(k, 0) for k in (0, 1)]),
            "inputs": ("support_x", [mi.shift("support", k, 0, 0) for k in (0, 1)]),
        }
        for name, (field, perturbations) in asked.items():
            value = getattr(tasks, field)
            units = torch.zeros(len(perturbations), *value.shape, dtype=value.dtype)
            for i, p in enumerate(perturbations):
                units[i, p.task, p.instance].view(-1)[0] = 1

            def slope(at, field=field):
                return way.replaced(tasks=replace(tasks, **{field: at})).gradient(lam)

            moves = Differences(slope, value, units, self.least)
            for order in ORDERS:
                p = self.alone.replaced(product=order, chunk=2)
                self.take(
                    f"{order}, 2, {name}", lambda p=p, of=perturbations: columns(p, of), moves
                )
            p = self.both
            self.take(
                f"adjoint, 2, {name}",
                lambda p=p, of=perturbations: contract(p, self.directions, of),
                moves,
            )

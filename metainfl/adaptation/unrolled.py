"""MAML (002, section 3): adaptation by a fixed number of gradient steps, differentiated as it is run.

    theta_0 = lam,  theta_t = theta_{t-1} - alpha * grad [sum_j u_j l(theta; z_j) + (d_in/2)|theta - lam|^2]

alpha is a number, one rate per parameter (Meta-SGD), or a dict by name of parameter or layer ("" for all
others); a rate of zero leaves a parameter unadapted
(ANIL-style partial adaptation). d_in = 0 is plain MAML.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from torch.func import grad

from metainfl.adaptation.rates import Rate, checked, flat
from metainfl.numbers import NOT_NEGATIVE, real, whole
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.losses import weighted
from metainfl.problem.tasks import Tasks, TaskView


class Unrolled(Adaptation):
    """k gradient steps; first-order MAML is not a derivative of anything and is not offered."""

    steps: int
    rate: Any  # as `rates.checked` leaves it
    inner_reg: float
    options: ClassVar = {
        "steps": lambda value: whole(value, "steps", 1),
        "rate": lambda value: checked(value),
        "inner_reg": lambda value: real(value, "inner_reg", NOT_NEGATIVE),
    }

    def __init__(self, steps: int, rate: Rate, *, inner_reg: float = 0.0) -> None:
        self.steps, self.rate, self.inner_reg = steps, rate, inner_reg

    def check(self, s: Setting, tasks: Tasks) -> None:
        """Rates fit the model."""
        flat(self.rate, s.model, tasks.like)

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """theta_k."""

        def inner(theta: Tensor, lam: Tensor) -> Tensor:
            outputs = s.model(theta, task.support_x)
            fit = weighted(s.inner_loss, outputs, task.support_y, task.support_weight, "inner")
            # scaled before it is summed: a scalar times one number of float32 has, forwards, a derivative in
            # float64 (torch 2.14)
            return fit + (0.5 * self.inner_reg * (theta - lam).square()).sum()

        rate = flat(self.rate, s.model, lam)
        theta = lam
        for _ in range(self.steps):
            theta = theta - rate * grad(inner)(theta, lam)
        return theta

"""What a bilevel problem consists of: parts, lam, and the loss of one task (001, eqs 4-5; 002, eq. 2).

    F(lam) = sum_i w_i [sum_j v_ij l(z_ij; lam, theta_i(lam)) + (direct/2) |theta_i - lam|^2]
             + (outer_reg/2) |lam|^2

The loss of one task (`one_task`) is the scalar function that everything is a derivative of.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from metainfl.errors import InvalidProblem, MetainflError
from metainfl.numbers import among
from metainfl.problem import words
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.dense import dense
from metainfl.problem.given import chunk_size, kept_bytes, number, precision, tangent, vector
from metainfl.problem.losses import Loss, as_loss, squared
from metainfl.problem.memory import Memory
from metainfl.problem.model import Model, as_model
from metainfl.problem.one_task import OneTask
from metainfl.problem.parts import require_parts
from metainfl.problem.suited import require_suited
from metainfl.problem.symmetry import Symmetry, orthonormal
from metainfl.problem.tasks import Tasks

#: what follows from the parts
FOLLOWS = ("setting", "n_meta", "memory", "plan")
#: what may be set later, and what it is called where a problem is made
PARTS = {
    "asked_chunk": "chunk",
    **{
        name: name
        for name in (
            "model", "tasks", "adaptation", "inner_loss", "outer_loss", "outer_reg", "direct", "chunk",
            "symmetry", "product", "keep",
        )
    },
}  # fmt: skip


class Definition(OneTask):
    """Tasks, model, losses, adaptation and regularisers; `lam` is where influences are taken."""

    def __init__(
        self,
        model: Model | nn.Module,
        tasks: Tasks,
        adaptation: Adaptation,
        *,
        inner_loss: Loss = squared,
        outer_loss: Loss | None = None,
        outer_reg: float | Tensor,
        direct: float = 0.0,
        lam: Tensor | None = None,
        chunk: int | None = None,
        symmetry: Symmetry | None = None,
        product: str = "auto",
        keep: int = 2**30,
    ) -> None:
        """`outer_loss` defaults to `inner_loss`; `lam` (p,) to nothing: call `solve` first. `outer_reg` is
        a number, or one prior precision a meta-parameter (p,).

        `symmetry` gives the directions along which lam moves without changing F, such as
        `metainfl.symmetry.orthogonal(rank)`: influence has no component in them. `product` ("forward"
        or "reverse") and `chunk` fix how Hessian products are computed; otherwise see `plan`. `keep` is
        how many bytes of gradient graphs may stay in memory between the products of one solve: more
        makes products of large models cheaper, 0 keeps none.
        """
        require_parts(model, tasks, adaptation)
        direct, chunk, keep = number(direct, "direct"), chunk_size(chunk), kept_bytes(keep)
        if direct and not adaptation.same_space:
            raise InvalidProblem(
                "direct compares theta with lam, but they live in other spaces here"
            )
        if not among(product, ("auto", "forward", "reverse")):
            raise InvalidProblem(f"product is 'auto', 'forward' or 'reverse', got {product!r}")
        if symmetry is not None and not callable(symmetry):
            tangent(symmetry, tasks.like)  # says so
        self.setting = Setting(as_model(model), as_loss(inner_loss))
        self.tasks, self.adaptation = tasks, adaptation
        self.outer_follows = outer_loss is None
        self.outer_loss = self.setting.inner_loss
        if outer_loss is not None and outer_loss is not inner_loss:
            self.outer_loss = as_loss(outer_loss)
        self.direct, self.symmetry = direct, symmetry
        self.product, self.asked_chunk, self.keep = product, chunk, keep
        require_suited(self.setting, adaptation, tasks)
        self.n_meta = adaptation.n_meta(self.setting.model)
        if self.n_meta < 1:
            raise InvalidProblem(
                "the model has no meta-parameters (its trainable parameters hold no number): nothing could "
                "depend on the data; give a layer an output or an input"
            )
        self.outer_reg = self._precision(outer_reg)
        self.memory = Memory()
        self._lam = None if lam is None else self._checked(lam)

    def __repr__(self) -> str:
        """What it consists of, in words."""
        return words.of_problem(self)

    # -- where we are --------------------------------------------------------------------------
    def __setattr__(self, name: str, value: Any) -> None:
        """Attributes are set as usual; a part of the problem is checked, and taken, as it was at first."""
        made = "memory" in self.__dict__
        if name in FOLLOWS and made:
            parts = ", ".join(sorted(set(PARTS.values())))
            raise InvalidProblem(
                f"{name} follows from what the problem is made of: set one of {parts}, or make another, "
                "problem.replaced(...)"
            )
        if name in PARTS and made:
            new = vars(self.replaced(**{PARTS[name]: value}))
            # what is the caller's own stays; what was measured or solved of the old parts does not
            own = {
                k: v for k, v in vars(self).items() if k not in new and not hasattr(type(self), k)
            }
            object.__setattr__(self, "__dict__", {**own, **new})
        else:
            object.__setattr__(self, name, value)

    @property
    def lam(self) -> Tensor:
        """The meta-parameters (p,) at which influences are taken."""
        if self._lam is None:
            raise InvalidProblem("lam is not set: call problem.solve(), or assign problem.lam")
        return self._lam

    @lam.setter
    def lam(self, value: Tensor) -> None:
        self._lam = self._checked(value)

    def at(self, lam: Tensor) -> bool:
        """Whether lam is where influences are taken."""
        here = self._lam
        return here is not None and (lam is here or bool(torch.equal(lam, here)))

    def _checked(self, lam: Tensor) -> Tensor:
        lam = vector(lam, self.n_meta, "lam")
        return lam.detach().to(self.tasks.like, copy=True)

    def place(self, lam: Tensor) -> Tensor:
        """Lam (p,) of a caller, as the tasks have it and detached; itself where it is that."""
        if not isinstance(lam, Tensor) or lam.is_nested or lam.shape != (self.n_meta,):
            lam = vector(lam, self.n_meta, "lam")
        if lam.is_complex():
            raise InvalidProblem(f"lam must be real, got {lam.dtype}: give its real part")
        dense("lam", lam)
        return (lam.detach() if lam.requires_grad else lam).to(self.tasks.like)

    def _precision(self, outer_reg: float | Tensor) -> float | Tensor:
        """A number, or a copy of one precision a meta-parameter (p,)."""
        given = precision(outer_reg, self.n_meta)
        if isinstance(given, float):
            return given
        return given.detach().to(self.tasks.like, copy=True)

    def prior(self, vectors: Tensor) -> Tensor:
        """outer_reg times V for V (p,) or (p, k): the gradient, and the Hessian, of the regulariser."""
        if isinstance(self.outer_reg, Tensor) and vectors.ndim == 2:
            return self.outer_reg[:, None] * vectors
        return self.outer_reg * vectors

    def tangent(self) -> Tensor | None:
        """Orthonormal directions (p, f) of the known symmetry at lam; None if there is none."""
        if self.symmetry is None:
            return None
        try:
            return orthonormal(self.lam, tangent(self.symmetry, self.lam))
        except (MetainflError, MemoryError):
            raise
        except Exception as error:  # it is the user's function, and may raise anything
            raise InvalidProblem(
                f"the symmetry that was given raised {type(error).__name__} at lam ({error}); it is a "
                f"function of lam ({self.n_meta},) that returns directions ({self.n_meta}, f)"
            ) from error

    def replaced(self, **changes: Any) -> Self:
        """The same problem with other tasks, adaptation, lam, ...; an outer loss that was not given is still
        the inner one.
        """
        own: dict[str, Any] = {
            "model": self.setting.model,
            "tasks": self.tasks,
            "adaptation": self.adaptation,
            "inner_loss": self.setting.inner_loss,
            "outer_loss": None if self.outer_follows else self.outer_loss,
            "outer_reg": self.outer_reg,
            "direct": self.direct,
            "lam": self._lam,
            "chunk": self.asked_chunk,
            "symmetry": self.symmetry,
            "product": self.product,
            "keep": self.keep,
        }
        return type(self)(**{**own, **changes})

"""Known slips in differentiating a run: what a backward pass may get wrong, in the words of the diagnosis."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Slip:
    """What a backward pass gets wrong; nothing by default."""

    words: str = "the run's derivative"
    state: bool = True  # the optimiser's state is carried on
    correction: bool = True  # Adam's bias correction
    batch_size: bool = True  # the division by |B|
    decay: bool = True  # weight decay where it stands: coupled or decoupled
    shift: int = 0  # states read so many steps late
    hessian: str = "exact"  # or "gauss-newton", "none"
    first_order: bool = False  # d theta/d lam = I
    optimiser: bool = True  # the optimiser's own step, not plain gradient descent
    clip: bool = True


SLIPS = {
    "state_forgotten": Slip("the optimiser's state is not carried from step to step", state=False),
    "bias_correction_forgotten": Slip("Adam's bias correction is forgotten", correction=False),
    "batch_size_forgotten": Slip("the mean over the batch is taken for a sum", batch_size=False),
    "decay_in_the_wrong_place": Slip("coupled and decoupled weight decay are exchanged", decay=False),
    "off_by_one_step": Slip("each step is read at the state after it", shift=1),
    "gauss_newton_along_the_run": Slip("Gauss-Newton stands for the Hessian", hessian="gauss-newton"),
    "no_curvature": Slip("the Hessian is left out (HyDRA's fast approximation)", hessian="none"),
    "first_order": Slip("d theta/d lam is taken for the identity (first-order MAML)", first_order=True),
    "plain_descent": Slip("every optimiser is taken for plain gradient descent", optimiser=False),
    "clipping_forgotten": Slip("clipping is forgotten", clip=False),
}  # fmt: skip

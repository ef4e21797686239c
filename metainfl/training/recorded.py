"""What a recorder is handed: a network, an optimiser of torch, and the tasks of each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from metainfl.errors import InvalidRecipe, InvalidTasks, NotFinite, NotReplayed
from metainfl.problem.given import said
from metainfl.problem.tasks import Tasks
from metainfl.training.given import whole
from metainfl.training.groups import Groups


def require_loop(net: Any, optimiser: Any) -> None:
    """`InvalidRecipe` for what is no network with parameters to train, or no optimiser of torch."""
    if not isinstance(net, nn.Module) or not isinstance(optimiser, torch.optim.Optimizer):
        raise InvalidRecipe(
            "a recorder is given the network and its torch.optim optimiser, Recorder(net, optimiser); got "
            f"a {type(net).__name__}, a {type(optimiser).__name__}"
        )
    if not any(p.requires_grad for p in net.parameters()):
        raise InvalidRecipe(
            f"{type(net).__name__} has no parameter to train: give the network that the optimiser trains"
        )
    given = {id(p) for g in optimiser.param_groups for p in g["params"] if p.requires_grad}
    left = [n for n, p in net.named_parameters() if p.requires_grad and id(p) not in given]
    if left:
        raise InvalidRecipe(
            f"the optimiser does not train {', '.join(map(repr, left[:3]))} of the network: give it all "
            "parameters, or freeze the others (requires_grad_(False)) before recorder and problem are made"
        )
    if given - {id(p) for p in net.parameters()}:
        raise InvalidRecipe(
            "the optimiser also trains parameters that the network does not have (learned inner rates, say), "
            "and a run has none but the network's: train these alone"
        )


def require_alike(first: Any, now: Any) -> None:
    """`InvalidRecipe` where an option of the pure step is another than when the recorder was made."""
    if isinstance(first, Groups) or isinstance(now, Groups):
        _require_alike_groups(first, now)
        return
    for f in fields(first):
        was, is_now = getattr(first, f.name), getattr(now, f.name)
        if was != is_now:
            raise InvalidRecipe(
                f"the optimiser's {f.name} was {was} when the recorder was made and is {is_now} in this "
                "step: of its options only the rate may change (torch's OneCycleLR and CyclicLR leave the "
                "others with cycle_momentum=False); or give each phase an optimiser and a recorder of its own"
            )


def _require_alike_groups(first: Any, now: Any) -> None:
    """The same of each group, which hold the parameters that they held."""
    if getattr(first, "runs", ()) != getattr(now, "runs", ()):
        raise InvalidRecipe(
            "a parameter went to another group of the optimiser after the recorder was made: give each phase "
            "an optimiser and a recorder of its own"
        )
    for a, b in zip(first.members, now.members, strict=True):
        require_alike(a.optimiser, b.optimiser)


def trained(net: nn.Module) -> dict[str, Tensor]:
    """The parameters that are trained now, by name."""
    return {n: p for n, p in net.named_parameters() if p.requires_grad}


def finite(after: Tensor, t: int) -> Tensor:
    """Parameters (p,) that the loop had after step t; `NotFinite` where they are not."""
    if torch.isfinite(after).all():
        return after
    place = int((~torch.isfinite(after)).nonzero()[0])
    raise NotFinite(
        f"the loop's parameters are not finite after step {t} (number {place} of {len(after)}, counted from "
        "0): lower its rate, clip its gradients, or look at the tasks of that step; the steps before it are "
        "recorded",
        quantity="parameters",
    )


def batch(value: Any) -> list[int] | Tasks:
    """Tasks as they are, places as a list, a mask of all tasks as the places that it marks."""
    if isinstance(value, Tasks):
        return value
    many = isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict))
    if not many or (isinstance(value, Tensor) and value.ndim != 1):
        raise InvalidRecipe(
            "a step was taken on tasks: give their places, recorder.step([0, 3]) say, or metainfl.Tasks; got "
            + said(value)
        )
    every = list(value.tolist() if isinstance(value, Tensor) else value)
    if every and all(type(k).__name__ in ("bool", "bool_") for k in every):
        return [k for k, marked in enumerate(every) if marked]
    return [whole(k, "a task of this step") for k in every]


def computed_in(rate: Any) -> torch.dtype | None:
    """The dtype of a rate that is a tensor: the optimiser computes its step with it."""
    return rate.dtype if isinstance(rate, Tensor) else None


def differs(
    t: int, gap: Tensor, moved: Tensor, rate: torch.dtype | None, own: torch.dtype
) -> NotReplayed:
    """The error for step t, which ends `gap` away from where the loop did, rounding taken off."""
    first = ""
    if rate not in (None, own):
        first = (
            f"The optimiser's rate is a tensor of {rate}, and torch computes the step in that: make it a "
            f"float, or a tensor of {own}. "
        )
    return NotReplayed(
        f"step {t} of the loop is not the recipe's: from the recorded parameters it ends {float(gap):.3g} "
        f"away, beyond what rounding explains, where the loop moved by {float(moved):.3g}. {first}"
        "Look at the loss (mean or sum, over tasks and over instances), weight decay, clipping "
        "(clip_grad_norm_ is clip=; no clip_grad_value_), the inner rate, and which tasks were handed over; "
        "at a scheduler stepped before recorder.step, adaptation of first order (no create_graph), and noise "
        "drawn in the loop (dropout, augmentation); at parameters whose gradient was None, which torch "
        "leaves as they are, without decay or momentum; at weight decay of an embedding's padding row, which "
        "a run holds where it was; at weight_norm, whose second derivative torch has wrong",
        step=t,
        gap=float(gap / moved) if moved > 0 else float("inf"),
    )


def undecided(t: int, own: torch.dtype) -> NotReplayed:
    """The error for step t, most of which rounding decides."""
    return NotReplayed(
        f"step {t} of the loop is lost in rounding: the gradients are so small, or the network magnifies "
        f"rounding so far, that in {own} most of the step's length could have gone elsewhere, whatever the "
        "loss is; record the loop in float64, or up to this step",
        step=t,
        gap=0.0,
    )


def beyond(drift: float, steps: int) -> NotReplayed:
    """The error for a loop that small differences, always to one side, take away from its replay."""
    return NotReplayed(
        f"no step of the loop differs from the recipe's beyond rounding, but {steps} of them add up to "
        f"{drift:.2g} of the whole way, further than rounding takes a replay: the recipe differs by a little "
        "in every step; look at weight decay, the regulariser, the inner rate and eps, or record the loop in "
        "float64, where a step shows it",
        step=steps - 1,
        gap=drift,
    )


def joined(batches: Sequence[Tasks]) -> Tasks:
    """All tasks in the order they were handed over, of any shapes; weights stay with them."""
    every = [one for b in batches for one in _each(b)]
    try:
        return Tasks.ragged(every)
    except InvalidTasks as error:
        raise InvalidRecipe(f"the tasks of different steps do not go together: {error}") from error


def _each(batch: Tasks) -> Iterator[dict[str, Tensor]]:
    """One mapping a task."""
    for k in range(batch.n_tasks):
        _, one = batch.select([k]).groups()[0]
        yield {f.name: getattr(one, f.name)[0] for f in fields(Tasks)}

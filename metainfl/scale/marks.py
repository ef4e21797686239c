"""What a rank is about to add up, as three numbers: ranks that bring different ones must not go on.

    which sum, all shapes and dtypes, perturbations;    the tensors it is of (meta-parameters, ...);    tasks
Two networks drawn without a seed give sums that belong to neither, and no error of the transport; sums of
two shapes end the process. Of each array `LOOKED` numbers x are seen, evenly spaced, as tasks may be larger
than memory: log |x| + x . c / |x| for a fixed c, which draws that differ move by about 1, and rounding (two
machines add up in two orders) by less than `SAME`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from metainfl.derive.share import Of
from metainfl.errors import InvalidProblem
from metainfl.problem.tasks import Tasks

LOOKED = 8192
SAME = 1e-6
#: of a rank that raises instead; no hash is negative
FAILED = torch.full((3,), -1.0, dtype=torch.float64, device="cpu")
WHAT = (
    "is at another place of the program, asks for other perturbations, or its tasks or results have other "
    "shapes",
    "has other meta-parameters, or other vectors",
    "has other tasks, or weights of them",
)
DIRECTION = torch.arange(1, LOOKED + 1, dtype=torch.float64, device="cpu").cos()


def marks(name: str, of: Of) -> Tensor:
    """Three numbers (3,) of a sum of this name, as float64."""
    tensors = [t for t in of if isinstance(t, Tensor)]
    held = [a for t in of if isinstance(t, Tasks) for a in _arrays(t)]
    words = [name, *(f"{tuple(t.shape)} {t.dtype}" for t in (*tensors, *held))]
    words += [str(p) for t in of if not isinstance(t, (Tensor, Tasks)) for p in t]
    place = hashlib.blake2b("; ".join(words).encode(), digest_size=6).digest()  # a float64 holds it
    found = [float(int.from_bytes(place, "big")), _mark(tensors), _mark(held)]
    return torch.tensor(found, dtype=torch.float64, device="cpu")


def require_same(found: Sequence[Sequence[float]]) -> None:
    """`InvalidProblem`, on every rank, where one differs from the first."""
    for rank, own in enumerate(found):
        wrong = [k for k, (a, b) in enumerate(zip(own, found[0], strict=True)) if abs(a - b) > SAME]
        if wrong:
            raise InvalidProblem(
                f"rank {rank} of {len(found)} {WHAT[wrong[0]]} than rank 0: every process must run the same "
                "program on the same numbers. Seed what is drawn, before the network and the tasks are made "
                "(torch.manual_seed, seed=), and let nothing hang on the rank, the clock or the machine"
            )


def _arrays(tasks: Tasks) -> Iterator[Tensor]:
    """Places, data and weights, shape by shape."""
    for places, batch in tasks.groups():
        yield from (places, *batch.view(), batch.w)


def _mark(arrays: Sequence[Tensor]) -> float:
    """Of all of them, in this order; 0 where there is nothing but zeros."""
    total = 0.0
    for k, array in enumerate(arrays):
        flat = array.detach().reshape(-1)
        seen = flat[:: max(1, -(-len(flat) // LOOKED))].cpu().double()
        size = seen.norm()
        if size > 0:
            total += (k + 1) * float(size.log() + seen @ DIRECTION[: len(seen)] / size)
    return total

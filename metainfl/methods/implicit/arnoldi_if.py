"""Arnoldi-IF (Schioppa et al. 2022; 003, section 5.1.1.3): H^{-1} on its leading eigenvectors only.

    -U S^{-1} U' d(grad F)/d pi,      U, S the `rank` largest eigenpairs of H
Estimand: the influence projected on span U, d lam*/d pi where rank = p (less where symmetries leave
directions flat); what lies outside of U is dropped, and small eigenvalues, which the inverse weighs most,
are dropped first. H is symmetric, so Arnoldi's method is Lanczos's. At a minimiser the dominant eigenvalues
are the largest. Sign, scale: those of d lam*/d pi. Cost: 3 rank + 10 products with H, once for all data.
"""

from metainfl.methods.claim import Claim
from metainfl.methods.method import Method
from metainfl.solve import Lanczos


def arnoldi_if(rank: int, *, steps: int | None = None, allow_unconverged: bool = False) -> Method:
    """The method of that rank; the other arguments are those of `metainfl.solve.Lanczos`."""
    return Method(
        f"Arnoldi-IF, rank {rank}",
        "003, section 5.1.1.3",
        solver=Lanczos(rank, steps=steps, allow_unconverged=allow_unconverged),
        claim=Claim(accuracy="rank"),
    )

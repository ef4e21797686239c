"""Classical influence functions (Koh and Liang; 002, eq. 1; 003, eqs 30 and 33), and their EK-FAC form.

    IF(z) = -(H + d I)^{-1} grad l(z),  H a sum over all instances, for single-level problems
`classical_if` is exact. EK-FAC-IF (Grosse et al.) puts a Kronecker-factored Fisher matrix in place of H, of
the type named: the type-2 Fisher is the Gauss-Newton matrix, the sampled one its estimate, the empirical
one something else. Exact for one linear layer under the squared loss.
"""

from functools import partial

from metainfl.curvature import kronecker
from metainfl.kronecker import Fisher, Recipe
from metainfl.methods.claim import Claim
from metainfl.methods.method import Method

SINGLE = ("single_ridge", "single_softmax")
classical_if = Method(
    "classical IF", "002, eq. 1; 003, eq. 30", claim=Claim(kinds=("query", "task"), families=SINGLE)
)


def ekfac_if(fisher: Fisher = "type-2", *, corrected: bool = True, damping: float = 0.0) -> Method:
    """EK-FAC-IF, or K-FAC-IF where not `corrected`."""
    name = "EK-FAC-IF" if corrected else "K-FAC-IF"
    return Method(
        f"{name}, {fisher}",
        "Grosse et al. 2023, section 2.2",
        curvature=partial(kronecker, recipe=Recipe(fisher, corrected)),
        damping=damping,
        claim=Claim(accuracy="rank", kinds=("query", "task"), families=SINGLE),
    )

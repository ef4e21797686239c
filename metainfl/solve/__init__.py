"""H^{-1} v, one solver a file; each takes (operator, right-hand sides) and returns a SolveResult.

`solver.factor(operator)` is the inverse as an operator, for many right-hand sides. Flat directions are
the operator's to know: every solver works off them.
"""

from metainfl.solve.cg import CG
from metainfl.solve.dense import Dense
from metainfl.solve.inverse import Factoring, Inverse
from metainfl.solve.lanczos import Lanczos
from metainfl.solve.lissa import LiSSA
from metainfl.solve.neumann import Neumann
from metainfl.solve.pseudo_inverse import PseudoInverse
from metainfl.solve.result import Solver, SolveResult
from metainfl.solve.structured import Structured

__all__ = [
    "CG",
    "Dense",
    "Factoring",
    "Inverse",
    "Lanczos",
    "LiSSA",
    "Neumann",
    "PseudoInverse",
    "SolveResult",
    "Solver",
    "Structured",
]

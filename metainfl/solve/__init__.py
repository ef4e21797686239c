"""H^{-1} v, one solver a file; each takes (operator, right-hand sides) and returns a SolveResult."""

from metainfl.solve.cg import CG
from metainfl.solve.dense import Dense
from metainfl.solve.low_rank import Lanczos, PseudoInverse
from metainfl.solve.neumann import Neumann
from metainfl.solve.result import Solver, SolveResult

__all__ = ["CG", "Dense", "Lanczos", "Neumann", "PseudoInverse", "SolveResult", "Solver"]

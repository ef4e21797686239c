"""Errors of the reference: every one names what is wrong, where, and what to do next."""


class TruthError(Exception):
    """Base of every error raised by `metainfl_reference`."""


class InvalidProblem(TruthError, ValueError):
    """The data or the hyper-parameters do not describe a problem (shape, sign, NaN)."""


class NotCertified(TruthError, ArithmeticError):
    """An answer was computed but its error bound could not be established."""


class BranchLost(NotCertified):
    """Continuation from the full problem met a singular Hessian, or Newton left the branch."""

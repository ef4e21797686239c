"""Errors of metainfl: each message says what is wrong, where, and what to do next."""

from metainfl.carried import carried


class MetainflError(Exception):
    """Base of every error raised by `metainfl`."""

    __reduce__ = carried


class InvalidTasks(MetainflError, ValueError):
    """Task data or weights do not fit together, or hold NaN or inf."""


class MissingData(MetainflError, FileNotFoundError):
    """A data set is not where it was looked for. The message names the files and the set's home."""


class BrokenData(MetainflError, ValueError):
    """A file of a data set is damaged, or is not what its name says."""


class InvalidProblem(MetainflError, ValueError):
    """A model, loss, regulariser or perturbation cannot be used as given."""


class NotDerived(InvalidProblem):
    """torch has no derivative, or no batched one, of something in a model, a loss or an adaptation."""


class ProblemChanged(InvalidProblem):
    """lam or a part of a problem was set while a question about it was answered."""


class InvalidOption(MetainflError, ValueError):
    """An option of a solver, a curvature or a command has no meaning."""


class NotFinite(MetainflError, ArithmeticError):
    """A NaN or an infinity arose: `quantity` says in what, the other fields where (None: not known)."""

    def __init__(
        self,
        message: str,
        *,
        quantity: str = "",
        column: int | None = None,
        task: int | None = None,
        instance: int | None = None,
        target: int | None = None,
    ) -> None:
        super().__init__(message)
        self.quantity, self.column = quantity, column
        self.task, self.instance, self.target = task, instance, target


class InvalidMethod(MetainflError, ValueError):
    """What is to be judged cannot be: it is no callable, or cannot be sent to another process."""


class NotStationary(MetainflError, ArithmeticError):
    """lam is not a minimiser of F, so the implicit function theorem does not apply there."""

    def __init__(self, message: str, *, residual: float = float("nan")) -> None:
        super().__init__(message)
        self.residual = residual


class SingularHessian(MetainflError, ArithmeticError):
    """The matrix to be inverted has a zero or negative eigenvalue where a positive one is needed.

    `lowest` and `highest` are its extreme eigenvalues as far as they were seen, `damping` is an amount
    that would make it safely definite (nan: not known).
    """

    def __init__(
        self,
        message: str,
        *,
        lowest: float = float("nan"),
        highest: float = float("nan"),
        damping: float = float("nan"),
    ) -> None:
        super().__init__(message)
        self.lowest, self.highest, self.damping = lowest, highest, damping


class BranchLost(MetainflError, ArithmeticError):
    """A removal leads to a fold: what lies beyond `share` of it is another minimiser."""

    def __init__(self, message: str, *, share: float = 0.0) -> None:
        super().__init__(message)
        self.share = share


class NotConverged(MetainflError, ArithmeticError):
    """An iterative solver stopped before its tolerance. `result` holds what it had."""

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class WorkerLost(MetainflError, RuntimeError):
    """Worker processes were killed again and again; finished work is in the store."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during an iterative solve. `result` holds what it had."""

    __reduce__ = carried

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class InvalidRecipe(MetainflError, ValueError):
    """A training recipe, its optimiser or its start cannot be used as given."""


class BrokenRun(InvalidRecipe):
    """The files of a saved run are damaged, or those of two runs."""


class FarFromMinimum(UserWarning):
    """lam passes for stationary, and yet a Newton step from it is long: curvature is small somewhere."""


class SetAside(UserWarning):
    """A file of a store could not be read: it is kept under another name, and its work done again."""


class RunNotFinite(NotFinite):
    """A NaN or an infinity arose in a training run, at `step`; `result` holds the run up to that step."""

    def __init__(
        self,
        message: str,
        *,
        step: int,
        quantity: str = "",
        task: int | None = None,
        instance: int | None = None,
    ) -> None:
        super().__init__(message, quantity=quantity, task=task, instance=instance)
        self.step = step
        self.result: object = None


class RankLost(MetainflError, ConnectionError):
    """Another process of a shared computation ended, or does not answer. In a training run `result` holds the
    run up to that step: outside of `with ranks()`, or started again, `result.resume()` goes on.
    """

    result: object = None


class NotReplayed(MetainflError, ArithmeticError):
    """A recorded training loop is not the program it is said to be: first at `step`, by `gap` (relative)."""

    def __init__(self, message: str, *, step: int, gap: float) -> None:
        super().__init__(message)
        self.step, self.gap = step, gap

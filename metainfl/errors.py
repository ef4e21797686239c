"""Errors of metainfl: each message says what is wrong, where, and what to do next."""


class MetainflError(Exception):
    """Base of every error raised by `metainfl`."""


class InvalidTasks(MetainflError, ValueError):
    """Task data or weights do not fit together, or hold NaN or inf."""


class MissingData(MetainflError, FileNotFoundError):
    """A data set is not where it was looked for. The message names the files and the set's home."""


class BrokenData(MetainflError, ValueError):
    """A file of a data set is damaged, or is not what its name says."""


class InvalidProblem(MetainflError, ValueError):
    """A model, loss, regulariser or perturbation cannot be used as given."""


class InvalidOption(MetainflError, ValueError):
    """An option of a solver, a curvature or a command has no meaning."""


class NotFinite(MetainflError, ArithmeticError):
    """A NaN or an infinity arose. `quantity` says in what, `task` and `instance` where (None: not known)."""

    def __init__(
        self,
        message: str,
        *,
        quantity: str = "",
        task: int | None = None,
        instance: int | None = None,
    ) -> None:
        super().__init__(message)
        self.quantity, self.task, self.instance = quantity, task, instance


class NotStationary(MetainflError, ArithmeticError):
    """lam is not a minimiser of F, so the implicit function theorem does not apply there."""

    def __init__(self, message: str, *, residual: float = float("nan")) -> None:
        super().__init__(message)
        self.residual = residual


class SingularHessian(MetainflError, ArithmeticError):
    """The matrix to be inverted has a zero or negative eigenvalue where a positive one is needed."""


class NotConverged(MetainflError, ArithmeticError):
    """An iterative solver stopped before its tolerance. `result` holds what it had."""

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during an iterative solve. `result` holds what it had."""

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class InvalidRecipe(MetainflError, ValueError):
    """A training recipe, its optimiser or its start cannot be used as given."""


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

"""What a method says about itself; the oracle judges against this and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

from metainfl.errors import InvalidProblem
from metainfl.numbers import BELOW_ONE, POSITIVE, flag, real, said
from metainfl.problem.perturbation import KINDS

Accuracy = Literal["exact", "rank"] | float


@dataclass(frozen=True)
class Claim:
    """Estimand, sign and scale, accuracy, domain and determinism of a method.

    The method returns sign * scale(T) * estimand, one row a perturbation, (n, p); for estimands of
    target tasks it is called with those too, and returns (n, targets). `estimand` names a file of
    `metainfl.oracle.estimands`; whether there is one, the oracle says. `scale` is a number,
    or "T" / "1/T" for a mean over tasks where the estimand has a sum. `accuracy`: "exact" (tolerance
    derived from eps and condition numbers), a relative tolerance, or "rank". `families` None = all.
    The default is the strictest claim.
    """

    estimand: str = "derivative"
    accuracy: Accuracy = "exact"
    kinds: tuple[str, ...] = tuple(KINDS)
    families: tuple[str, ...] | None = None
    sign: int = 1
    scale: float | Literal["T", "1/T"] = 1.0
    deterministic: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.estimand, str):
            raise InvalidProblem(f"estimand is a name, got {said(self.estimand)}")
        if not isinstance(self.accuracy, str):
            real(self.accuracy, "a claimed relative tolerance", BELOW_ONE)
        elif self.accuracy not in ("exact", "rank"):
            raise InvalidProblem(f"accuracy is 'exact', 'rank' or a number, got {self.accuracy!r}")
        flag(self.deterministic, "deterministic")
        if real(self.sign, "sign") not in (1, -1):
            raise InvalidProblem(f"sign is 1 or -1, got {said(self.sign)}")
        if not isinstance(self.scale, str):
            real(self.scale, "scale (sign says the rest)", POSITIVE)
        elif self.scale not in ("T", "1/T"):
            raise InvalidProblem(f"scale is a number, 'T' or '1/T', got {self.scale!r}")
        for name in ("kinds", "families"):
            if isinstance(value := getattr(self, name), str):
                raise InvalidProblem(f"{name} is a tuple: {tuple(value.split('+'))!r}")
            if name == "families" and value is None:
                continue
            if not isinstance(value, (tuple, list)) or not all(isinstance(v, str) for v in value):
                raise InvalidProblem(f"{name} is a tuple of names, got {said(value)}")
        unknown = set(self.kinds) - set(KINDS)
        if unknown or not self.kinds:
            raise InvalidProblem(f"kinds must be some of {', '.join(KINDS)}; got {sorted(unknown)}")

    @classmethod
    def parse(cls, text: str) -> Claim:
        """`"estimand=newton, kinds=task+query, accuracy=1e-6, sign=-1, scale=1/T"` as a claim."""
        known = {f.name for f in fields(cls)}
        out: dict[str, Any] = {}
        for part in filter(None, (p.strip() for p in text.split(","))):
            name, found, value = (s.strip() for s in part.partition("="))
            if not found or name not in known:
                raise InvalidProblem(
                    f"cannot read {part!r} in a claim; write name=value with names from "
                    + ", ".join(sorted(known))
                )
            if name in out:
                raise InvalidProblem(f"{name} is given twice in a claim; once is enough")
            out[name] = _value(name, value)
        return cls(**out)

    def factor(self, n_tasks: int) -> float:
        """What the truth is multiplied by before comparison."""
        scale = {"T": float(n_tasks), "1/T": 1.0 / n_tasks}.get(str(self.scale))
        return self.sign * (float(self.scale) if scale is None else scale)

    def __str__(self) -> str:
        """`derivative, exact`."""
        accuracy = self.accuracy if isinstance(self.accuracy, str) else f"rtol {self.accuracy:g}"
        return f"{self.estimand}, {accuracy}"


def _value(name: str, text: str) -> Any:
    """One field of a claim from text."""
    if name in ("kinds", "families"):
        return tuple(text.split("+"))
    try:
        if name == "sign":
            return int(text)
        if name == "deterministic":
            return {"true": True, "false": False}[text.lower()]
        if name == "estimand" or text in ("exact", "rank", "T", "1/T"):
            return text
        return float(text)
    except (ValueError, KeyError):
        raise InvalidProblem(f"cannot read {text!r} as the {name} of a claim") from None


F = TypeVar("F", bound=Callable[..., Any])


def claims(**fields: Any) -> Callable[[F], F]:
    """Decorator that attaches a `Claim` to a method: `@claims(kinds=("task",), accuracy=1e-6)`."""

    def attach(method: F) -> F:
        method.claim = Claim(**fields)  # type: ignore[attr-defined]
        return method

    return attach


def claim_of(method: object) -> Claim:
    """The claim a method carries, or the strictest one."""
    found = getattr(method, "claim", None)
    return found if isinstance(found, Claim) else Claim()

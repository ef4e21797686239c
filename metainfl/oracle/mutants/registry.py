"""Named wrong methods, and right ones that look different: what the oracle is tested by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metainfl.methods.claim import Claim

Method = Callable[..., Any]


@dataclass(frozen=True)
class Specimen:
    """A method with the claim it is judged by, and what is wrong with it ("" for a right one).

    `apart`: it would end, stop or spoil the process that it runs in.
    """

    name: str
    method: Method
    claim: Claim
    defect: str = ""
    apart: bool = False


MUTANTS: dict[str, Specimen] = {}
RIGHT: dict[str, Specimen] = {}


def mutant(defect: str, *, apart: bool = False, **claim: Any) -> Callable[[Method], Method]:
    """Register a wrong method with its defect in words."""

    def add(method: Method) -> Method:
        name = method.__name__
        MUTANTS[name] = Specimen(name, method, Claim(**claim), defect, apart)
        return method

    return add


def right(**claim: Any) -> Callable[[Method], Method]:
    """Register a right method that is built differently."""

    def add(method: Method) -> Method:
        RIGHT[method.__name__] = Specimen(method.__name__, method, Claim(**claim))
        return method

    return add

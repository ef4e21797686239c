"""What a method leaves open or turned off: modes, streams, descriptors, and what watches it.

Each was once found to pass: nobody looked there.
"""

import logging
import os
import sys

import torch

from metainfl.derive.problem import Problem
from metainfl.oracle import contents, manner
from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant


@mutant("leaves mixed precision on")
def leaves_autocast_on(problem, pis):
    out = truth(problem, pis)
    torch.set_autocast_enabled("cpu", True)
    return out


@mutant("turns logging off for good")
def turns_logging_off(problem, pis):
    logging.disable(logging.CRITICAL)
    return truth(problem, pis)


@mutant("opens a file in each call, and never closes it")
def opens_descriptors(problem, pis):
    os.open(os.devnull, os.O_RDONLY)
    return truth(problem, pis)


@mutant("closes standard output", apart=True)
def closes_standard_output(problem, pis):
    sys.stdout.close()
    return truth(problem, pis)


@mutant("replaces a method of the problem's class", apart=True)
def replaces_a_method_of_the_problem(problem, pis):
    own, name = Problem.losses, "losses"
    setattr(Problem, name, lambda self, *a, **k: own(self, *a, **k))
    return truth(problem, pis)


@mutant("takes all perturbations for equal from now on", apart=True)
def replaces_an_equality(problem, pis):
    setattr(type(pis[0]), "__eq__", lambda self, other: True)  # noqa: B010
    return truth(problem, pis)


@mutant("turns off what watches it, and moves lam", apart=True)
def turns_off_the_watch(problem, pis):
    out = truth(problem, pis)
    for watch, name in ((contents, "changed"), (manner, "put_back")):
        setattr(watch, name, lambda *_: [])
    problem.lam.add_(1e-3)
    return out

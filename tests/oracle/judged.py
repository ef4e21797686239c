"""A specimen judged as its claim says."""

from metainfl.oracle import check_method
from metainfl.oracle.mutants import MUTANTS, RIGHT


def judge(name, checks=None):
    specimen = {**MUTANTS, **RIGHT}[name]
    return check_method(
        specimen.method,
        claim=specimen.claim,
        quick=True,
        checks=checks,
        in_process=not specimen.apart,
    )

"""A specimen judged as its claim says."""

from metainfl.oracle import check_method
from metainfl.oracle.mutants import MUTANTS, RIGHT


def judge(name, checks=None, families=None):
    """`families`: on these of those that it claims, where all of them would take long."""
    specimen = {**MUTANTS, **RIGHT}[name]
    if families is not None:
        families = [f for f in specimen.claim.families or families if f in families]
    return check_method(
        specimen.method,
        claim=specimen.claim,
        quick=True,
        checks=checks,
        families=families,
        in_process=not specimen.apart,
    )

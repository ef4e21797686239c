"""Where the papers, as printed, fail: each as a pair, as printed and corrected, with its figures."""

from metainfl_reference.errata import paper_001, paper_002, paper_003, paper_004
from metainfl_reference.errata.erratum import Erratum, Measured

ERRATA = (*paper_001.ERRATA, *paper_002.ERRATA, *paper_003.ERRATA, *paper_004.ERRATA)

__all__ = ["ERRATA", "Erratum", "Measured"]

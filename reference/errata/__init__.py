"""Where the papers, as printed, fail: each as a pair, as printed and corrected, with its figures."""

from metainfl_reference.errata import (
    paper_001,
    paper_001_ekfac,
    paper_001_expansions,
    paper_001_experiments,
    paper_001_proofs,
    paper_002,
    paper_002_divergence,
    paper_003,
    paper_003_gradients,
    paper_003_values,
    paper_004,
    paper_004_definitions,
)
from metainfl_reference.errata.erratum import Erratum, Measured

ERRATA = (
    *paper_001.ERRATA,
    *paper_001_proofs.ERRATA,
    *paper_001_ekfac.ERRATA,
    *paper_001_expansions.ERRATA,
    *paper_001_experiments.ERRATA,
    *paper_002.ERRATA,
    *paper_002_divergence.ERRATA,
    *paper_003.ERRATA,
    *paper_003_values.ERRATA,
    *paper_003_gradients.ERRATA,
    *paper_004.ERRATA,
    *paper_004_definitions.ERRATA,
)

__all__ = ["ERRATA", "Erratum", "Measured"]

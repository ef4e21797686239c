"""Networks as they are trained, not at a minimum: Bae et al. 2022."""

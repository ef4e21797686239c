"""Independent confirmations: nothing in here uses the formulas that it confirms."""

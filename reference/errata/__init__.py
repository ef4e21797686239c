"""Where the papers, as printed, fail: each as a pair, as printed and corrected."""

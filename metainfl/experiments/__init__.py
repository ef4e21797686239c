"""The experiments of the papers, reproduced and judged."""

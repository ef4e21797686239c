"""Paper 004: training robustness through an influence measure."""
